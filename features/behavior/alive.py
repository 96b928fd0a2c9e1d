"""Whether the customer still is one: chance of being alive and expected purchases, by the BG/NBD model.

Its parameters are among the references. The chance to be alive is the closed form of Fader & Hardie, Computing P(alive)
Using the BG/NBD Model (2008); purchases to expect follow Fader, Hardie & Lee, "Counting Your Customers" the Easy Way
(2005), with the customer's chance to stop after a purchase at its mean, a / (a + b + x), which spares a hypergeometric
series and is within 1 % of it for who bought more than twice. x counts purchase days after the first, t_x and T are the
days from the first to the last of them and to the cut-off.
"""

from features.catalog import Family

ALIVE = Family("alive", "vector", needs=("transactions.day", *(f"references.purchase_{name}" for name in ("r", "alpha", "a", "b"))))
_add = ALIVE.add

# Written out in full for each feature, since an expression that names another costs every vector a pass over its columns;
# in logarithms, since `ratio` says its second argument twice.
_X = "purchase_days_in_memory - 1"
_DEAD = (f"ln(purchase_a) - ln(purchase_b + {_X} - 1) + (purchase_r + {_X}) * (ln(purchase_alpha + days_since_first_purchase)"
         " - ln(purchase_alpha + days_since_first_purchase - days_since_last_purchase))")  # log-odds
_ALIVE = (f"case when purchase_days_in_memory = 1 then 1 when purchase_days_in_memory > 1 then"
          f" case when {_DEAD} > 300 then 0 else exp(-ln(1 + exp({_DEAD}))) end end")
_EXPECTED = ("(1 - exp(-(purchase_r + purchase_days_in_memory - 1) * ln(1 + ratio(28 * purchase_a,"
             f" (purchase_a + purchase_b + {_X}) * (purchase_alpha + days_since_first_purchase)))))"
             f" * ratio(purchase_a + purchase_b + {_X}, purchase_a)")

_add("alive_probability", _ALIVE, driver="going_quiet", unit="share",
     meaning="Chance that the customer still buys here, by rhythm and silence", meaning_zh="按购买节奏推断客户仍活跃的概率",
     en="Going by their rhythm, the chance that they are still a customer is {value}; typical is {usual}.", zh="按购买节奏看，仍是客户的可能性为{value}；一般客户为{usual}。")
_add("expected_purchases_28d", f"({_ALIVE}) * {_EXPECTED}", driver="visiting_less", unit="number",
     meaning="Purchase days to expect in the next 28 days, by rhythm and silence", meaning_zh="按购买节奏预计未来28天的购买天数",
     en="Likely to buy on about {value} days in the next four weeks; typical is {usual}.", zh="预计未来四周约有{value}天购买；一般客户为{usual}天。")
_add("expected_spend_28d", f"({_ALIVE}) * {_EXPECTED} * ratio(usual_spend_per_28d, usual_purchase_days_per_28d)", driver="spending_less", unit="money",
     meaning="Spend to expect in the next 28 days, at the usual spend of a visit", meaning_zh="按平时单次消费预计未来28天的消费",
     en="Likely to spend about {value} in the next four weeks; typical is {usual}.", zh="预计未来四周约消费{value}；一般客户为{usual}。")
