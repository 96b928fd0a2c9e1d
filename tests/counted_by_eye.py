"""One customer's events, small enough to count by eye, and what every column holds for them."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Any

from by_hand import DAY


def line(age: int, order: int, amount: float, product: str, **more: Any) -> dict[str, Any]:
    """A line of customer `me`, `age` days before the cut-off."""
    return {
        "customer_id": "me", "day": DAY - age, "order_id": f"o{order}", "amount": amount, "product": product,
        "category": "bakery" if product == "bread" else "dairy", "discount": 0.0, "is_return": 0, **more,
    }  # fmt: skip


def term(age: int, ended: int | None, plan: str, price: float, period: float, **more: Any) -> dict[str, Any]:
    """A term of a contract of customer `me` that began `age` days before the cut-off."""
    return {
        "customer_id": "me", "started_day": DAY - age, "ended_day": ended, "plan": plan, "price": price,
        "period_days": float(period), **more,
    }  # fmt: skip


ME: dict[str, list[dict[str, Any]]] = {
    "transactions": [
        # Wednesday, 29 May: one order of one line
        line(33, 1, 10.0, "milk", store="S1", channel="till", quantity=1.0, cost=7.0),
        # Tuesday, 18 June: one order, one of its two lines discounted
        line(13, 2, 8.0, "milk", store="S1", channel="web", quantity=2.0, cost=5.0, discount=2.0),
        line(13, 2, 12.0, "bread", store="S1", channel="web", quantity=1.0, cost=9.0),
        # Saturday, 29 June: a discounted line in another store; on Sunday milk is brought back, which is no purchase
        line(2, 3, 6.0, "milk", store="S2", channel="till", quantity=1.0, cost=4.0, discount=4.0),
        line(1, 4, -2.0, "milk", store="S2", channel="post", quantity=1.0, cost=-1.0, is_return=1),
    ],
    "customers": [
        {"customer_id": "me", "signed_up_day": DAY - 40, "attribute_region": "north", "attribute_age": 44.0}
    ],
    "interactions": [
        {"customer_id": "me", "day": DAY - 20, "kind": "complaint", "topic": "late", "resolved_day": DAY - 12,
         "satisfaction": 2.0, "expectation": 4.0},
        # resolved, but only after the cut-off: still open
        {"customer_id": "me", "day": DAY - 5, "kind": "ticket", "topic": "late", "resolved_day": DAY + 2,
         "satisfaction": 1.0, "expectation": 4.0},
        {"customer_id": "me", "day": DAY - 3, "kind": "visit"},
        {"customer_id": "me", "day": DAY - 40, "kind": "email_open"},
        {"customer_id": "me", "day": DAY - 40, "kind": "email_click"},
        {"customer_id": "me", "day": DAY - 4, "kind": "call"},
        # nothing was expected: it counts for the satisfaction alone
        {"customer_id": "me", "day": DAY - 8, "kind": "review", "topic": "taste", "satisfaction": 4.0},
        {"customer_id": "me", "day": DAY - 10, "kind": "payment_failed"},
        {"customer_id": "me", "day": DAY - 60, "kind": "payment_failed"},
    ],
    "offers": [
        {"customer_id": "me", "day": DAY - 10, "action": "coupon", "responded_day": DAY - 8, "cost": 1.0},
        {"customer_id": "me", "day": DAY - 50, "action": "coupon", "cost": 2.0},
        # drawn as control: nothing was offered
        {"customer_id": "me", "day": DAY - 6, "action": "coupon", "arm": "control", "cost": 9.0},
        # taken up on the cut-off's own day: not yet known
        {"customer_id": "me", "day": DAY - 100, "action": "call", "responded_day": DAY, "cost": 3.0},
    ],
    "subscriptions": [
        term(300, DAY - 200, "basic", 8.0, 30),
        # ten days later, again for 10 instead of 8: a break and a rise by 1.25
        term(190, DAY - 100, "basic", 10.0, 30),
        # on that day another plan, 24 for sixty days, which is 12 for thirty: a rise by 1.2; notice was given
        term(100, DAY + 20, "plus", 24.0, 60, auto_renew=0, cancelled_day=DAY - 4),
        # a second contract beside it, 5 for thirty days
        term(40, None, "extra", 5.0, 30, auto_renew=1),
        # begins on the cut-off's own day: not yet known
        term(0, None, "gold", 90.0, 30, auto_renew=1),
    ],
    "vectors": [
        {"customer_id": "me", "as_of_day": DAY - 30, "given_usage": 9.0, "given_cluster": "a"},
        {"customer_id": "me", "as_of_day": DAY - 7, "given_usage": 3.0, "given_cluster": "b"},
        # known only after the cut-off
        {"customer_id": "me", "as_of_day": DAY + 1, "given_usage": 5.0, "given_cluster": "c"},
    ],
}  # fmt: skip

# customer-days: age 33: 1 line, 10.00; age 13: 2 lines, 20.00, 2.00 off; age 2: 1 line, 6.00, 4.00 off
MEAN_GAP, SPREAD = 15.5, sqrt((20 - 15.5) ** 2 + (11 - 15.5) ** 2)  # gaps: 20 and 11 days
USUAL_SPEND, USUAL_DAYS = 28 * 36 / 33, 28 * 3 / 33
# P(alive) by BG/NBD, with r = 0.5, alpha = 14, a = 0.25, b = 3: x = 2 more purchases, the last on day 31 of 33
ALIVE = 1 / (1 + 0.25 / (3 + 2 - 1) * ((14 + 33) / (14 + 31)) ** (0.5 + 2))
# each purchase is the last one with chance p = a / (a + b + x) = 1 / 21; (1 - (1 + p t / (alpha + T)) ** -(r + x)) / p
TO_EXPECT = ALIVE * 21 * (1 - (1 + 28 / 21 / (14 + 33)) ** -2.5)
EXPECTED: dict[str, dict[str, Any]] = {
    "recency": {
        "days_since_last_purchase": 2,
        "days_since_first_purchase": 33,
        "days_since_typical_purchase": (33 + 13 + 2) / 3,
        "days_since_typical_spend": (33 * 10 + 13 * 20 + 2 * 6) / 36,
        "overdue_ratio": 2 / MEAN_GAP,
        "overdue_against_longest": 2 / 20,
        "overdue_deviations": (2 - MEAN_GAP) / SPREAD,
        "overdue_factor": log(2 / sqrt(20 * 11)) / (log(20 / 11) / sqrt(2)),
        "days_from_first_to_last_purchase": 33 - 2,
        "days_since_sign_up": 40,
    },
    "frequency": {
        "purchase_days_7d": 1,
        "purchase_days_14d": 2,
        "purchase_days_28d": 2,
        "purchase_days_56d": 3,
        "purchase_days_91d": 3,
        "purchase_days_182d": 3,
        "usual_purchase_days_per_28d": 28 * 3 / 33,
        "orders_28d": 2,
        "orders_91d": 3,
        "orders_182d": 3,
        "active_weeks_56d": 3,
        "active_weeks_91d": 3,
        "active_weeks_182d": 3,
        "fading_visits_7d": exp(-33 / 7) + exp(-13 / 7) + exp(-2 / 7),
        "fading_visits_14d": exp(-33 / 14) + exp(-13 / 14) + exp(-2 / 14),
        "fading_visits_28d": exp(-33 / 28) + exp(-13 / 28) + exp(-2 / 28),
        "fading_visits_56d": exp(-33 / 56) + exp(-13 / 56) + exp(-2 / 56),
        "purchase_days_in_memory": 3,
    },
    "monetary": {
        "spend_14d": 26,
        "spend_28d": 26,
        "spend_56d": 36,
        "spend_91d": 36,
        "spend_182d": 36,
        "usual_spend_per_28d": 28 * 36 / 33,
        "spend_per_purchase_day_28d": 13,
        "spend_per_purchase_day_91d": 36 / 3,
        "spend_per_purchase_day_182d": 36 / 3,
        "largest_purchase_day": 20,
        "spend_spread": sqrt(((10 - 12) ** 2 + (20 - 12) ** 2 + (6 - 12) ** 2) / 2),
        "last_purchase_day_spend": 6,
        "fading_spend_14d": 10 * exp(-33 / 14) + 20 * exp(-13 / 14) + 6 * exp(-2 / 14),
        "fading_spend_56d": 10 * exp(-33 / 56) + 20 * exp(-13 / 56) + 6 * exp(-2 / 56),
        "usual_margin_per_28d": 28 * (36 - 25) / 33,
        "margin_91d": 36 - 25,
        "margin_182d": 36 - 25,
        "typical_spend_per_purchase_day": (10 * 20 * 6) ** (1 / 3),
        "largest_day_spend_share": 20 / 36,
        "spend_irregularity": sqrt(((10 - 12) ** 2 + (20 - 12) ** 2 + (6 - 12) ** 2) / 2) / 12,
    },
    "rhythm": {
        "mean_gap_days": MEAN_GAP,
        "gap_spread_days": SPREAD,
        "longest_gap_days": 20,
        "last_gap_days": 11,
        "mean_gap_days_56d": MEAN_GAP,
        "mean_gap_days_91d": MEAN_GAP,
        "gap_irregularity": SPREAD / MEAN_GAP,
        "gap_lengthening": 1,
        "weekend_share": 1 / 3,
        "typical_gap_days": sqrt(20 * 11),
        "gap_factor_spread": log(20 / 11) / sqrt(2),  # of two numbers: their distance over the root of 2
        "longest_gap_days_91d": 20,
        "gaps_within_7d_share": 0,
        "gaps_within_14d_share": 1 / 2,
        "gaps_within_28d_share": 1,
        "fading_gap_days": (20 * exp(-13 / 28) + 11 * exp(-2 / 28)) / (exp(-13 / 28) + exp(-2 / 28)),
        "last_gap_against_usual": 11 / MEAN_GAP,
    },
    "trend": {
        "visit_trend_14d_56d": (2 / 14) / (3 / 56),
        "spend_trend_14d_56d": (26 / 14) / (36 / 56),
        "visit_trend_28d_91d": (2 / 28) / (3 / 91),
        "spend_trend_28d_91d": (26 / 28) / (36 / 91),
        "visit_trend_56d_182d": 182 / 56,
        "spend_trend_56d_182d": 182 / 56,
        "visit_trend_91d_182d": 2,
        "spend_trend_91d_182d": 2,
        "visits_fresh_against_usual": 2 / (28 * 3 / 33),
        "spend_fresh_against_usual": 26 / (28 * 36 / 33),
        "spend_change_28d": 26 - (36 - 26) / 63 * 28,
        "visit_change_28d": 2 - (3 - 2) / 63 * 28,
        # sums of spans of four weeks, oldest first: 0, 0, 0, 0, 10, 26; their places less the mean: -2.5 ... 1.5, 2.5,
        # of which the squares come to 17.5
        "spend_slope_per_28d": (1.5 * 10 + 2.5 * 26) / 17.5,
        "visit_slope_per_28d": (1.5 * 1 + 2.5 * 2) / 17.5,
        "spend_slope_against_usual": (1.5 * 10 + 2.5 * 26) / 17.5 / USUAL_SPEND,
        "visit_slope_against_usual": (1.5 * 1 + 2.5 * 2) / 17.5 / USUAL_DAYS,
        # even pace less what came, of 28, 56 and 91 days: 4/26 - 26/36, 8/26 - 1, 13/26 - 1, the largest being the last
        "spend_shortfall_share": 13 / 26 - 1,
        "visit_shortfall_share": 13 / 26 - 1,  # 4/26 - 2/3, 8/26 - 1, 13/26 - 1
        "days_since_visits_turned": 91,
    },
    "basket": {
        "lines_per_visit_28d": 3 / 2,
        "lines_per_visit_91d": 4 / 3,
        "lines_per_visit_182d": 4 / 3,
        "largest_basket": 2,
        "products_per_visit_91d": (1 + 2 + 1) / 3,
        "basket_trend": (3 / 2) / (4 / 3),
        "categories_28d": 2,
        "categories_91d": 2,
        "categories_182d": 2,
        "dropped_categories": 0,
        "new_categories_28d": 1,
        "category_concentration": (24**2 + 12**2) / 36**2,
        "top_category_share": 24 / 36,
        "kept_category_share": 1,
        "lines_spread": sqrt(((1 - 4 / 3) ** 2 + (2 - 4 / 3) ** 2 + (1 - 4 / 3) ** 2) / 2),
        "single_item_visits_share_91d": 2 / 3,
        "pieces_per_visit_28d": (3 + 1) / 2,
        "pieces_per_visit_182d": (1 + 3 + 1) / 3,
        "category_breadth": exp(-(2 / 3 * log(2 / 3) + 1 / 3 * log(1 / 3))),  # two thirds dairy, one third bakery
        "category_mix_similarity": None,  # nothing was bought more than 56 days ago
        "dropped_category_spend_share": 0,
    },
    "price": {
        "discount_share_28d": 6 / 32,
        "discount_share_91d": 6 / 42,
        "discount_share_182d": 6 / 42,
        "discounted_line_share_28d": 2 / 3,
        "discounted_line_share_91d": 2 / 4,
        "full_price_visits_share_91d": 1 / 3,
        "days_since_last_discount": 2,
        "amount_per_line_28d": 26 / 3,
        "amount_per_line_182d": 36 / 4,
        "discount_change": 6 / 32 - 6 / 42,
        "price_change": (26 / 3) / 9,
        "full_price_spend_share_28d": 12 / 26,
        "full_price_spend_share_182d": (10 + 12) / 36,
        "discount_depth_share_91d": 6 / (8 + 2 + 6 + 4),
        "amount_per_piece_28d": 26 / 4,
        "amount_per_piece_182d": 36 / 5,
        "piece_price_change": (26 / 4) / (36 / 5),
        # usual prices of a piece: milk 8, bread 12
        "paid_against_usual_28d": 26 / (2 * 8 + 12 + 8),
        "paid_against_usual_182d": 36 / (8 + 2 * 8 + 12 + 8),
        "paid_against_usual_change": 26 / 36 - 36 / 44,
    },
    "place": {
        "stores_28d": 2,
        "stores_91d": 2,
        "main_store_share": 2 / 3,
        "days_since_store_change": 2,
        "store_switch_share": 1 / 2,  # S1, S1, S2
        "days_since_store_switch": 2,
        "channels_28d": 2,
        "channels_91d": 2,
        "main_channel_share": 2 / 3,
        "days_since_channel_change": 13,  # the web was new then
        "channel_switch_share": 1,  # till, web, till
        "days_since_channel_switch": 2,
    },
    "returns": {
        "return_lines_28d": 1,
        "return_lines_91d": 1,
        "return_lines_182d": 1,
        "returned_amount_182d": 2,
        "returned_share_182d": 2 / 36,
        "days_since_last_return": 1,
        "returned_amount_28d": 2,
        "return_days_182d": 1,
        "return_days_per_purchase_day_182d": 1 / 3,
        "return_trend": 182 / 28,
    },
    "service": {
        "complaints_28d": 2,
        "complaints_91d": 2,
        "complaints_182d": 2,
        "days_since_last_complaint": 5,
        "open_complaints": 1,
        "mean_days_to_resolve": 8,
        "satisfaction_index": 2 / 4,
        "days_oldest_complaint_open": 5,
        "longest_days_to_resolve": 8,
        "days_since_last_resolution": 12,
        "resolved_complaint_share": 1 / 2,
        "complaint_topics_182d": 1,
        "repeated_complaints_182d": 1,
        "complaint_trend": 182 / 28,
        "complaints_per_purchase_day_182d": 2 / 3,
        "calls_91d": 1,
        "mean_satisfaction": (2 + 4) / 2,
        "lowest_satisfaction_91d": 2,
        "satisfaction_gap": 2 - 4,
    },
    "engagement": {
        "engagements_28d": 1,
        "engagements_91d": 3,
        "days_since_last_engagement": 3,
        "engagement_trend": (1 / 28) / (3 / 91),
        "browsing_visits_28d": 1,
        "browsing_visits_91d": 1,
        "days_since_last_visit": 3,
        "email_opens_28d": 0,
        "email_opens_91d": 1,
        "days_since_last_email_open": 40,
        "email_clicks_28d": 0,
        "email_clicks_91d": 1,
        "days_since_last_email_click": 40,
        "click_to_open_share_91d": 1,
        "fading_engagements_28d": exp(-3 / 28) + 2 * exp(-40 / 28),
        "engagements_per_purchase_day_91d": 3 / 3,
    },
    "offers": {
        "offers_28d": 1,
        "offers_91d": 2,
        "offers_182d": 3,
        "days_since_last_offer": 10,
        "offer_responses_182d": 1,
        "offer_response_share": 1 / 3,
        "days_since_last_response": 8,
        "unanswered_offers_91d": 1,
        "unanswered_offers_28d": 0,
        "offer_response_share_91d": 1 / 2,
        "mean_days_to_respond": 10 - 8,
        "days_since_last_unanswered_offer": 50,
        "offer_trend": (1 / 28) / (3 / 182),
        "fading_offers_28d": exp(-10 / 28) + exp(-50 / 28) + exp(-100 / 28),
        "offers_per_purchase_day_182d": 3 / 3,
        "offer_cost_182d": 1 + 2 + 3,
    },
    "contract": {
        "running_contracts": 2,
        "contract_terms": 4,
        "days_since_first_contract": 300,
        "days_since_contract_start": 40,
        "days_to_renewal": 20,  # of the second contract, which is in the tenth day of its second thirty
        "elapsed_period_share": 40 / 60,  # of the first one: 100 days are 60 and 40; of the second: 10 / 30
        "contract_period_days": 60,
        "contract_price": 24 + 5,
        "contract_price_per_30d": 12 + 5,
        "contract_price_change": 12 / 10,  # of the second one 5 / 12, which is less
        "contract_price_rises": 2,
        "days_since_price_change": 40,
        "plan_changes": 2,
        "days_since_plan_change": 40,
        "auto_renewing_share": 1 / 2,
        "contracts_under_notice": 1,
        "days_since_notice": 4,
        "days_until_contract_end": 20,
        "days_since_contract_end": 100,
        "contract_breaks": 1,
        "longest_contract_gap_days": 200 - 190,
        "failed_payments_28d": 1,
        "failed_payments_91d": 2,
        "days_since_failed_payment": 10,
    },
    "calendar": {
        "monday_share": 0,
        "tuesday_share": 1 / 3,
        "wednesday_share": 1 / 3,
        "thursday_share": 0,
        "friday_share": 0,
        "saturday_share": 1 / 3,
        "sunday_share": 0,
        "weekday_concentration": 3 / 9,
        "favourite_weekday_share": 1 / 3,
        "weekend_spend_share": 6 / 36,
        "coming_week_of_four_share": 0,  # 33, 13 and 2 days ago: none lies 22 to 28 days ago, or 28 more
        "purchase_days_same_weeks_last_year": None,
        "spend_same_weeks_last_year": None,
    },
    "alive": {
        "alive_probability": ALIVE,
        "expected_purchases_28d": TO_EXPECT,
        "expected_spend_28d": TO_EXPECT * 12,
    },
    # the ventiles by hand are 1, 2 ... 19: so many of them are no more than the value, of 20
    "peers": {
        "days_since_last_purchase_percentile": 2 / 20,
        "mean_gap_days_percentile": 15 / 20,
        "purchase_days_91d_percentile": 3 / 20,
        "spend_91d_percentile": 19 / 20,
        "spend_per_purchase_day_182d_percentile": 12 / 20,
        "discount_share_182d_percentile": 0,
        "contract_price_per_30d_percentile": 17 / 20,
    },
    "attributes": {"attribute_region": "north", "attribute_age": 44},
    "given": {"given_usage": 3, "given_cluster": "b"},
}
