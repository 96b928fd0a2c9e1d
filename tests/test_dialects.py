"""Portable SQL in the words of other engines: said alike, and nothing said that is not portable."""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import motley
import pytest

from features.behavior import CATALOG
from features.dialects import POSTGRES, SPARK, Dialect
from features.on_duckdb import RATIO
from features.refusal import Refusal
from features.statements import statements
from features.vector_query import vector_query

BOTH = pytest.mark.parametrize("dialect", [SPARK, POSTGRES], ids=lambda dialect: dialect.engine)


@BOTH
def test_every_query_of_the_catalog_is_portable(dialect: Dialect) -> None:
    for name, sql in {**CATALOG.reductions, **CATALOG.relations, "all": vector_query(CATALOG)}.items():
        assert "ratio(" not in dialect.say(sql, name)


@pytest.mark.parametrize("over", ["1", "-2.5", "null", "0", "'nan'", "'inf'"])
@pytest.mark.parametrize("under", ["4", "null", "0", "-0.0", "'nan'", "'inf'"])
def test_a_ratio_is_the_same_written_out(over: str, under: str) -> None:
    """Where DuckDB itself computes both."""
    duckdb.execute(RATIO.replace("create macro", "create or replace temp macro"))
    written = SPARK.say("ratio(a, b)", "x")
    macro, expanded = duckdb.sql(
        f"select ratio(a, b), {written} from (select cast({over} as double) as a, cast({under} as double) as b)"
    ).fetchall()[0]
    assert macro == expanded or (math.isnan(macro) and math.isnan(expanded))


def test_ratios_within_ratios_are_written_out() -> None:
    inner = "(cast(b as double) / nullif(cast(2 as double), 0))"
    assert f"(cast(a as double) / nullif(cast({inner} as double), 0))" == SPARK.say("ratio(a, ratio(b, 2))", "x")


def test_each_engine_says_types_in_its_own_words() -> None:
    asked = "cast(a as double), cast(b as varchar), cast(null as integer)"
    assert "cast(a as double), cast(b as string), cast(null as integer)" == SPARK.say(asked, "x")
    assert "cast(a as double precision), cast(b as varchar), cast(null as integer)" == POSTGRES.say(asked, "x")


def test_a_text_keeps_its_quotes_and_backslashes() -> None:
    """Spark reads a backslash as an escape and joins doubled quotes."""
    asked = r"kind in ('it''s', 'a\b', 'ratio(1, 2); --')"
    assert r"kind in ('it\'s', 'a\\b', 'ratio(1, 2); --')" == SPARK.say(asked, "x")
    assert asked == POSTGRES.say(asked, "x")


@BOTH
def test_windows_put_what_is_missing_last_as_duckdb_does(dialect: Dialect) -> None:
    asked = "lag(a) over (partition by b, c order by d desc, e)"
    assert "lag(a) over (partition by b, c order by d desc nulls last, e nulls last)" == dialect.say(asked, "x")


def test_an_exponential_that_underflows_is_nothing_in_postgresql_too() -> None:
    said = POSTGRES.say("exp(-a)", "x").replace("double precision", "double")
    found = duckdb.sql(f"select {said} from (values (0), (1000), (null)) as t(a) order by a").fetchall()
    assert found == [(1.0,), (0.0,), (None,)]


def test_spark_counts_what_is_distinct_as_a_set_and_the_rest_as_it_is() -> None:
    asked = "count(distinct case when a then b end), count(*), count(distinct_names)"
    assert "size(collect_set(case when a then b end)), count(*), count(distinct_names)" == SPARK.say(asked, "x")
    assert asked == POSTGRES.say(asked, "x")


@BOTH
def test_words_in_capitals_mean_the_same(dialect: Dialect) -> None:
    asked = "select ratio(a, b), cast(c as double), count(distinct d), sum(e) over (order by f), 'Kept'"
    assert dialect.say(asked, "x") == dialect.say(
        asked.replace("'Kept'", "'kept'").upper().replace("KEPT", "Kept"), "x"
    )


@BOTH
@pytest.mark.parametrize(
    ("sql", "found", "mend"),
    [
        ("a / b", "/", "Divide with ratio(a, b)."),
        ("a % 7", "%", "Use mod(a, b)."),
        ("a * 0.5", "0.5", "Write ratio(1, 2) in the place of 0.5."),
        ("a * 1e3", "1e3", "Write ratio(1, 2) in the place of 0.5."),
        ("reflect('java.lang.Runtime', 'exit')", "reflect(...)", "Use abs, "),
        ("lo_import ('/etc/passwd')", "lo_import(...)", "Use abs, "),
        ("date_trunc('month', a)", "date_trunc(...)", "Use abs, "),
        ("sum(a) filter (where b = 1)", "filter(...)", "Use abs, "),
        ("cast(a as date)", "cast(a as date)", "Use abs, "),
        ("a; drop table b", ";", "Use abs, "),
        ("a -- b", "-", "Use abs, "),
        ('"a"', '"', "Use abs, "),
        ("with x as (delete from t) select 1", "delete", "Use abs, "),
        ("sum(a", "an open parenthesis", "Use abs, "),
        ("a) from (b", "a parenthesis that nothing has opened", "Use abs, "),
        ("'a", "'", "Use abs, "),
    ],
)
def test_what_is_not_portable_is_refused_with_its_mend(dialect: Dialect, sql: str, found: str, mend: str) -> None:
    with pytest.raises(Refusal) as refused:
        dialect.say(sql, "weekly_spend")
    assert refused.value.code == "HF104"
    assert refused.value.what == (
        f'engine = "{dialect.engine}" cannot run the SQL of weekly_spend: {found} is not portable.'
    )
    assert refused.value.mend.startswith(mend)


@BOTH
def test_what_an_engine_cannot_be_asked_duckdb_refuses_first(dialect: Dialect, tmp_path: Path) -> None:
    """A table that only the server has is not read, whatever a bundle's SQL says."""
    checked = motley.motley_shop(tmp_path)
    catalog = CATALOG.available(checked.columns, {}).naming(["purchase_days_28d"])
    spying = {**catalog.reductions, "customer_days": "select passwd as customer_id from pg_shadow"}
    with pytest.raises(Refusal, match="HF402 .*pg_shadow"):
        statements(dialect, checked, type(catalog)(catalog.features, spying, catalog.relations), None)


@BOTH
def test_names_that_an_engine_would_not_take_stand_for_others_until_the_end(dialect: Dialect, tmp_path: Path) -> None:
    checked = motley.motley_shop(tmp_path)
    catalog = CATALOG.available(checked.columns, checked.attributes).naming(["attribute_Région", "attribute_age"])
    asked = statements(dialect, checked, catalog, None)
    assert asked.query.isascii()
    assert asked.columns[3:] == catalog.names
    assert "Région" in {
        column.source and column.source.removeprefix("attribute_") for column in asked.tables["customers"]
    }
    assert all(column.name.isascii() and len(column.name) < 64 for column in asked.tables["customers"])


@BOTH
def test_only_what_is_read_is_loaded_and_reduced(dialect: Dialect, tmp_path: Path) -> None:
    checked = motley.motley_shop(tmp_path)
    catalog = CATALOG.available(checked.columns, {}).naming(["complaints_28d"])
    asked = statements(dialect, checked, catalog, None)
    assert list(asked.reductions) == ["known_customers"]
    assert "offers" not in asked.tables
    assert not asked.reads_prices
