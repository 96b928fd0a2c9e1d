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
_KINDS = (
    ("browsing_visits", "visit", "Visits, bought or not,", "访问次数（无论是否购买）", "Visits, bought or not, in the last {w} days: {value}; typical is {usual}.", "近{w}天访问{value}次；一般客户为{usual}次。",
     "a visit", "Last came to look {value} ago", "访问"),
    ("email_opens", "email_open", "Opened e-mails", "打开邮件数", "E-mails opened in the last {w} days: {value}; typical is {usual}.", "近{w}天打开{value}封邮件；一般客户为{usual}封。",
     "an opened e-mail", "Last opened an e-mail {value} ago", "打开邮件"),
    ("email_clicks", "email_click", "Clicked e-mails", "点击邮件数", "E-mails clicked in the last {w} days: {value}; typical is {usual}.", "近{w}天点击{value}封邮件；一般客户为{usual}封。",
     "a clicked e-mail", "Last clicked an e-mail {value} ago", "点击邮件"),
)
for _name, _kind, _meaning, _meaning_zh, _en, _zh, _last, _last_en, _last_zh in _KINDS:
    _add(_name + "_{w}d", f"sum(case when age <= {{w}} and kind = '{_kind}' then 1 else 0 end)", windows=(28, 91), driver="engagement", unit="count", missing="0",
         meaning=_meaning + " in the last {w} days", meaning_zh="近{w}天" + _meaning_zh, en=_en, zh=_zh)
    _add(f"days_since_last_{_kind}", f"min(case when kind = '{_kind}' then age end)", driver="engagement", unit="days",
         meaning=f"Days since {_last}", meaning_zh=f"距上次{_last_zh}的天数",
         en=f"{_last_en}; typical is {{usual}}.", zh=f"上次{_last_zh}在{{value}}前；一般客户为{{usual}}。")
_add("click_to_open_share_91d", "ratio(email_clicks_91d, email_opens_91d)", relation="vector", driver="engagement", unit="share",
     meaning="Clicked over opened e-mails in the last 91 days", meaning_zh="近91天邮件点击与打开之比",
     en="Clicked in {value} of the e-mails opened in the last 91 days; typical is {usual}.", zh="近91天打开的邮件中点击占{value}；一般客户为{usual}。")
_add("fading_engagements_28d", f"sum(case when {_INTEREST} then exp(-ratio(age, 28)) else 0 end)", driver="engagement", unit="number", missing="0", plain=False,
     meaning="Visits, opened and clicked e-mails, each counting less the older it is (time constant 28 days)", meaning_zh="按时间衰减的互动次数（时间常数28天）",
     en="Recent interest, weighed by freshness over 28 days, comes to {value}; typical is {usual}.", zh="按28天新鲜度加权的近期互动为{value}；一般客户为{usual}。")
_add("engagements_per_purchase_day_91d", "ratio(engagements_91d, purchase_days_91d)", relation="vector", driver="engagement", unit="ratio",
     meaning="Visits, opened and clicked e-mails per purchase day in the last 91 days", meaning_zh="近91天互动次数与购买天数之比",
     en="Looked {value} times for each purchase in the last 91 days; typical is {usual}.", zh="近91天每次购买对应{value}次互动；一般客户为{usual}次。")
