"""What we offered, and whether it was taken up."""

from features.catalog import Family

OFFERS = Family("offers", "offer_history", needs=("offers.action",))
_add = OFFERS.add
_RESPONSE = ("offers.action", "offers.responded_day")

_add("offers_{w}d", "sum(case when age <= {w} then 1 else 0 end)", windows=(28, 91, 182), driver="offers", unit="count", missing="0",
     meaning="Offers sent in the last {w} days", meaning_zh="近{w}天收到的优惠数",
     en="Offers received in the last {w} days: {value}; typical is {usual}.", zh="近{w}天收到{value}个优惠；一般客户为{usual}个。")
_add("days_since_last_offer", "min(age)", driver="offers", unit="days",
     meaning="Days since the last offer", meaning_zh="距上次优惠的天数",
     en="The last offer was {value} ago; typical is {usual}.", zh="上次优惠在{value}前；一般客户为{usual}。")
_add("offer_responses_182d", "count(case when age <= 182 then responded_age end)", driver="offers", unit="count", missing="0", needs=_RESPONSE,
     meaning="Offers of the last 182 days taken up by the cut-off", meaning_zh="近182天的优惠中截止日前已响应的数量",
     en="Offers of the last 182 days taken up: {value}; typical is {usual}.", zh="近182天的优惠中响应过{value}个；一般客户为{usual}个。")
_add("offer_response_share", "ratio(count(responded_age), count(*))", driver="offers", unit="share", needs=_RESPONSE,
     meaning="Share of the offers taken up", meaning_zh="优惠响应率",
     en="Takes up {value} of the offers; typical is {usual}.", zh="优惠响应率为{value}；一般客户为{usual}。")
_add("days_since_last_response", "min(responded_age)", driver="offers", unit="days", needs=_RESPONSE,
     meaning="Days since an offer was last taken up", meaning_zh="距上次响应优惠的天数",
     en="Last took up an offer {value} ago; typical is {usual}.", zh="上次响应优惠在{value}前；一般客户为{usual}。")
_add("unanswered_offers_91d", "sum(case when age <= 91 and responded_age is null then 1 else 0 end)", driver="offers", unit="count", missing="0", needs=_RESPONSE,
     meaning="Offers of the last 91 days not taken up", meaning_zh="近91天未响应的优惠数",
     en="Offers of the last 91 days left unanswered: {value}; typical is {usual}.", zh="近91天有{value}个优惠未响应；一般客户为{usual}个。")
_add("unanswered_offers_28d", "sum(case when age <= 28 and responded_age is null then 1 else 0 end)", driver="offers", unit="count", missing="0", needs=_RESPONSE,
     meaning="Offers of the last 28 days not taken up", meaning_zh="近28天未响应的优惠数",
     en="Offers of the last 28 days left unanswered: {value}; typical is {usual}.", zh="近28天有{value}个优惠未响应；一般客户为{usual}个。")
_add("offer_response_share_91d", "ratio(count(case when age <= 91 then responded_age end), count(case when age <= 91 then 1 end))", driver="offers", unit="share", usual="offer_response_share", needs=_RESPONSE,
     meaning="Share of the offers of the last 91 days taken up", meaning_zh="近91天优惠响应率",
     en="Took up {value} of the offers of the last 91 days; usually {usual}.", zh="近91天优惠响应率为{value}；平时为{usual}。")
_add("mean_days_to_respond", "ratio(sum(age - responded_age), count(responded_age))", driver="offers", unit="days", needs=_RESPONSE,
     meaning="Mean days from an offer to its being taken up", meaning_zh="响应优惠的平均天数",
     en="Takes up offers after {value}; typical is {usual}.", zh="平均{value}后响应优惠；一般客户为{usual}。")
_add("days_since_last_unanswered_offer", "min(case when responded_age is null then age end)", driver="offers", unit="days", needs=_RESPONSE,
     meaning="Days since the last offer that was not taken up", meaning_zh="距上次未响应优惠的天数",
     en="The last offer left unanswered was {value} ago; typical is {usual}.", zh="上次未响应的优惠在{value}前；一般客户为{usual}。")
_add("offer_trend", "ratio(182 * offers_28d, 28 * offers_182d)", relation="vector", driver="offers", unit="ratio",
     meaning="Offers per day in the last 28 days over those of 182", meaning_zh="近28天与近182天优惠频率之比",
     en="Offers come at {value} times their usual pace; typical is {usual}.", zh="优惠频率是平时的{value}倍；一般客户为{usual}倍。")
_add("fading_offers_28d", "sum(exp(-ratio(age, 28)))", driver="offers", unit="number", missing="0", plain=False,
     meaning="Offers sent, each counting less the older it is (time constant 28 days)", meaning_zh="按时间衰减的优惠数（时间常数28天）",
     en="Offers sent lately, weighed by freshness over 28 days, come to {value}; typical is {usual}.", zh="按28天新鲜度加权的近期优惠为{value}；一般客户为{usual}。")
_add("offers_per_purchase_day_182d", "ratio(offers_182d, purchase_days_182d)", relation="vector", driver="offers", unit="ratio",
     meaning="Offers sent per purchase day in the last 182 days", meaning_zh="近182天优惠数与购买天数之比",
     en="Offers sent for each visit in the last 182 days: {value}; typical is {usual}.", zh="近182天每次购买对应{value}个优惠；一般客户为{usual}个。")
_add("offer_cost_182d", "sum(case when age <= 182 then cost end)", driver="offers", role="context", unit="money", needs=("offers.action", "offers.cost"),
     meaning="What the offers of the last 182 days cost us", meaning_zh="近182天优惠的成本",
     en="Offers of the last 182 days cost us {value}; typical is {usual}.", zh="近182天的优惠成本为{value}；一般客户为{usual}。")
