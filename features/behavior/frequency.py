"""How often: days with a purchase and orders in windows, plain and fading with age."""

from features.catalog import Family

FREQUENCY = Family("frequency", "history", needs=("transactions.day",))
_add = FREQUENCY.add

# a short window tells of silence, a middle one of change, a long one of habit
_DRIVERS = {7: "going_quiet", 14: "going_quiet", 28: "visiting_less", 56: "visiting_less", 91: "buying_habit", 182: "buying_habit"}

_add("purchase_days_{w}d", "sum(case when age <= {w} then 1 else 0 end)", windows=_DRIVERS,
     driver=_DRIVERS, unit="count", missing="0",
     meaning="Days with a purchase in the last {w} days", meaning_zh="近{w}天内有购买的天数",
     en="Bought on {value} of the last {w} days; typical is {usual}.", zh="近{w}天内有{value}天购买；一般客户为{usual}天。")
_add("usual_purchase_days_per_28d", "ratio(28 * count(*), case when max(age) < 28 then 28 else max(age) end)", driver="buying_habit", unit="number",
     meaning="Purchase days per 28 days since the first one in memory, if that is at least 28 days ago; else all of them", meaning_zh="平均每28天的购买天数",
     en="Usually buys on {value} days of four weeks; typical is {usual}.", zh="平时每四周购买{value}天；一般客户为{usual}天。")
_add("orders_{w}d", "sum(case when age <= {w} then orders else 0 end)", windows=(28, 91, 182),
     driver="buying_habit", unit="count", missing="0", needs=("transactions.order_id",),
     meaning="Orders in the last {w} days", meaning_zh="近{w}天的订单数",
     en="Orders in the last {w} days: {value}; typical is {usual}.", zh="近{w}天有{value}个订单；一般客户为{usual}个。")
_add("active_weeks_{w}d", "sum(case when age <= {w} then last_of_week else 0 end)", windows=(56, 91, 182),
     driver="buying_habit", unit="count", missing="0",
     meaning="Weeks with a purchase within the last {w} days", meaning_zh="近{w}天中有购买的周数",
     en="Weeks with a purchase in the last {w} days: {value}; typical is {usual}.", zh="近{w}天中有{value}周购买；一般客户为{usual}周。")
_add("fading_visits_{w}d", "sum(exp(-ratio(age, {w})))", windows=(7, 14, 28, 56), driver=_DRIVERS, unit="number", missing="0", plain=False,
     meaning="Purchase days, each counting less the older it is (time constant {w} days)", meaning_zh="按时间衰减的购买天数（时间常数{w}天）",
     en="Recent visits, weighed by freshness over {w} days, come to {value}; typical is {usual}.", zh="按{w}天新鲜度加权的近期到访为{value}；一般客户为{usual}。")
_add("purchase_days_in_memory", "count(*)", driver="buying_habit", unit="count", missing="0",
     meaning="Days with a purchase, as far back as memory goes", meaning_zh="记忆期内有购买的天数",
     en="Purchase days on record: {value}; typical is {usual}.", zh="记录内共有{value}个购买日；一般客户为{usual}个。")
