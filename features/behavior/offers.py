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
