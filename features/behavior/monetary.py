"""How much: money spent in windows, per purchase day, and its spread."""

from features.catalog import Family

MONETARY = Family("monetary", "history", needs=("transactions.day",))
_add = MONETARY.add

_DRIVERS = {14: "spending_less", 28: "spending_less", 56: "spending_less", 91: "spending_level", 182: "spending_level"}

_add("spend_{w}d", "sum(case when age <= {w} then amount else 0 end)", windows=_DRIVERS,
     driver=_DRIVERS, unit="money", missing="0",
     meaning="Money spent in the last {w} days", meaning_zh="近{w}天的消费",
     en="Spent {value} in the last {w} days; typical is {usual}.", zh="近{w}天消费{value}；一般客户为{usual}。")
_add("usual_spend_per_28d", "ratio(28 * sum(amount), case when max(age) < 28 then 28 else max(age) end)", driver="spending_level", unit="money",
     meaning="Money spent per 28 days since the first purchase in memory, if that is at least 28 days ago; else all of it", meaning_zh="平均每28天的消费",
     en="Usually spends {value} in four weeks; typical is {usual}.", zh="平时每四周消费{value}；一般客户为{usual}。")
_add("spend_per_purchase_day_{w}d", "ratio(sum(case when age <= {w} then amount end), count(case when age <= {w} then 1 end))", windows=(28, 91, 182),
     driver="spending_level", unit="money",
     meaning="Mean spend of a purchase day in the last {w} days", meaning_zh="近{w}天每个购买日的平均消费",
     en="Spent {value} per visit in the last {w} days; typical is {usual}.", zh="近{w}天每次到访消费{value}；一般客户为{usual}。")
_add("largest_purchase_day", "max(amount)", driver="spending_level", unit="money",
     meaning="The largest spend of one day in memory", meaning_zh="记忆期内最大单日消费",
     en="The largest day so far was {value}; typical is {usual}.", zh="历史最大单日消费为{value}；一般客户为{usual}。")
_add("spend_spread", "stddev_samp(amount)", driver="spending_level", unit="money",
     meaning="Standard deviation of the daily spend", meaning_zh="单日消费的标准差",
     en="Spend per visit varies by {value}; typical is {usual}.", zh="每次消费的波动为{value}；一般客户为{usual}。")
_add("last_purchase_day_spend", "sum(case when next_age is null then amount end)", driver="spending_less", unit="money", usual="spend_per_purchase_day_182d",
     meaning="Money spent on the last purchase day", meaning_zh="最近一次购买日的消费",
     en="The last visit came to {value}; usually {usual}.", zh="最近一次消费{value}；通常为{usual}。")
_add("fading_spend_{w}d", "sum(amount * exp(-ratio(age, {w})))", windows=(14, 56), driver="spending_less", unit="money", missing="0", plain=False,
     meaning="Money spent, each amount counting less the older it is (time constant {w} days)", meaning_zh="按时间衰减的消费（时间常数{w}天）",
     en="Recent spend, weighed by freshness over {w} days, comes to {value}; typical is {usual}.", zh="按{w}天新鲜度加权的近期消费为{value}；一般客户为{usual}。")
_add("usual_margin_per_28d", "ratio(28 * sum(amount - cost), case when max(age) < 28 then 28 else max(age) end)", driver="spending_level", unit="money",
     needs=("transactions.cost",), meaning="Money earned per 28 days since the first purchase in memory, if that is at least 28 days ago; else all of it", meaning_zh="平均每28天的毛利",
     en="Usually earns us {value} in four weeks; typical is {usual}.", zh="平时每四周带来毛利{value}；一般客户为{usual}。")
_add("margin_{w}d", "sum(case when age <= {w} then amount - cost end)", windows=(91, 182), driver="spending_level", unit="money",
     needs=("transactions.cost",), meaning="Money earned on goods in the last {w} days", meaning_zh="近{w}天的毛利",
     en="Earned us {value} in the last {w} days; typical is {usual}.", zh="近{w}天带来毛利{value}；一般客户为{usual}。")
_add("typical_spend_per_purchase_day", "exp(ratio(sum(case when amount > 0 then ln(amount) end), count(case when amount > 0 then 1 end)))", driver="spending_level", unit="money",
     meaning="Geometric mean of the daily spend, which a few large days hardly move", meaning_zh="单日消费的几何平均值（不受个别大额影响）",
     en="A typical visit comes to {value}; typical of others is {usual}.", zh="一次典型消费为{value}；一般客户为{usual}。")
_add("largest_day_spend_share", "ratio(max(amount), sum(amount))", driver="spending_level", unit="share",
     meaning="Share of all spend in memory that fell on the largest day", meaning_zh="最大单日消费占总消费的比例",
     en="One single day holds {value} of all they spent; typical is {usual}.", zh="最大单日占总消费的{value}；一般客户为{usual}。")
_add("spend_irregularity", "ratio(spend_spread, ratio(usual_spend_per_28d, usual_purchase_days_per_28d))", relation="vector", driver="spending_level", unit="ratio",
     meaning="Spread of the daily spend over its mean", meaning_zh="单日消费波动与均值之比",
     en="Spend per visit varies by {value} times its mean; typical is {usual}.", zh="单次消费的波动为均值的{value}倍；一般客户为{usual}倍。")
