"""Where it is heading: a short window against a long one, per day of each."""

from features.catalog import Family

TREND = Family("trend", "vector")
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
