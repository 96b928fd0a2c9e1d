"""A simulated shop whose truth is known: who left, on which day, why, and which action would have kept whom.

How its customers live is in features/example_people.py; here are the tables they leave behind. A visit has
1 + Poisson(b_i) lines over categories drawn from a Dirichlet mix m_i; a line costs the product's price, and
with probability d_i (the liking for discounts) a discount of 10 to 35 % is taken off.

A share of the customers leaves on a known day. In the weeks before (`ramp` rises from 0 to 1), by cause:

- price     discounts are withdrawn, d_i x (1 - 0.9 ramp), and prices rise, x (1 + 0.2 ramp)
- service   complaints and tickets are slow to be resolved, or never are; satisfaction falls below expectation
- drifting  visits thin out, kept with 1 - 0.7 ramp, and the basket narrows to the two favorite categories
- sudden    nothing at all: the part that nobody can foresee

Some who stay have such weeks too and get over them, so that a warning is not yet a churner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from features.example_people import (
    CATEGORIES,
    CAUSES,
    EFFECTS,
    NEVER,
    TREATED_SHARE,
    Days,
    Numbers,
    People,
    draw_people,
    make_offers,
    visits,
)
from features.shop import Language, Shop, read_shop

COSTS = {"price_offer": 3.0, "apology_and_fix": 4.0, "rediscover_categories": 0.5, "personal_call": 8.0}
PRODUCTS = 40  # per category
STORES = 6
SECONDS = 86_400


@dataclass(frozen=True)
class ExampleShop:
    """The four tables of the contract, and the truth that no shop has.

    `truth` has one row per customer: customer_id, churned_on (null for who is still there), cause (of leaving,
    even where that is prevented or still to come), saved_by (the action that prevented it, else null), warned_on
    (the day the ramp began, else null) and `effect_<action>`: by how much it raises the chance to stay.
    """

    transactions: pa.Table
    customers: pa.Table
    interactions: pa.Table
    offers: pa.Table
    truth: pa.Table
    first_day: date
    days: int


def simulate(customers: int = 2000, days: int = 540, first_day: date = date(2023, 1, 1), seed: int = 1) -> ExampleShop:
    """A shop of so many customers over so many days; the same arguments give the same tables."""
    if customers < 1 or days < 90:
        raise ValueError(f"got {customers} customers over {days} days; needs at least 1 over 90")
    rng = np.random.default_rng(seed)
    people = draw_people(rng, customers, days)
    offers, saved_by = make_offers(rng, people, days)
    who, day = visits(rng, people, days)
    ids = np.array([f"C{number:05d}" for number in range(1, customers + 1)])
    start = np.datetime64(first_day, "s")

    def table(columns: dict[str, Any], seconds: Days, who: Days) -> pa.Table:
        order = np.argsort(seconds, kind="stable")
        moments = start + seconds.astype("timedelta64[s]")
        given = {"customer_id": ids[who], "timestamp": moments, **columns}
        return pa.table({name: pa.array(values, from_pandas=True).take(order) for name, values in given.items()})

    day0 = np.datetime64(first_day, "D")
    truth: dict[str, Any] = {
        "customer_id": ids,
        "churned_on": _dates(day0, people.leaves, days),
        "cause": np.array(CAUSES)[people.cause],
        "saved_by": pa.array(saved_by, type=pa.string()),
        "warned_on": _dates(day0, np.where(people.ramp_from < people.ramp_to, people.ramp_from, NEVER), days),
    }
    truth |= {f"effect_{action}": people.effects[:, at] for at, action in enumerate(EFFECTS)}
    return ExampleShop(
        transactions=table(*_transactions(rng, people, who, day)),
        customers=_customers(rng, people, ids, day0),
        interactions=table(*_interactions(rng, people, days, start)),
        offers=table(*_offer_columns(offers, start)),
        truth=pa.table(truth),
        first_day=first_day,
        days=days,
    )


def _dates(day0: np.datetime64, day: Days, days: int) -> pa.Array:
    return pa.array(day0 + np.minimum(day, days).astype("timedelta64[D]"), mask=day >= days)


def _offer_columns(offers: dict[str, Any], start: np.datetime64) -> tuple[dict[str, Any], Days, Days]:
    treated, responded = offers["treated"], offers["responded"]
    columns = {
        "action": np.array(list(EFFECTS))[offers["action"]],
        "arm": np.where(treated, "treat", "control"),
        "cost": np.where(treated, np.array([COSTS[action] for action in EFFECTS])[offers["action"]], 0.0),
        "responded_at": _moments(start, responded * SECONDS + 12 * 3600, responded < NEVER),
        "propensity": np.where(treated, TREATED_SHARE, 1 - TREATED_SHARE),
    }
    return columns, offers["day"] * SECONDS + 9 * 3600, offers["who"]


def _moments(start: np.datetime64, seconds: Days, known: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.where(known, start + np.where(known, seconds, 0).astype("timedelta64[s]"), np.datetime64("NaT", "s"))


def _transactions(rng: np.random.Generator, people: People, who: Days, day: Days) -> tuple[dict[str, Any], Days, Days]:
    """Columns, seconds and customers of all lines; a product stands once in an order."""
    drift = people.ramp(who, day, "drifting")
    lines = 1 + rng.poisson(people.lines[who] * (1 - 0.5 * drift))
    visit = np.repeat(np.arange(len(who)), lines)
    share = np.cumsum(people.mix, axis=1)[who[visit]]
    category = np.minimum((share < rng.random((len(visit), 1))).sum(axis=1), len(CATEGORIES) - 1)
    favorites = np.argsort(-people.mix, axis=1)[:, :2][who[visit], rng.integers(0, 2, len(visit))]
    category = np.where(rng.random(len(visit)) < 0.9 * drift[visit], favorites, category)
    product = category * PRODUCTS + (PRODUCTS * rng.random(len(visit)) ** 2).astype(int)
    once = np.unique(visit * 1000 + product)
    visit, product = once // 1000, once % 1000
    buyer, when = who[visit], day[visit]
    count = len(visit)
    ramp = people.ramp(buyer, when, "price")
    usual = rng.lognormal(np.log(4), 0.6, PRODUCTS * len(CATEGORIES))[product]
    quantity = 1 + rng.poisson(0.2, count)
    full = usual * people.level[buyer] * quantity * (1 + 0.2 * ramp)
    discounted = rng.random(count) < people.liking[buyer] * (1 - 0.9 * ramp)
    discount = np.round(full * np.where(discounted, rng.uniform(0.1, 0.35, count), 0.0), 2)
    amount = np.round(np.maximum(full - discount, 0.05), 2)
    cost = np.round(0.7 * usual * people.level[buyer] * quantity, 2)
    seconds = (day * SECONDS + rng.integers(8 * 3600, 20 * 3600, len(day)))[visit]
    home = rng.integers(0, STORES, len(people.gap))
    away = rng.random(len(who)) < 0.12
    store = np.where(away, rng.integers(0, STORES, len(who)), home[who])[visit]
    online = (rng.random(len(who)) < rng.beta(1, 4, len(people.gap))[who])[visit]
    columns: dict[str, Any] = {
        "amount": amount, "order_id": visit, "quantity": quantity.astype(float), "product": product,
        "category": product // PRODUCTS, "channel": online, "store": store, "discount": discount,
        "is_return": np.zeros(count, dtype=bool), "cost": cost,
    }  # fmt: skip
    # A return is a line of its own on a later day, while the customer is still there.
    later = seconds + rng.integers(1, 8, count) * SECONDS
    back = (rng.random(count) < 0.012) & (later // SECONDS < people.leaves[buyer]) & (later < (day.max() + 1) * SECONDS)
    returned = {name: values[back] for name, values in columns.items()}
    returned |= {name: -returned[name] for name in ("amount", "cost", "quantity")}
    returned |= {"order_id": len(day) + np.flatnonzero(back), "is_return": np.ones(back.sum(), dtype=bool)}
    returned |= {"discount": np.zeros(back.sum())}
    columns = {name: np.concatenate([columns[name], returned[name]]) for name in columns}
    columns["order_id"] = np.char.add("O", columns["order_id"].astype(str))
    columns["category"] = np.array(CATEGORIES)[columns["category"]]
    columns["product"] = np.char.add("P", columns["product"].astype(str))
    columns["channel"] = np.where(columns["channel"], "online", "store")
    columns["store"] = np.char.add("S", (columns["store"] + 1).astype(str))
    return columns, np.concatenate([seconds, later[back]]), np.concatenate([buyer, buyer[back]])


def _interactions(
    rng: np.random.Generator, people: People, days: int, start: np.datetime64
) -> tuple[dict[str, Any], Days, Days]:
    """Visits and weekly e-mails by engagement; complaints and tickets, many of them where service fails."""
    everyone = np.arange(len(people.gap))
    parts = []

    def happen(kind: str, who: Days, day: Days, chance: Numbers | float = 1.0) -> tuple[Days, Days]:
        here = (day >= people.joined[who]) & (day < people.leaves[who]) & (day >= 0) & (day < days)
        here &= rng.random(len(who)) < chance
        parts.append((np.full(here.sum(), kind), who[here], day[here]))
        return who[here], day[here]

    who = np.repeat(everyone, rng.poisson(days * people.engagement / people.gap))
    day = rng.integers(0, days, len(who))
    happen("visit", who, day, 1 - 0.7 * people.ramp(who, day, "drifting"))
    mails = np.arange(3, days, 7)
    who, day = np.repeat(everyone, len(mails)), np.tile(mails, len(everyone))
    who, day = happen("email_open", who, day, people.engagement[who] * (1 - 0.6 * people.ramp(who, day, "drifting")))
    happen("email_click", who, day, 0.2)
    who = np.repeat(everyone, rng.poisson(0.5 * days / 365, len(everyone)))
    happen("complaint", who, rng.integers(0, days, len(who)))
    failing = everyone[(people.warning == CAUSES.index("service")) & (people.ramp_from < people.ramp_to)]
    who = np.repeat(failing, 2 + rng.poisson(1.5, len(failing)))
    length = people.ramp_to[who] - people.ramp_from[who]
    day = people.ramp_from[who] + (rng.random(len(who)) * length).astype(int)
    ticket = rng.random(len(who)) < 0.3
    happen("ticket", who[ticket], day[ticket])
    happen("complaint", who[~ticket], day[~ticket])

    kind, who, day = (np.concatenate(part) for part in zip(*parts, strict=True))
    trouble = (kind == "complaint") | (kind == "ticket")
    bad = trouble & (people.ramp(who, day, "service") > 0)
    seconds = day * SECONDS + rng.integers(7 * 3600, 22 * 3600, len(day))
    resolved = seconds + np.where(bad, rng.integers(10, 45, len(day)), rng.integers(0, 6, len(day))) * SECONDS
    known = trouble & (resolved < days * SECONDS) & ~(bad & (rng.random(len(day)) < 0.35))
    expected = np.clip(rng.normal(4, 0.4, len(day)), 1, 5)
    felt = np.clip(expected - np.where(bad, rng.normal(1.8, 0.6, len(day)), rng.normal(0.3, 0.5, len(day))), 1, 5)
    columns = {
        "kind": kind,
        "topic": np.where(trouble, np.array(["delivery", "quality", "billing"])[rng.integers(0, 3, len(day))], ""),
        "resolved_at": _moments(start, resolved, known),
        "satisfaction": np.where(trouble, np.round(felt, 1), np.nan),
        "expectation": np.where(trouble, np.round(expected, 1), np.nan),
    }
    return columns, seconds, who


def _customers(rng: np.random.Generator, people: People, ids: np.ndarray[Any, Any], day0: np.datetime64) -> pa.Table:
    count = len(ids)
    return pa.table(
        {
            "customer_id": ids,
            "signed_up_at": pa.array(day0 + people.joined.astype("timedelta64[D]")),
            "consent": rng.choice(["email", "email phone", "none"], count, p=[0.5, 0.4, 0.1]),
            "profiling_opt_out": rng.random(count) < 0.02,
            "region": rng.choice(["north", "south", "east", "west"], count),
            "age": np.clip(rng.normal(46, 15, count), 18, 90).astype(int),
        }
    )


_SHOP_TOML = """\
# shop.toml: a simulated shop whose churners, causes and effects are known (in truth.parquet, not mapped).

