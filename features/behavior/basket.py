"""What is bought: size and variety of the basket, and what has been dropped from it."""

from features.catalog import Family

BASKET = Family("basket", "history", needs=("transactions.day",))
_add = BASKET.add
_CATEGORY = ("transactions.category",)

_add("lines_per_visit_{w}d", "ratio(sum(case when age <= {w} then lines end), count(case when age <= {w} then 1 end))", windows=(28, 91, 182),
     driver="narrowing_basket", unit="number", needs=("transactions.order_id",),
     meaning="Lines per purchase day in the last {w} days", meaning_zh="近{w}天每次购买的商品行数",
     en="Items per visit in the last {w} days: {value}; typical is {usual}.", zh="近{w}天每次购买{value}件商品；一般客户为{usual}件。")
_add("largest_basket", "max(lines)", driver="narrowing_basket", role="context", unit="count", needs=("transactions.order_id",),
     meaning="Most lines bought in one day", meaning_zh="单日最多商品行数",
     en="Items in the fullest basket so far: {value}; typical is {usual}.", zh="历史最满购物篮为{value}件；一般客户为{usual}件。")
_add("products_per_visit_91d", "ratio(sum(case when age <= 91 then products end), count(case when age <= 91 then 1 end))",
     driver="narrowing_basket", unit="number", needs=("transactions.product",),
     meaning="Different products per purchase day in the last 91 days", meaning_zh="近91天每次购买的不同商品数",
     en="Different products per visit in the last 91 days: {value}; typical is {usual}.", zh="近91天每次购买{value}种商品；一般客户为{usual}种。")
_add("basket_trend", "ratio(lines_per_visit_28d, lines_per_visit_182d)", relation="vector", driver="narrowing_basket", unit="ratio", needs=("transactions.order_id",),
     meaning="Lines per visit of the last 28 days over those of 182", meaning_zh="近28天与近182天每次商品数之比",
     en="Baskets are {value} times their usual size; typical is {usual}.", zh="购物篮大小是平时的{value}倍；一般客户为{usual}倍。")
_add("categories_{w}d", "sum(case when age <= {w} then 1 else 0 end)", relation="category_history", windows=(28, 91, 182), missing="0",
     driver="narrowing_basket", unit="count", needs=_CATEGORY,
     meaning="Categories bought from in the last {w} days", meaning_zh="近{w}天购买的品类数",
     en="Categories bought from in the last {w} days: {value}; typical is {usual}.", zh="近{w}天购买{value}个品类；一般客户为{usual}个。")
_add("dropped_categories", "sum(case when age > 28 and days >= 3 then 1 else 0 end)", relation="category_history", missing="0",
     driver="narrowing_basket", unit="count", needs=_CATEGORY,
     meaning="Categories bought on three or more days, but not in the last 28", meaning_zh="曾多次购买但近28天未再购买的品类数",
     en="Regular categories not bought in the last 28 days: {value}; typical is {usual}.", zh="有{value}个常购品类近28天未再购买；一般客户为{usual}个。")
_add("new_categories_28d", "sum(case when first_age <= 28 then 1 else 0 end)", relation="category_history", missing="0",
     driver="narrowing_basket", unit="count", needs=_CATEGORY,
     meaning="Categories first bought in the last 28 days", meaning_zh="近28天首次购买的品类数",
     en="New categories in the last 28 days: {value}; typical is {usual}.", zh="近28天新购买{value}个品类；一般客户为{usual}个。")
_add("category_concentration", "ratio(sum(amount * amount), sum(amount) * sum(amount))", relation="category_history",
     driver="narrowing_basket", role="context", unit="share", needs=_CATEGORY, plain=False,
     meaning="Sum of squared category shares of spend: 1 is a single category", meaning_zh="品类消费集中度：1为单一品类",
     en="Spend is concentrated at {value} on few categories; typical is {usual}.", zh="品类集中度为{value}；一般客户为{usual}。")
