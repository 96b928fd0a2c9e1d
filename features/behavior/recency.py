"""How long ago: the silence before the cut-off, and how long the customer has been with us."""

from features.catalog import Family

RECENCY = Family("recency", "history", needs=("transactions.day",))
_add = RECENCY.add

_add("days_since_last_purchase", "min(age)", driver="going_quiet", unit="days", monotone=1, usual="mean_gap_days",
     meaning="Days from the last purchase to the cut-off", meaning_zh="最近一次购买距今的天数",
     en="Last bought {value} ago; usually every {usual}.", zh="上次购买在{value}前；通常每{usual}购买一次。")
_add("days_since_first_purchase", "max(age)", driver="tenure", unit="days",
     meaning="Days from the first purchase that memory holds to the cut-off", meaning_zh="记忆期内首次购买距今的天数",
     en="With us for at least {value}; typical is {usual}.", zh="至少已有{value}的购买记录；一般客户为{usual}。")
_add("days_since_typical_purchase", "ratio(sum(age), count(*))", driver="visiting_less", unit="days", plain=False,
     meaning="Mean age of the purchase days: where the history's weight lies", meaning_zh="购买日的平均距今天数",
     en="On average, purchases lie {value} back; typical is {usual}.", zh="购买平均发生在{value}前；一般客户为{usual}。")
_add("days_since_typical_spend", "ratio(sum(age * amount), sum(amount))", driver="spending_less", unit="days", plain=False,
     meaning="Age of the average unit of money spent", meaning_zh="每单位消费的平均距今天数",
     en="The average amount spent lies {value} back; typical is {usual}.", zh="消费平均发生在{value}前；一般客户为{usual}。")
_add("overdue_ratio", "ratio(days_since_last_purchase, mean_gap_days)", relation="vector", driver="going_quiet", unit="ratio",
     meaning="Present silence over the usual gap between purchases", meaning_zh="当前沉默时长与平时购买间隔之比",
     en="Has not bought for {value} times as long as usual for them; for others it is {usual} times.", zh="未购买的时间是其平时间隔的{value}倍；一般客户为{usual}倍。")
_add("overdue_against_longest", "ratio(days_since_last_purchase, longest_gap_days)", relation="vector", driver="going_quiet", unit="ratio",
     meaning="Present silence over the longest gap seen", meaning_zh="当前沉默时长与最长间隔之比",
     en="Has not bought for {value} times their longest break so far; for others it is {usual} times.", zh="未购买的时间是其历史最长间隔的{value}倍；一般客户为{usual}倍。")
_add("overdue_deviations", "ratio(days_since_last_purchase - mean_gap_days, gap_spread_days)", relation="vector", driver="going_quiet", unit="number", plain=False,
     meaning="How many standard deviations the present silence exceeds the usual gap", meaning_zh="当前沉默超出平时间隔的标准差数",
     en="The present silence is {value} standard deviations beyond the usual gap; typical is {usual}.", zh="当前沉默超出平时间隔{value}个标准差；一般客户为{usual}。")
_add("overdue_factor", "case when gap_factor_spread > ratio(1, 1000000) then ratio(ln(ratio(days_since_last_purchase, typical_gap_days)), gap_factor_spread) end",
     relation="vector", driver="going_quiet", unit="number", plain=False,
     meaning="How many standard deviations the present silence exceeds the typical gap, on a scale of factors", meaning_zh="按倍数计，当前沉默超出典型间隔的标准差数",
     en="By its own ups and downs the present silence lies {value} deviations beyond a typical gap; typical is {usual}.", zh="按自身波动，当前沉默超出典型间隔{value}个标准差；一般客户为{usual}。")
_add("days_from_first_to_last_purchase", "days_since_first_purchase - days_since_last_purchase", relation="vector", driver="tenure", unit="days",
     meaning="Days from the first purchase that memory holds to the last one", meaning_zh="记忆期内首次购买至最近一次购买的天数",
     en="Their purchases span {value}; typical is {usual}.", zh="购买时间跨度为{value}；一般客户为{usual}。")
_add("days_since_sign_up", "min(age)", relation="membership", driver="tenure", unit="days", needs=("customers.signed_up_day",),
     meaning="Days since the customer signed up", meaning_zh="注册至今的天数",
     en="Signed up {value} ago; typical is {usual}.", zh="{value}前注册；一般客户为{usual}。")
