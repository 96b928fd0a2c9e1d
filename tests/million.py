"""A ledger with a million customers, made by SQL in seconds: facets, orders and answers as a score run's, only shorter."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import date
from typing import Any

from pages_by_hand import LABELS, answer, run_of
from running_service import ServedShop

from features.catalog import DRIVERS
from models.ledger import FACETS
from models.relationship import QUADRANTS
from models.runs import ScoreRun, begun_run, fill_run
from models.summary import RISK_BINS

PEOPLE = 1_000_000
CUTOFF = date(2024, 5, 1)
FIRST_NAMES = ("Anna", "Ben", "Chloé", "Dmitri", "Elif", "王芳", "Grace", "Hana", "Ivan", "José", "Karl", "Lucía")
LAST_NAMES = ("Adams", "Bauer", "Chen", "Díaz", "Evans", "Fischer", "García", "Haddad", "Ito", "Jansen", "Kaya")
FIGURES = {
    "customers": "count(*)", "churners": "sum(churn_probability)", "value_at_risk": "sum(value_at_risk)",
    "lifetime_value": "sum(lifetime_value)", "cost": "sum(cost)", "expected_net_value": "sum(expected_net_value)",
}  # fmt: skip


def write_million(served: ServedShop, shop: str) -> ScoreRun:
    """Make a shop's ledger of one complete run of a million eligible customers."""
    run = run_of(shop=shop, cutoff=CUTOFF, customers=PEOPLE, eligible=PEOPLE)
    with served.ledger() as ledger:
        ledger.migrate()
        with begun_run(ledger, run) as number:
            fill_run(ledger, run, number, [])
    with closing(sqlite3.connect(str(served.store.root / "ledger.db"), isolation_level=None)) as database:
        for pragma in ("journal_mode = off", "synchronous = off", "cache_size = -400000", "threads = 2"):
            database.execute(f"pragma {pragma}")
        indexes = dict(
            database.execute(
                "select name, sql from sqlite_master where type = 'index' and tbl_name = 'scores' and sql is not null"
            )
        )
        database.execute("begin")
        for name in indexes:
            database.execute(f"drop index {name}")
        database.execute(_PEOPLE, {"run": number, "count": PEOPLE, "answer": _answer_format()})
        summary = json.dumps({**_summary(database), "labels": LABELS})
        database.execute("update score_runs set summary = ?", [summary])
        for statement in indexes.values():
            database.execute(statement)
        database.execute("commit")
        database.execute("pragma journal_mode = wal")
    return run


def _one_of(values: tuple[str, ...], by: str) -> str:
    """SQL: the value at a place, counted around."""
    cases = " ".join(f"when {place} then '{value}'" for place, value in enumerate(values))
    return f"case {by} % {len(values)} {cases} end"


_DRIVERS = tuple(DRIVERS)
_PEOPLE = f"""
    with recursive
    numbers(i) as (select 1 union all select i + 1 from numbers where i < :count),
    drawn as materialized (
        select i, i * 2654435761 % 1000003 / 1000003.0 as u, i * 40503 % 999983 / 999983.0 as v,
            i * 7919 % 104729 as w from numbers),
    people as (
        select printf('C%07d', i) as customer_id, {_one_of(FIRST_NAMES, "w")} || ' ' || {_one_of(LAST_NAMES, "i")} as name,
            u * u * u as p, u, round(400 * (1 - v) * (1 - v), 2) as value,
            case when u < 0.45 then 'low' when u < 0.8 then 'medium' else 'high' end as band,
            'S' || (1 + (w > 30000) + (i % 97 = 0)) as segment,
            case when v < 0.01 then 'key_top' when v < 0.05 then 'key' when v < 0.2 then 'ordinary' else 'small' end as tier,
            {_one_of(tuple(QUADRANTS), "(w / 3)")} as quadrant,
            {_one_of(_DRIVERS, "w")} as one, {_one_of(_DRIVERS, "(w + 1 + i % 3)")} as two,
            case when i % 5 then {_one_of(_DRIVERS, "(w + 4 + i % 4)")} else '' end as three,
            case when u > 0.7 and i % 4 = 0 then 'call' else 'no_action' end as action, i % 40 = 0 as is_control
        from drawn),
    decided as (
        select *, case when action = 'no_action' then 'none' when is_control then 'control' else 'treat' end as arm,
            case when action = 'call' and not is_control then action else 'no_action' end as done from people)
    insert into scores (run_id, customer_id, name, eligible, churn_probability, percentile, band, segment, tier,
        value_quadrant, lifetime_value, value_at_risk, reason_1, reason_2, reason_3, action, arm, propensity,
        expected_net_value, cost, evidence, why_not, withheld, answer)
    select :run, customer_id, name, 1, p, u, band, segment, tier, quadrant, value, round(p * value, 2), one, two, three,
        done, arm, 1.0, case when arm = 'treat' then round(p * value / 4, 2) else 0.0 end,
        case when arm = 'treat' then 2.0 else 0.0 end, case when arm = 'treat' then 'rule' else '' end,
        case arm when 'treat' then '' when 'control' then 'campaign_control' else 'already_safe' end,
        case when arm = 'control' then action else '' end,
        printf(:answer, customer_id, p, u, band, value, p * value, segment, tier, quadrant, one, two, done, arm)
    from decided"""


def _answer_format() -> str:
    """An answer as JSON text for SQLite's printf, what differs from customer to customer left open, in its order."""
    whole: dict[str, Any] = answer("%s", 0.5)
    reason = whole["reasons"][0]
    whole |= {
        "churn_probability": "%.6f", "percentile": "%.4f", "band": "%s",
        "lifetime_value": {"mean": "%.2f", "low": 1.0, "high": 900.0, "days": 365}, "value_at_risk": "%.2f",
        "segment": {"id": "%s", "name": "regulars"},
        "relationship": {**whole["relationship"], "tier": "%s", "value_quadrant": "%s"},
        "reasons": [{**reason, "driver": "%s"}, {**reason, "driver": "%s", "features": []}],
        "decision": {**whole["decision"], "action": "%s", "arm": "%s", "why_not": "already_safe"},
    }  # fmt: skip
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    for number in ("%.6f", "%.4f", "%.2f"):
        text = text.replace(f'"{number}"', number)
    return text


def _summary(database: sqlite3.Connection) -> dict[str, Any]:
    """What models/summary.py adds up, by SQL."""
    sums = ", ".join(FIGURES.values())
    by: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(float)))
    rows = database.execute(f"select {', '.join(FACETS)}, {sums} from scores group by {', '.join(FACETS)}")
    total: dict[str, float] = defaultdict(float)
    for row in rows:
        figures = dict(zip(FIGURES, row[len(FACETS) :], strict=True))
        values = zip(FACETS, row[: len(FACETS)], strict=True)
        pairs = {("reason" if facet.startswith("reason") else facet, value) for facet, value in values if value}
        for tally in (total, *(by[facet][value] for facet, value in pairs)):
            for name, figure in figures.items():
                tally[name] += figure
    bin_of = f"min(cast(churn_probability * {RISK_BINS} as int), {RISK_BINS - 1})"
    bins = dict(database.execute(f"select {bin_of}, count(*) from scores group by 1"))
    return {"risk": [bins.get(k, 0) for k in range(RISK_BINS)], "total": total, "by": by}
