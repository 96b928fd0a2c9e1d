"""Interest without a purchase: visits, opened and clicked e-mail."""

from features.catalog import Family

ENGAGEMENT = Family("engagement", "interaction_history", needs=("interactions.kind",))
_add = ENGAGEMENT.add
_INTEREST = "kind in ('visit', 'email_open', 'email_click')"

_add("engagements_{w}d", f"sum(case when age <= {{w}} and {_INTEREST} then 1 else 0 end)", windows=(28, 91), driver="engagement", unit="count", missing="0",
     meaning="Visits, opened and clicked e-mails in the last {w} days", meaning_zh="近{w}天的访问与邮件互动次数",
     en="Visits and opened e-mails in the last {w} days: {value}; typical is {usual}.", zh="近{w}天有{value}次访问或邮件互动；一般客户为{usual}次。")
_add("days_since_last_engagement", f"min(case when {_INTEREST} then age end)", driver="engagement", unit="days",
     meaning="Days since the last visit or opened e-mail", meaning_zh="距上次访问或打开邮件的天数",
     en="Last looked in {value} ago; typical is {usual}.", zh="上次互动在{value}前；一般客户为{usual}。")
_add("engagement_trend", "ratio(91 * engagements_28d, 28 * engagements_91d)", relation="vector", driver="engagement", unit="ratio",
     meaning="Engagements per day in the last 28 days over those of 91", meaning_zh="近28天与近91天互动频率之比",
     en="Engagement runs at {value} times its usual pace; typical is {usual}.", zh="互动频率是平时的{value}倍；一般客户为{usual}倍。")
