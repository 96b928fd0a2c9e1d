"""At what price: discounts taken, and how much of what is bought is bought at full price."""

from features.catalog import Family

PRICE = Family("price", "history", needs=("transactions.discount",))
_add = PRICE.add

_add("discount_share_{w}d", "ratio(sum(case when age <= {w} then discount end), sum(case when age <= {w} then amount + discount end))", windows=(28, 91, 182),
     driver="price", unit="share",
     meaning="Discounts over the full price of what was bought in the last {w} days", meaning_zh="近{w}天折扣占原价的比例",
     en="Took {value} off full prices in the last {w} days; typical is {usual}.", zh="近{w}天折扣占原价{value}；一般客户为{usual}。")
_add("discounted_line_share_{w}d", "ratio(sum(case when age <= {w} then discounted_lines end), sum(case when age <= {w} then lines end))", windows=(28, 91),
     driver="price", unit="share",
     meaning="Share of lines bought at a discount in the last {w} days", meaning_zh="近{w}天打折商品行占比",
     en="{value} of the items in the last {w} days were on offer; typical is {usual}.", zh="近{w}天{value}的商品为折扣购买；一般客户为{usual}。")
_add("full_price_visits_share_91d", "ratio(sum(case when age <= 91 and discounted_lines = 0 then 1 else 0 end), count(case when age <= 91 then 1 end))",
     driver="price", unit="share",
     meaning="Share of purchase days without any discount in the last 91 days", meaning_zh="近91天全价购买日占比",
     en="{value} of the visits in the last 91 days were at full price; typical is {usual}.", zh="近91天{value}的到访为全价；一般客户为{usual}。")
_add("days_since_last_discount", "min(case when discount > 0 then age end)", driver="price", unit="days",
     meaning="Days since a discount was last taken", meaning_zh="距上次享受折扣的天数",
     en="Last bought something at a discount {value} ago; typical is {usual}.", zh="上次购买折扣商品在{value}前；一般客户为{usual}。")
_add("amount_per_line_{w}d", "ratio(sum(case when age <= {w} then amount end), sum(case when age <= {w} then lines end))", windows=(28, 182),
     driver="price", unit="money",
     meaning="Mean amount of a line in the last {w} days", meaning_zh="近{w}天每行商品的平均金额",
     en="An item cost {value} on average in the last {w} days; typical is {usual}.", zh="近{w}天单件均价{value}；一般客户为{usual}。")
_add("discount_change", "discount_share_28d - discount_share_182d", relation="vector", driver="price", unit="number",
     meaning="Discount share of the last 28 days less that of 182", meaning_zh="近28天与近182天折扣率之差",
     en="The discount share moved by {value} against the usual; typical is {usual}.", zh="折扣率较平时变化{value}；一般客户为{usual}。")
_add("price_change", "ratio(amount_per_line_28d, amount_per_line_182d)", relation="vector", driver="price", unit="ratio",
     meaning="Mean amount of a line in the last 28 days over that of 182", meaning_zh="近28天与近182天单件均价之比",
     en="Items cost {value} times what they usually do; typical is {usual}.", zh="单件价格是平时的{value}倍；一般客户为{usual}倍。")
_add("full_price_spend_share_{w}d", "ratio(sum(case when age <= {w} then full_price_amount end), sum(case when age <= {w} then amount end))", windows=(28, 182),
     driver="price", unit="share",
     meaning="Share of the money spent in the last {w} days that was spent at full price", meaning_zh="近{w}天全价消费占比",
     en="{value} of what they spent in the last {w} days was at full price; typical is {usual}.", zh="近{w}天{value}的消费为全价；一般客户为{usual}。")
_add("discount_depth_share_91d", "ratio(sum(case when age <= 91 then discount end), sum(case when age <= 91 then discount + amount - full_price_amount end))",
     driver="price", unit="share",
     meaning="Discounts over the full price of what was bought at a discount in the last 91 days", meaning_zh="近91天折扣商品的平均折扣幅度",
     en="What they bought on offer in the last 91 days was {value} off; typical is {usual}.", zh="近91天折扣商品平均优惠{value}；一般客户为{usual}。")
_PIECES = ("transactions.quantity",)
_add("amount_per_piece_{w}d", "ratio(sum(case when age <= {w} and pieces > 0 then amount end), sum(case when age <= {w} then pieces end))", windows=(28, 182),
     driver="price", unit="money", needs=_PIECES,
     meaning="Money spent per piece in the last {w} days", meaning_zh="近{w}天每件商品的平均消费",
     en="Paid {value} a piece in the last {w} days; typical is {usual}.", zh="近{w}天每件平均{value}；一般客户为{usual}。")
_add("piece_price_change", "ratio(amount_per_piece_28d, amount_per_piece_182d)", relation="vector", driver="price", unit="ratio", needs=_PIECES,
     meaning="Money spent per piece of the last 28 days over that of 182", meaning_zh="近28天与近182天每件消费之比",
     en="Pays {value} times the usual amount a piece; typical is {usual}.", zh="每件消费是平时的{value}倍；一般客户为{usual}倍。")
_USUAL = ("transactions.product", "references.prices")
_add("paid_against_usual_{w}d", "ratio(sum(case when age <= {w} then priced_amount end), sum(case when age <= {w} then usual_amount end))", windows=(28, 182),
     driver="price", unit="ratio", needs=_USUAL,
     meaning="Money paid in the last {w} days over what the same products usually cost", meaning_zh="近{w}天实付金额与商品通常价格之比",
     en="Paid {value} times the usual price of the same products in the last {w} days; typical is {usual}.", zh="近{w}天实付为商品通常价格的{value}倍；一般客户为{usual}倍。")
_add("paid_against_usual_change", "paid_against_usual_28d - paid_against_usual_182d", relation="vector", driver="price", unit="number", needs=_USUAL,
     meaning="Prices paid against usual ones in the last 28 days less those of 182", meaning_zh="近28天与近182天价格水平之差",
     en="What they pay against usual prices moved by {value}; typical is {usual}.", zh="相对通常价格，支付水平较此前变化{value}；一般客户为{usual}。")