name = "example-shop"
currency = "{currency}"
time_zone = "{time_zone}"
language = "{language}"
known_until = {known_until}     # the simulation covers every day before this one

[files]
{files}
"""


def write_example_shop(
    folder: Path,
    example: ExampleShop | None = None,
    *,
    file_format: Literal["parquet", "csv"] = "parquet",
    currency: str = "EUR",
    time_zone: str = "Europe/Paris",
    language: Language = "en",
    customers: int = 2000,
    days: int = 540,
    first_day: date = date(2023, 1, 1),
    seed: int = 1,
) -> Shop:
    """The shop read back from `folder`, where its tables, `shop.toml` and the truth now lie."""
    example = example or simulate(customers, days, first_day, seed)
    folder.mkdir(parents=True, exist_ok=True)
    names = ("transactions", "customers", "interactions", "offers")
    for name in names:
        table: pa.Table = getattr(example, name)
        if file_format == "csv":
            pc.write_csv(table, folder / f"{name}.csv")
        else:
            pq.write_table(table, folder / f"{name}.parquet")
    pq.write_table(example.truth, folder / "truth.parquet")
    lines = [
        _SHOP_TOML.format(
            currency=currency, time_zone=time_zone, language=language,
            known_until=np.datetime64(example.first_day, "D") + example.days,
            files="\n".join(f'{name} = "{name}.{file_format}"' for name in names),
        )
    ]  # fmt: skip
    for name in names:
        columns = [column for column in getattr(example, name).column_names if column not in ("region", "age")]
        lines += [f"[tables.{name}]", f'from = "{name}"', f"[tables.{name}.columns]"]
        lines += [f'{column} = "{column}"' for column in columns] + [""]
    lines += [
        "[tables.customers.attributes]",
        'region = "region"',
        'age = "age"   # protected: never used to act',
        "",
    ]
    (folder / "shop.toml").write_text("\n".join(lines), encoding="utf-8")
    return read_shop(folder)