_add("top_category_share", "ratio(max(amount), sum(amount))", relation="category_history",
     driver="narrowing_basket", role="context", unit="share", needs=_CATEGORY,
     meaning="Share of spend in the largest category", meaning_zh="最大品类的消费占比",
     en="{value} of spend goes to one category; typical is {usual}.", zh="{value}的消费集中在一个品类；一般客户为{usual}。")
_add("kept_category_share", "ratio(categories_28d, categories_182d)", relation="vector", driver="narrowing_basket", unit="share", needs=_CATEGORY,
     meaning="Share of the categories of the last 182 days that were bought in the last 28", meaning_zh="近182天的品类中近28天仍购买的占比",
     en="Still bought from {value} of their categories in the last 28 days; typical is {usual}.", zh="近28天仍购买其{value}的品类；一般客户为{usual}。")
_add("lines_spread", "stddev_samp(lines)", driver="narrowing_basket", role="context", unit="number", needs=("transactions.order_id",),
     meaning="Standard deviation of the lines per purchase day", meaning_zh="每次购买商品行数的标准差",
     en="Items per visit vary by {value}; typical is {usual}.", zh="每次购买的商品数波动为{value}；一般客户为{usual}。")
_add("single_item_visits_share_91d", "ratio(count(case when age <= 91 and lines = 1 then 1 end), count(case when age <= 91 then 1 end))",
     driver="narrowing_basket", unit="share", needs=("transactions.order_id",),
     meaning="Share of purchase days with a single line in the last 91 days", meaning_zh="近91天只买一件商品的购买日占比",
     en="{value} of the visits in the last 91 days were for a single item; typical is {usual}.", zh="近91天{value}的到访只买一件；一般客户为{usual}。")
_add("pieces_per_visit_{w}d", "ratio(sum(case when age <= {w} then pieces end), count(case when age <= {w} then pieces end))", windows=(28, 182),
     driver="narrowing_basket", unit="number", needs=("transactions.quantity",),
     meaning="Pieces per purchase day in the last {w} days", meaning_zh="近{w}天每次购买的件数",
     en="Pieces per visit in the last {w} days: {value}; typical is {usual}.", zh="近{w}天每次购买{value}件；一般客户为{usual}件。")
_add("category_breadth", "case when sum(case when amount > 0 then amount end) > 0 then exp(ln(sum(case when amount > 0 then amount end)) - ratio(sum(case when amount > 0 then amount * ln(amount) end), sum(case when amount > 0 then amount end))) end",
     relation="category_history", driver="narrowing_basket", role="context", unit="number", needs=_CATEGORY,
     meaning="Variety of the spend: the number of equally large categories with the same entropy", meaning_zh="消费多样性：等效品类数（按熵计）",
     en="Spend is as varied as {value} equal categories; typical is {usual}.", zh="消费的多样性相当于{value}个品类；一般客户为{usual}个。")
_add("category_mix_similarity", "ratio(sum(recent_amount * earlier_amount), sqrt(sum(recent_amount * recent_amount)) * sqrt(sum(earlier_amount * earlier_amount)))",
     relation="category_history", driver="narrowing_basket", unit="share", needs=_CATEGORY,
     meaning="Likeness of the category mix of the last 56 days to that before: 1 is the same mix, 0 another", meaning_zh="近56天与此前品类构成的相似度：1为相同，0为完全不同",
     en="What they bought in the last eight weeks is {value} like before; typical is {usual}.", zh="近八周的品类构成与此前的相似度为{value}；一般客户为{usual}。")
_add("dropped_category_spend_share", "ratio(sum(case when age > 28 and days >= 3 then amount else 0 end), sum(amount))", relation="category_history",
     driver="narrowing_basket", unit="share", needs=_CATEGORY,
     meaning="Share of spend in categories bought on three or more days, but not in the last 28", meaning_zh="曾多次购买但近28天未购品类的消费占比",
     en="{value} of their spend was in regular categories not bought in the last 28 days; typical is {usual}.", zh="{value}的消费属于近28天未再购买的常购品类；一般客户为{usual}。")
