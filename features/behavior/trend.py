"""Where it is heading: a short window against a long one, the line through four-week sums, and where it broke."""

from features.catalog import Family

TREND = Family("trend", "vector", needs=("transactions.day",))
_add = TREND.add

_SHORT_LONG = ((14, 56), (28, 91), (56, 182), (91, 182))
for _short, _long in _SHORT_LONG:
    _add(f"visit_trend_{_short}d_{_long}d", f"ratio({_long} * purchase_days_{_short}d, {_short} * purchase_days_{_long}d)",
         driver="visiting_less", unit="ratio",
         meaning=f"Purchase days per day in the last {_short} days over those of the last {_long}", meaning_zh=f"近{_short}天与近{_long}天购买频率之比",
         en=f"Visits in the last {_short} days run at {{value}} times the pace of the last {_long}; typical is {{usual}}.", zh=f"近{_short}天的到访频率是近{_long}天的{{value}}倍；一般客户为{{usual}}倍。")
    _add(f"spend_trend_{_short}d_{_long}d", f"ratio({_long} * spend_{_short}d, {_short} * spend_{_long}d)",
         driver="spending_less", unit="ratio",
         meaning=f"Spend per day in the last {_short} days over that of the last {_long}", meaning_zh=f"近{_short}天与近{_long}天消费速度之比",
         en=f"Spend in the last {_short} days runs at {{value}} times the pace of the last {_long}; typical is {{usual}}.", zh=f"近{_short}天的消费速度是近{_long}天的{{value}}倍；一般客户为{{usual}}倍。")
_add("visits_fresh_against_usual", "ratio(purchase_days_28d, usual_purchase_days_per_28d)", driver="visiting_less", unit="ratio",
     meaning="Purchase days of the last 28 days over the customer's usual number", meaning_zh="近28天购买天数与平时之比",
     en="Visits in four weeks are {value} times the usual number; typical is {usual}.", zh="近四周到访是平时的{value}倍；一般客户为{usual}倍。")
_add("spend_fresh_against_usual", "ratio(spend_28d, usual_spend_per_28d)", driver="spending_less", unit="ratio",
     meaning="Spend of the last 28 days over the customer's usual", meaning_zh="近28天消费与平时之比",
     en="Spend in four weeks is {value} times the usual; typical is {usual}.", zh="近四周消费是平时的{value}倍；一般客户为{usual}倍。")
_add("spend_change_28d", "spend_28d - ratio(spend_91d - spend_28d, 63) * 28", driver="spending_less", unit="money", missing="0",
     meaning="Spend of the last 28 days less the pace of the nine weeks before", meaning_zh="近28天消费相对此前九周的变化",
     en="Spend changed by {value} against the nine weeks before; typical is {usual}.", zh="消费较此前九周变化{value}；一般客户为{usual}。")
_add("visit_change_28d", "purchase_days_28d - ratio(purchase_days_91d - purchase_days_28d, 63) * 28", driver="visiting_less", unit="number", missing="0",
     meaning="Purchase days of the last 28 days less the pace of the nine weeks before", meaning_zh="近28天购买天数相对此前九周的变化",
     en="Visits changed by {value} against the nine weeks before; typical is {usual}.", zh="到访较此前九周变化{value}次；一般客户为{usual}次。")



def _slope(what: str) -> str:
    """Least squares over the sums of six spans of four weeks, per span and forward in time.

    A day counts by its span's place x, 0 for the newest: (30 sum(y) - 12 sum(x y)) / 210. `age - 1 - mod(age - 1, 28)`
    is 28 x.
    """
    return f"ratio(sum(case when age <= 168 then {what} * (71 - age + mod(age - 1, 28)) else 0 end), 490)"


_add("spend_slope_per_28d", _slope("amount"), relation="history", driver="spending_less", unit="money",
     meaning="Change of the spend per four weeks, by the straight line through the last 24 weeks", meaning_zh="每四周消费的变化（近24周直线趋势）",
     en="Over 24 weeks, spend has changed by {value} every four weeks; typical is {usual}.", zh="按近24周趋势，每四周消费变化{value}；一般客户为{usual}。")
