"""Trouble: complaints and tickets, how long they stay open, and expectation against experience."""

from features.catalog import Family

SERVICE = Family("service", "interaction_history", needs=("interactions.kind",))
_add = SERVICE.add
_TROUBLE = "kind in ('complaint', 'ticket')"

_add("complaints_{w}d", f"sum(case when age <= {{w}} and {_TROUBLE} then 1 else 0 end)", windows=(28, 91, 182), driver="service_trouble", unit="count", missing="0",
     meaning="Complaints and tickets in the last {w} days", meaning_zh="近{w}天的投诉与工单数",
     en="Complaints in the last {w} days: {value}; typical is {usual}.", zh="近{w}天有{value}次投诉；一般客户为{usual}次。")
_add("days_since_last_complaint", f"min(case when {_TROUBLE} then age end)", driver="service_trouble", unit="days",
     meaning="Days since the last complaint or ticket", meaning_zh="距上次投诉或工单的天数",
     en="Last complained {value} ago; typical is {usual}.", zh="上次投诉在{value}前；一般客户为{usual}。")
_add("open_complaints", f"sum(case when {_TROUBLE} and resolved_age is null then 1 else 0 end)", driver="service_trouble", unit="count", missing="0",
     needs=("interactions.kind", "interactions.resolved_day"),
     meaning="Complaints and tickets not resolved at the cut-off", meaning_zh="截止日仍未解决的投诉数",
     en="Complaints still open: {value}; typical is {usual}.", zh="仍有{value}个投诉未解决；一般客户为{usual}个。")
_add("mean_days_to_resolve", f"ratio(sum(case when {_TROUBLE} then age - resolved_age end), count(case when {_TROUBLE} then resolved_age end))",
     driver="service_trouble", unit="days", needs=("interactions.kind", "interactions.resolved_day"),
     meaning="Mean days from complaint to resolution", meaning_zh="投诉的平均解决天数",
     en="Complaints took {value} to resolve; typical is {usual}.", zh="投诉平均{value}解决；一般客户为{usual}。")
_add("satisfaction_index", "ratio(sum(case when expectation is not null then satisfaction end), sum(case when satisfaction is not null then expectation end))",
     driver="service_trouble", unit="ratio", needs=("interactions.satisfaction", "interactions.expectation"),
     meaning="Perceived over expected quality: below 1 is disappointment", meaning_zh="感知与期望质量之比：低于1为失望",
     en="Experience against expectation stands at {value}; typical is {usual}.", zh="体验与期望之比为{value}；一般客户为{usual}。")
