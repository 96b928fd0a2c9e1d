"""When in the week, in four weeks, and in the year. Day 0, the first of 1970, was a Thursday: mod(day + 3, 7) is 0 on Mondays."""

from features.catalog import Family

CALENDAR = Family("calendar", "history", needs=("transactions.day",))
_add = CALENDAR.add

_WEEKDAYS = (("monday", "周一"), ("tuesday", "周二"), ("wednesday", "周三"), ("thursday", "周四"), ("friday", "周五"), ("saturday", "周六"), ("sunday", "周日"))
for _number, (_day, _day_zh) in enumerate(_WEEKDAYS):
    _add(f"{_day}_share", f"ratio(sum(case when mod(day + 3, 7) = {_number} then 1 else 0 end), count(*))", driver="buying_habit", unit="share",
         meaning=f"Share of purchase days on a {_day.capitalize()}", meaning_zh=f"{_day_zh}购买日占比",
         en=f"{{value}} of the visits are on a {_day.capitalize()}; typical is {{usual}}.", zh=f"{{value}}的到访在{_day_zh}；一般客户为{{usual}}。")
_SHARES = [f"{_day}_share" for _day, _ in _WEEKDAYS]
_add("weekday_concentration", " + ".join(f"{share} * {share}" for share in _SHARES), relation="vector", driver="buying_habit", unit="share", plain=False,
     meaning="Sum of squared weekday shares of purchase days: 1 is a single weekday, one seventh is none in particular", meaning_zh="购买日的星期集中度：1为固定某天，七分之一为无偏好",
     en="Purchase days keep to a weekday by {value}; typical is {usual}.", zh="购买日的星期集中度为{value}；一般客户为{usual}。")
_add("favourite_weekday_share",
     f"case {' '.join(f'when {_own} >= ' + f' and {_own} >= '.join(_SHARES[_k + 1:]) + f' then {_own}' for _k, _own in enumerate(_SHARES[:-1]))} else {_SHARES[-1]} end",
     relation="vector", driver="buying_habit", unit="share",
     meaning="Share of purchase days on the favourite weekday", meaning_zh="最常购买星期的购买日占比",
     en="{value} of the visits are on their favourite weekday; typical is {usual}.", zh="{value}的到访在最常去的星期几；一般客户为{usual}。")
_add("weekend_spend_share", "ratio(sum(case when mod(day + 3, 7) >= 5 then amount else 0 end), sum(amount))", driver="buying_habit", unit="share",
     meaning="Share of spend on Saturdays and Sundays", meaning_zh="周末消费占比",
     en="{value} of the spend is at weekends; typical is {usual}.", zh="{value}的消费在周末；一般客户为{usual}。")
_add("coming_week_of_four_share", "ratio(sum(case when mod(age, 28) = 0 or mod(age, 28) >= 22 then 1 else 0 end), count(*))", driver="buying_habit", unit="share",
     meaning="Share of purchase days in the same week of four as the one to come", meaning_zh="与未来一周处于同一四周周期位置的购买日占比",
     en="{value} of the visits were in the week of four that comes next; typical is {usual}.", zh="{value}的到访处于四周周期中即将到来的那一周；一般客户为{usual}。")
_add("purchase_days_same_weeks_last_year", "case when max(age) >= 364 then sum(case when age >= 337 and age <= 364 then 1 else 0 end) end", driver="buying_habit", unit="count",
     meaning="Purchase days in the weeks of last year that match the four to come, where memory reaches so far", meaning_zh="去年同期（对应未来四周）的购买天数（需记忆期足够长）",
     en="Bought on {value} days in the same four weeks of last year; typical is {usual}.", zh="去年同期四周内购买{value}天；一般客户为{usual}天。")
_add("spend_same_weeks_last_year", "case when max(age) >= 364 then sum(case when age >= 337 and age <= 364 then amount else 0 end) end", driver="spending_level", unit="money",
     meaning="Money spent in the weeks of last year that match the four to come, where memory reaches so far", meaning_zh="去年同期（对应未来四周）的消费（需记忆期足够长）",
     en="Spent {value} in the same four weeks of last year; typical is {usual}.", zh="去年同期四周消费{value}；一般客户为{usual}。")