_add("visit_slope_per_28d", _slope("1"), relation="history", driver="visiting_less", unit="number",
     meaning="Change of the purchase days per four weeks, by the straight line through the last 24 weeks", meaning_zh="每四周购买天数的变化（近24周直线趋势）",
     en="Over 24 weeks, visits have changed by {value} every four weeks; typical is {usual}.", zh="按近24周趋势，每四周到访变化{value}次；一般客户为{usual}次。")
_add("spend_slope_against_usual", "ratio(spend_slope_per_28d, usual_spend_per_28d)", driver="spending_less", unit="ratio",
     meaning="Change of the spend per four weeks over the usual spend, by the straight line through the last 24 weeks", meaning_zh="每四周消费变化与平时消费之比（近24周直线趋势）",
     en="Over 24 weeks, spend has changed by {value} times the usual every four weeks; typical is {usual}.", zh="按近24周趋势，每四周消费变化为平时的{value}倍；一般客户为{usual}倍。")
_add("visit_slope_against_usual", "ratio(visit_slope_per_28d, usual_purchase_days_per_28d)", driver="visiting_less", unit="ratio",
     meaning="Change of the purchase days per four weeks over the usual number, by the straight line through the last 24 weeks", meaning_zh="每四周购买天数变化与平时之比（近24周直线趋势）",
     en="Over 24 weeks, visits have changed by {value} times the usual every four weeks; typical is {usual}.", zh="按近24周趋势，每四周到访变化为平时的{value}倍；一般客户为{usual}倍。")


def _largest(terms: list[str], results: list[str] | None = None) -> str:
    """The largest of some expressions, or the result in its place, for want of a portable `greatest`."""
    results = results or terms
    cases = [f"when {' and '.join(f'{one} >= {other}' for other in terms[k + 1:])} then {results[k]}" for k, one in enumerate(terms[:-1])]
    return f"case {' '.join(cases)} else {results[-1]} end"


_TURNS = (28, 56, 91)


def _shortfalls(what: str) -> list[str]:
    """26 times by how much the days since each turn fall short of their even share of 182 days: a CUSUM from today back."""
    return [f"{days // 7} * {what}_182d - 26 * {what}_{days}d" for days in _TURNS]


_add("spend_shortfall_share", f"ratio({_largest(_shortfalls('spend'))}, 26 * spend_182d)", driver="spending_less", unit="share", plain=False,
     meaning="By how much of 182 days' spend the last 28, 56 or 91 days fall short of an even pace, at most", meaning_zh="近28、56或91天消费相对均匀节奏的最大缺口（占近182天消费）",
     en="Since it turned, spend is short of an even pace by {value} of half a year's total; typical is {usual}.", zh="自转折以来消费缺口占近半年的{value}；一般客户为{usual}。")
_add("visit_shortfall_share", f"ratio({_largest(_shortfalls('purchase_days'))}, 26 * purchase_days_182d)", driver="visiting_less", unit="share", plain=False,
     meaning="By how much of 182 days' purchase days the last 28, 56 or 91 days fall short of an even pace, at most", meaning_zh="近28、56或91天购买天数相对均匀节奏的最大缺口（占近182天）",
     en="Since they turned, visits are short of an even pace by {value} of half a year's total; typical is {usual}.", zh="自转折以来到访缺口占近半年的{value}；一般客户为{usual}。")
_add("days_since_visits_turned", f"case when purchase_days_182d > 0 then {_largest(_shortfalls('purchase_days'), [str(days) for days in _TURNS])} end", driver="visiting_less", unit="days", plain=False,
     meaning="Which of the last 28, 56 or 91 days falls furthest short of an even pace", meaning_zh="近28、56、91天中相对均匀节奏缺口最大的一段",
     en="If visits turned, it was about {value} ago; typical is {usual}.", zh="若到访有转折，约在{value}前；一般客户为{usual}。")
