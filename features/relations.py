"""What features aggregate: the shop's tables reduced to customer-days, and seen from each cut-off.

Portable SQL over day numbers and doubles: no date functions, no decimal literals, no filter clauses, and every
division through `ratio(a, b)`, which is null where b is 0. `age` is days before the cut-off, 1 for the day before it.
What lies at or after a cut-off, or before its memory, is cut away here and nowhere else. A return is not a purchase:
it counts for the returns alone; but any transaction, a return too, makes its customer one who has bought, since what is
brought back was bought once. An offer of arm `control` was not made to the customer and does not count. An
interaction's satisfaction and expectation become known with its resolution, where it has one.

A contract is remembered from its first day on, however long ago that was. Its end is known once it lies before the
cut-off, or once notice was given before it; till then it runs on.
"""

from __future__ import annotations

_A_PURCHASE = "case when is_return = 1 then 1 else 0 end = 0"

# terms that begin on one day stand side by side: none of them is the former of another
_FORMER = "over (partition by customer_id order by started_day, plan, price, period_days, auto_renew, ended_day)"


def _known_customers(more: str = "") -> str:
    """The first day and the first purchase of each customer, by all tables that bring one."""
    return f"""
        select customer_id, min(day) as first_day, min(purchase_day) as first_purchase_day
        from (
            select customer_id, min(day) as day, min(day) as purchase_day from transactions group by customer_id
            union all
            select customer_id, started_day as day, started_day as purchase_day from subscriptions
            union all
            select customer_id, coalesce(as_of_day - 1, 0) as day, coalesce(as_of_day - 1, 0) as purchase_day
            from vectors
            union all
            select customer_id, signed_up_day as day, null as purchase_day
            from customers where signed_up_day is not null{more}
        ) as appearances
        group by customer_id"""


REDUCTIONS: dict[str, str] = {
    "customer_days": f"""
        select customer_id, day, orders, lines, amount, discount, discounted_lines, full_price_amount, usual_amount,
               priced_amount, products, pieces, cost, day - lag(day) over (partition by customer_id order by day) as gap,
               lead(day) over (partition by customer_id order by day) as next_day
        from (
            select t.customer_id, t.day,
                   case when count(t.order_id) = 0 then 1 else count(distinct t.order_id) end as orders,
                   count(*) as lines,
                   sum(t.amount) as amount,
                   sum(case when t.discount > 0 then t.discount else 0 end) as discount,
                   sum(case when t.discount > 0 then 1 else 0 end) as discounted_lines,
                   sum(case when t.discount > 0 then 0 else t.amount end) as full_price_amount,
                   sum(p.price * case when t.quantity > 0 then t.quantity else 1 end) as usual_amount,
                   sum(case when p.price is not null then t.amount end) as priced_amount,
                   count(distinct t.product) as products,
                   sum(case when t.quantity > 0 then t.quantity end) as pieces,
                   sum(t.cost) as cost
            from transactions as t left join reference_prices as p on p.product = t.product
            where {_A_PURCHASE}
            group by t.customer_id, t.day
        ) as days""",
    "customer_day_returns": """
        select customer_id, day, count(*) as lines, sum(abs(amount)) as amount
        from transactions
        where is_return = 1
        group by customer_id, day""",
    "customer_day_categories": f"""
        select customer_id, day, category, sum(amount) as amount
        from transactions
        where category is not null and {_A_PURCHASE}
        group by customer_id, day, category""",
    "customer_day_places": f"""
        select customer_id, day, kind, place,
               day - lag(day) over (partition by customer_id, kind order by day, place) as gap,
               case when lag(place) over (partition by customer_id, kind order by day, place) = place then 0 else 1 end as moved
        from (
            select distinct customer_id, day, 'store' as kind, store as place
            from transactions where store is not null and {_A_PURCHASE}
            union all
            select distinct customer_id, day, 'channel' as kind, channel as place
            from transactions where channel is not null and {_A_PURCHASE}
        ) as visits""",
    "customer_terms": f"""
        select customer_id, started_day, ended_day, cancelled_day, price, auto_renew, period,
               case when former_day < started_day
                   then coalesce(ratio(price * former_period, former_price * period), ratio(price, former_price)) end as price_ratio,
               case when former_day < started_day then case when plan <> former_plan then 1 else 0 end end as plan_changed,
               case when former_day < started_day and former_end <= started_day then started_day - former_end end as gap
        from (
            select customer_id, started_day, ended_day, cancelled_day, plan, price, auto_renew, period,
                   lag(started_day) {_FORMER} as former_day, lag(ended_day) {_FORMER} as former_end,
                   lag(plan) {_FORMER} as former_plan, lag(price) {_FORMER} as former_price,
                   lag(period) {_FORMER} as former_period
            from (
                select customer_id, started_day, ended_day, cancelled_day, plan, price, auto_renew, period_days,
                       case when period_days >= 1 and period_days < 100000
                           then cast(period_days as integer) - case when cast(period_days as integer) > period_days then 1 else 0 end end as period
                from subscriptions
            ) as terms
        ) as terms_after_former""",
    "known_customers": _known_customers(),
}

