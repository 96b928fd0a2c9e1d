"""What features aggregate: the shop's tables reduced to customer-days, and seen from each cut-off.

Portable SQL over day numbers and doubles: no date functions, no decimal literals, no filter clauses, and every
division through `ratio(a, b)`, which is null where b is 0. `age` is days before the cut-off, 1 for the day before it.
What lies at or after a cut-off, or before its memory, is cut away here and nowhere else. A return is not a purchase:
it counts for the returns alone; but any transaction, a return too, makes its customer one who has bought, since what is
brought back was bought once. An offer of arm `control` was not made to the customer and does not count. An
interaction's satisfaction and expectation become known with its resolution, where it has one.
"""

from __future__ import annotations

REDUCTIONS: dict[str, str] = {
    "customer_days": """
        select customer_id, day, orders, lines, amount, discount, discounted_lines, products, cost,
               day - lag(day) over (partition by customer_id order by day) as gap,
               lag(day) over (partition by customer_id order by day desc) as next_day
        from (
            select customer_id, day,
                   case when count(order_id) = 0 then 1 else count(distinct order_id) end as orders,
                   count(*) as lines,
                   sum(amount) as amount,
                   sum(case when discount > 0 then discount else 0 end) as discount,
                   sum(case when discount > 0 then 1 else 0 end) as discounted_lines,
                   count(distinct product) as products,
                   sum(cost) as cost
            from transactions
            where case when is_return = 1 then 1 else 0 end = 0
            group by customer_id, day
        ) as days""",
    "customer_day_returns": """
        select customer_id, day, count(*) as lines, sum(abs(amount)) as amount
        from transactions
        where is_return = 1
        group by customer_id, day""",
    "customer_day_categories": """
        select customer_id, day, category, sum(amount) as amount
        from transactions
        where category is not null and case when is_return = 1 then 1 else 0 end = 0
        group by customer_id, day, category""",
    "customer_day_stores": """
        select distinct customer_id, day, store
        from transactions
        where store is not null and case when is_return = 1 then 1 else 0 end = 0""",
    "known_customers": """
        select customer_id, min(day) as first_day, min(purchase_day) as first_purchase_day
        from (
            select customer_id, min(day) as day, min(day) as purchase_day from transactions group by customer_id
            union all
            select customer_id, signed_up_day as day, null as purchase_day
            from customers where signed_up_day is not null
        ) as appearances
        group by customer_id""",
}

_WITHIN_MEMORY = "d.day < c.cutoff and d.day >= c.cutoff - c.memory_days"

RELATIONS: dict[str, str] = {
    "history": f"""
        select c.cutoff, d.customer_id, d.day, c.cutoff - d.day as age,
               case when c.cutoff - d.day + d.gap <= c.memory_days then d.gap end as gap,
               case when d.next_day < c.cutoff then c.cutoff - d.next_day end as next_age,
               d.orders, d.lines, d.amount, d.discount, d.discounted_lines, d.products, d.cost
        from customer_days as d join cutoffs as c on {_WITHIN_MEMORY}""",
    "return_history": f"""
        select c.cutoff, d.customer_id, c.cutoff - d.day as age, d.lines, d.amount
        from customer_day_returns as d join cutoffs as c on {_WITHIN_MEMORY}""",
    "category_history": f"""
        select c.cutoff, d.customer_id, d.category, min(c.cutoff - d.day) as age,
               max(c.cutoff - d.day) as first_age, count(*) as days, sum(d.amount) as amount
        from customer_day_categories as d join cutoffs as c on {_WITHIN_MEMORY}
        group by c.cutoff, d.customer_id, d.category""",
    "store_history": f"""
        select c.cutoff, d.customer_id, d.store, min(c.cutoff - d.day) as age,
               max(c.cutoff - d.day) as first_age, count(*) as days
        from customer_day_stores as d join cutoffs as c on {_WITHIN_MEMORY}
        group by c.cutoff, d.customer_id, d.store""",
    "offer_history": f"""
        select c.cutoff, d.customer_id, c.cutoff - d.day as age,
               case when d.responded_day < c.cutoff then c.cutoff - d.responded_day end as responded_age
        from offers as d join cutoffs as c
            on {_WITHIN_MEMORY} and case when d.arm = 'control' then 1 else 0 end = 0""",
    "interaction_history": f"""
        select c.cutoff, d.customer_id, d.kind, c.cutoff - d.day as age,
               case when d.resolved_day < c.cutoff then c.cutoff - d.resolved_day end as resolved_age,
               case when d.resolved_day >= c.cutoff then null else d.satisfaction end as satisfaction,
               case when d.resolved_day >= c.cutoff then null else d.expectation end as expectation
        from interactions as d join cutoffs as c on {_WITHIN_MEMORY}""",
}
