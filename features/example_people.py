"""The customers of the example shop: what they are like, when they come, who leaves, and whom an offer keeps.

Customer i buys after gaps drawn from Gamma(shape k_i, mean g_i), g_i lognormal around 9 days, and now and
then pauses. Every six weeks some customers are drawn for a campaign and an action, and of these at random the
treated arm. Who would leave within 84 days of being treated stays with probability `effect` =
EFFECTS[action][cause] x a personal susceptibility; the warning weeks then end that day. For who would stay anyway
every effect is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

CAUSES = ("stays", "price", "service", "drifting", "sudden")
SHARES = (0.60, 0.11, 0.09, 0.12, 0.08)  # of the causes among customers
NEAR_MISSES = 0.12  # of those who stay: how many have the warning of a cause and get over it
EFFECTS: dict[str, dict[str, float]] = {
    "price_offer": {"price": 0.45, "service": 0.02, "drifting": 0.12, "sudden": 0.0},
    "apology_and_fix": {"price": 0.0, "service": 0.50, "drifting": 0.03, "sudden": 0.0},
    "rediscover_categories": {"price": 0.02, "service": 0.0, "drifting": 0.30, "sudden": 0.0},
    "personal_call": {"price": 0.12, "service": 0.25, "drifting": 0.15, "sudden": 0.05},
}
CAMPAIGN_DAYS, CAMPAIGN_SHARE, TREATED_SHARE, EFFECT_DAYS = 42, 0.3, 0.7, 84
CATEGORIES = ("bakery", "dairy", "produce", "meat", "drinks", "household", "care", "garden", "toys", "books")
NEVER = 10**6  # a day that does not come


Days = np.ndarray[Any, np.dtype[np.int64]]
Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass
class People:
    """What each customer is like; days count from the first day of the simulation."""

    joined: Days
    gap: Numbers
    lines: Numbers
    liking: Numbers
    level: Numbers
    engagement: Numbers
    mix: Numbers
    cause: Days
    warning: Days
    leaves: Days
    ramp_from: Days
    ramp_to: Days
    effects: Numbers

    def ramp(self, who: Days, day: Days, cause: str) -> Numbers:
        """How far, 0 to 1, the weeks before leaving for `cause` have come on that day."""
        length = np.maximum(self.ramp_to[who] - self.ramp_from[who], 1)
        share = np.clip((day - self.ramp_from[who]) / length, 0.0, 1.0)
        within = (self.warning[who] == CAUSES.index(cause)) & (day < self.ramp_to[who])
        return np.where(within, share, 0.0)


def draw_people(rng: np.random.Generator, count: int, days: int) -> People:
    """So many customers, with the day each of them leaves and the weeks of warning before."""
    joined = np.where(rng.random(count) < 0.7, -rng.integers(1, 400, count), rng.integers(0, days * 6 // 10, count))
    cause = rng.choice(len(CAUSES), count, p=SHARES)
    near_miss = (cause == 0) & (rng.random(count) < NEAR_MISSES)
    warning = np.where(near_miss, rng.integers(1, 4, count), cause)
    end = np.maximum(joined, 0) + 60 + (rng.random(count) * (days - np.maximum(joined, 0) - 20)).astype(int)
    warned = (warning > 0) & (warning < 4)
    ramp_from = np.where(warned, end - rng.integers(50, 110, count), NEVER)
    # Who likes discounts feels their loss: the trait leans with the cause, a little.
    liking = np.clip(rng.beta(2, 4, count) + 0.15 * (warning == 1), 0.02, 0.95)
    fit = np.array([[EFFECTS[action].get(name, 0.0) for action in EFFECTS] for name in CAUSES])
    return People(
        joined=joined,
        gap=np.clip(rng.lognormal(np.log(9), 0.55, count), 2.5, 40),
        lines=np.clip(rng.lognormal(np.log(3), 0.5, count), 0.5, 12),
        liking=liking,
        level=rng.lognormal(0, 0.25, count),
        engagement=rng.beta(2, 5, count),
        mix=rng.dirichlet(np.full(len(CATEGORIES), 0.8), count),
        cause=cause,
        warning=warning,
        leaves=np.where(cause > 0, end, NEVER),
        ramp_from=ramp_from,
        ramp_to=np.where(warned, end, NEVER),
        effects=np.minimum(fit[cause] * rng.uniform(0.6, 1.4, (count, 1)), 0.9),
    )


def make_offers(rng: np.random.Generator, people: People, days: int) -> tuple[dict[str, Any], list[str | None]]:
    """The offers made; whoever one of them saves no longer leaves (changes `people`)."""
    actions = list(EFFECTS)
    saved_by: list[str | None] = [None] * len(people.cause)
    parts = []
    for day in range(CAMPAIGN_DAYS, days, CAMPAIGN_DAYS):
        here = np.flatnonzero((people.joined < day) & (people.leaves > day))
        who = here[rng.random(len(here)) < CAMPAIGN_SHARE]
        action = rng.integers(0, len(actions), len(who))
        treated = rng.random(len(who)) < TREATED_SHARE
        saved = (
            treated
            & (people.leaves[who] < min(day + EFFECT_DAYS, days))
            & (rng.random(len(who)) < people.effects[who, action])
        )
        for customer, at in zip(who[saved], action[saved], strict=True):
            saved_by[customer] = actions[at]
        people.leaves[who[saved]] = NEVER
        people.ramp_to[who[saved]] = np.minimum(people.ramp_to[who[saved]], day)
        responded = day + rng.integers(1, 15, len(who))
        responds = treated & (rng.random(len(who)) < 0.1 + 0.5 * people.liking[who])
        responds &= (responded < people.leaves[who]) & (responded < days)
        parts.append((who, np.full(len(who), day), action, treated, np.where(responds, responded, NEVER)))
    names = ("who", "day", "action", "treated", "responded")
    columns = zip(names, zip(*parts, strict=True), strict=True)
    return {name: np.concatenate(column) for name, column in columns}, saved_by


def visits(rng: np.random.Generator, people: People, days: int) -> tuple[Days, Days]:
    """Customer and day of every visit, at most one a day."""
    count = len(people.gap)
    most = int(days / 2.5 * 1.3) + 10
    shape = rng.uniform(1.5, 4, (count, 1))
    gaps = rng.gamma(shape, people.gap[:, None] / shape, (count, most))
    first = np.maximum(people.joined, 0)
    gaps[:, 0] *= np.where(people.joined >= 0, 0.0, rng.random(count))  # who joins buys; the others are mid-gap
    day = (first[:, None] + np.cumsum(gaps, axis=1)).astype(np.int64)
    who = np.repeat(np.arange(count), most)
    day = day.ravel()
    kept = (day < days) & (day < people.leaves[who])
    kept &= rng.random(len(day)) < 1 - 0.7 * people.ramp(who, day, "drifting")
    for _ in range(2):  # two pauses: holidays, an illness, a rival's opening
        begins = np.where(rng.random(count) < 0.45, rng.integers(0, days, count), NEVER)[who]
        kept &= (day < begins) | (day >= begins + rng.integers(12, 45, count)[who])
    once = np.unique(who[kept] * NEVER + day[kept])
    return once // NEVER, once % NEVER
