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
_RESOLVED = ("interactions.kind", "interactions.resolved_day")
_TOPIC = ("interactions.kind", "interactions.topic")
_add("days_oldest_complaint_open", f"max(case when {_TROUBLE} and resolved_age is null then age end)", driver="service_trouble", unit="days", needs=_RESOLVED,
     meaning="Days that the oldest unresolved complaint or ticket has been open", meaning_zh="最早未解决投诉的持续天数",
     en="The oldest open complaint has waited {value}; typical is {usual}.", zh="最早的未解决投诉已等待{value}；一般客户为{usual}。")
_add("longest_days_to_resolve", f"max(case when {_TROUBLE} then age - resolved_age end)", driver="service_trouble", unit="days", needs=_RESOLVED,
     meaning="Most days that a complaint took to be resolved", meaning_zh="投诉的最长解决天数",
     en="The slowest answer to a complaint took {value}; typical is {usual}.", zh="最慢的一次投诉用了{value}解决；一般客户为{usual}。")
_add("days_since_last_resolution", f"min(case when {_TROUBLE} then resolved_age end)", driver="service_trouble", unit="days", needs=_RESOLVED,
     meaning="Days since a complaint or ticket was last resolved", meaning_zh="距上次投诉解决的天数",
     en="A complaint was last resolved {value} ago; typical is {usual}.", zh="上次投诉在{value}前解决；一般客户为{usual}。")
_add("resolved_complaint_share", f"ratio(count(case when {_TROUBLE} then resolved_age end), count(case when {_TROUBLE} then 1 end))", driver="service_trouble", unit="share", needs=_RESOLVED,
     meaning="Share of complaints and tickets that are resolved", meaning_zh="已解决的投诉占比",
     en="{value} of their complaints are resolved; typical is {usual}.", zh="{value}的投诉已解决；一般客户为{usual}。")
_add("complaint_topics_182d", f"count(distinct case when age <= 182 and {_TROUBLE} then topic end)", driver="service_trouble", unit="count", missing="0", needs=_TOPIC,
     meaning="Different topics of the complaints of the last 182 days", meaning_zh="近182天投诉涉及的主题数",
     en="Topics complained about in the last 182 days: {value}; typical is {usual}.", zh="近182天的投诉涉及{value}个主题；一般客户为{usual}个。")
_add("repeated_complaints_182d", f"count(case when age <= 182 and {_TROUBLE} then topic end) - count(distinct case when age <= 182 and {_TROUBLE} then topic end)",
     driver="service_trouble", unit="count", missing="0", needs=_TOPIC,
     meaning="Complaints of the last 182 days about a topic complained about before", meaning_zh="近182天就同一主题再次投诉的次数",
     en="Complaints about the same thing again in the last 182 days: {value}; typical is {usual}.", zh="近182天就同一主题再次投诉{value}次；一般客户为{usual}次。")
_add("complaint_trend", "ratio(182 * complaints_28d, 28 * complaints_182d)", relation="vector", driver="service_trouble", unit="ratio",
     meaning="Complaints per day in the last 28 days over those of 182", meaning_zh="近28天与近182天投诉频率之比",
     en="Complaints run at {value} times their usual pace; typical is {usual}.", zh="投诉频率是平时的{value}倍；一般客户为{usual}倍。")
_add("complaints_per_purchase_day_182d", "ratio(complaints_182d, purchase_days_182d)", relation="vector", driver="service_trouble", unit="ratio",
     meaning="Complaints per purchase day in the last 182 days", meaning_zh="近182天投诉次数与购买天数之比",
     en="Complaints per visit in the last 182 days: {value}; typical is {usual}.", zh="近182天每次购买对应{value}次投诉；一般客户为{usual}次。")
_add("calls_91d", "sum(case when age <= 91 and kind = 'call' then 1 else 0 end)", driver="service_trouble", role="context", unit="count", missing="0",
     meaning="Calls in the last 91 days", meaning_zh="近91天的通话次数",
     en="Calls in the last 91 days: {value}; typical is {usual}.", zh="近91天有{value}次通话；一般客户为{usual}次。")
_add("mean_satisfaction", "ratio(sum(satisfaction), count(satisfaction))", driver="service_trouble", unit="number", needs=("interactions.satisfaction",),
     meaning="Mean satisfaction given", meaning_zh="平均满意度",
     en="Satisfaction is {value} on average; typical is {usual}.", zh="平均满意度为{value}；一般客户为{usual}。")
_add("lowest_satisfaction_91d", "min(case when age <= 91 then satisfaction end)", driver="service_trouble", unit="number", needs=("interactions.satisfaction",),
     meaning="The lowest satisfaction given in the last 91 days", meaning_zh="近91天的最低满意度",
     en="The lowest satisfaction in the last 91 days was {value}; typical is {usual}.", zh="近91天最低满意度为{value}；一般客户为{usual}。")
_add("satisfaction_gap", "ratio(sum(satisfaction - expectation), count(satisfaction - expectation))", driver="service_trouble", unit="number", needs=("interactions.satisfaction", "interactions.expectation"),
     meaning="Mean of perceived less expected quality: below 0 is disappointment", meaning_zh="感知与期望质量之差的均值：低于0为失望",
     en="Experience differs from expectation by {value}; typical is {usual}.", zh="体验与期望之差为{value}；一般客户为{usual}。")