KNOWN_BY_CONTACT = _known_customers(
    " union all select customer_id, min(day) as day, null as purchase_day from interactions group by customer_id"
)
"""`known_customers` where a customer is known from the first interaction on."""

_WITHIN_MEMORY = "d.day < c.cutoff and d.day >= c.cutoff - c.memory_days"
_KNOWN_BEFORE = "c.cutoff - d.day + d.gap <= c.memory_days"  # the row before lies within memory too

RELATIONS: dict[str, str] = {
    "history": f"""
        select r.*, case when next_age - mod(next_age - 1, 7) = age - mod(age - 1, 7) then 0 else 1 end as last_of_week
        from (
            select c.cutoff, d.customer_id, d.day, c.cutoff - d.day as age,
                   case when {_KNOWN_BEFORE} then d.gap end as gap,
                   case when d.next_day < c.cutoff then c.cutoff - d.next_day end as next_age,
                   d.orders, d.lines, d.amount, d.discount, d.discounted_lines, d.full_price_amount,
                   d.usual_amount, d.priced_amount, d.products, d.pieces, d.cost
            from customer_days as d join cutoffs as c on {_WITHIN_MEMORY}
        ) as r""",
    "return_history": f"""
        select c.cutoff, d.customer_id, c.cutoff - d.day as age, d.lines, d.amount
        from customer_day_returns as d join cutoffs as c on {_WITHIN_MEMORY}""",
    "category_history": f"""
        select c.cutoff, d.customer_id, d.category, min(c.cutoff - d.day) as age,
               max(c.cutoff - d.day) as first_age, count(*) as days, sum(d.amount) as amount,
               sum(case when c.cutoff - d.day <= 56 then d.amount else 0 end) as recent_amount,
               sum(case when c.cutoff - d.day <= 56 then 0 else d.amount end) as earlier_amount
        from customer_day_categories as d join cutoffs as c on {_WITHIN_MEMORY}
        group by c.cutoff, d.customer_id, d.category""",
    "place_history": f"""
        select c.cutoff, d.customer_id, d.kind, d.place, min(c.cutoff - d.day) as age,
               max(c.cutoff - d.day) as first_age, count(*) as days,
               count(case when {_KNOWN_BEFORE} then 1 end) as steps,
               sum(case when {_KNOWN_BEFORE} then d.moved else 0 end) as moves,
               min(case when {_KNOWN_BEFORE} and d.moved = 1 then c.cutoff - d.day end) as moved_age
        from customer_day_places as d join cutoffs as c on {_WITHIN_MEMORY}
        group by c.cutoff, d.customer_id, d.kind, d.place""",
    "offer_history": f"""
        select c.cutoff, d.customer_id, d.action, d.cost, c.cutoff - d.day as age,
               case when d.responded_day < c.cutoff then c.cutoff - d.responded_day end as responded_age
        from offers as d join cutoffs as c
            on {_WITHIN_MEMORY} and case when d.arm = 'control' then 1 else 0 end = 0""",
    "interaction_history": f"""
        select c.cutoff, d.customer_id, d.kind, d.topic, c.cutoff - d.day as age,
               case when d.resolved_day < c.cutoff then c.cutoff - d.resolved_day end as resolved_age,
               case when d.resolved_day >= c.cutoff then null else d.satisfaction end as satisfaction,
               case when d.resolved_day >= c.cutoff then null else d.expectation end as expectation
        from interactions as d join cutoffs as c on {_WITHIN_MEMORY}""",
    "term_history": """
        select c.cutoff, d.customer_id, c.cutoff - d.started_day as age, d.price, d.period, d.auto_renew, d.price_ratio,
               d.plan_changed, d.gap, case when d.ended_day < c.cutoff then 0 else 1 end as running,
               case when d.ended_day < c.cutoff or d.cancelled_day < c.cutoff then c.cutoff - d.ended_day end as ended_age,
               case when d.cancelled_day < c.cutoff then c.cutoff - d.cancelled_day end as cancelled_age
        from customer_terms as d join cutoffs as c on d.started_day < c.cutoff""",
    "membership": """
        select c.cutoff, d.customer_id, c.cutoff - d.signed_up_day as age
        from customers as d join cutoffs as c on d.signed_up_day < c.cutoff""",
}
