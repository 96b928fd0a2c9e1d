"""The catalog: every column is named, meant, spoken and portable."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from by_hand import ALL, CUTOFF, DAY, EVERY, REFERENCES, vectors_by_hand

from features.behavior import CATALOG, FAMILIES
from features.behavior.peers import PEERS
from features.catalog import DRIVERS, Catalog, Feature, is_protected
from features.dialects import FUNCTIONS, TYPES
from features.events import TABLES

FEATURES = [pytest.param(feature, id=feature.name) for feature in EVERY.features]
BEHAVIOR = [pytest.param(feature, id=feature.name) for feature in CATALOG.features]
ATTRIBUTES = [feature for feature in EVERY.features if feature.family in ("attributes", "given")]
SQL = {**EVERY.reductions, **EVERY.relations, **{feature.name: feature.sql for feature in EVERY.features}}


def test_a_shop_with_transactions_offers_and_customers_has_60_columns_in_7_families() -> None:
    columns = {name: tuple(TABLES[name].checked_schema) for name in ("transactions", "customers", "offers")}
    catalog = CATALOG.available(columns, {"region": "text"})
    assert len(catalog.features) >= 60
    assert len({feature.family for feature in catalog.features}) >= 7


def test_bare_transactions_still_make_a_vector() -> None:
    """Of customer_id, timestamp and amount alone: whatever needs more is left out, whatever stays can be computed."""
    catalog = CATALOG.available({"transactions": ("customer_id", "day", "amount")}, {})
    assert {feature.family for feature in catalog.features} == {
        "recency", "frequency", "monetary", "rhythm", "trend", "calendar"
    }  # fmt: skip
    names = set(catalog.names)
    for feature in catalog.features:
        if feature.relation == "vector":
            assert _words(feature.sql) & set(CATALOG.names) <= names, feature.name
        assert not feature.usual or feature.usual in names


def test_references_add_families_to_bare_transactions() -> None:
    catalog = CATALOG.available({"transactions": ("customer_id", "day", "amount")}, {}, references=REFERENCES)
    assert {feature.family for feature in catalog.features} == {
        "recency", "frequency", "monetary", "rhythm", "trend", "calendar", "alive", "peers"
    }  # fmt: skip
    assert "paid_against_usual_28d" not in catalog.names, "without products there are no usual prices"


@pytest.mark.parametrize("said", ["meaning", "meaning_zh", "en", "zh"])
def test_no_two_columns_say_the_same(said: str) -> None:
    counts = Counter(getattr(feature, said).casefold() for feature in EVERY.features)
    assert [text for text, count in counts.items() if count > 1] == []


def test_no_two_columns_are_computed_the_same() -> None:
    counts = Counter((feature.relation, " ".join(feature.sql.split())) for feature in EVERY.features)
    assert [sql for sql, count in counts.items() if count > 1] == []


def test_every_column_stands_in_the_catalog_once() -> None:
    assert len(set(EVERY.names)) == len(EVERY.names)
    assert [f.name for family in FAMILIES for f in family.features] == list(CATALOG.names)


@pytest.mark.parametrize("feature", FEATURES)
def test_every_column_has_a_driver_role_unit_null_rule_and_meaning_in_both_languages(feature: Feature) -> None:
    assert feature.driver in DRIVERS
    assert feature.role in ("lever", "context", "protected")
    assert feature.unit in ("days", "count", "money", "share", "ratio", "number", "category")
    assert feature.missing in ("0", "unknown")
    assert feature.monotone in (-1, 0, 1)
    assert feature.meaning[0].isupper()
    assert not feature.meaning.endswith(".")
    assert re.search(r"[\u4e00-\u9fff]", feature.meaning_zh)


@pytest.mark.parametrize("feature", BEHAVIOR)
def test_a_sentence_says_the_value_and_then_what_is_usual(feature: Feature) -> None:
    """What follows the semicolon is left out where the usual is unknown; the rest is still a sentence."""
    for sentence, separator, stop in ((feature.en, "; ", "."), (feature.zh, "；", "。")):
        first, found, second = sentence.partition(separator)
        assert found == separator
        assert (first.count("{value}"), first.count("{usual}")) == (1, 0)
        assert (second.count("{value}"), second.count("{usual}")) == (0, 1)
        assert second.endswith(stop)
        assert not re.search(r"\{(?!value|usual)", sentence), "no window is left open"


@pytest.mark.parametrize("feature", ATTRIBUTES, ids=lambda feature: feature.name)
def test_an_attributes_sentence_says_the_value(feature: Feature) -> None:
    assert (feature.en.count("{value}"), feature.zh.count("{value}")) == (1, 1)


@pytest.mark.parametrize("feature", [f for f in CATALOG.features if f.usual], ids=lambda feature: feature.name)
def test_the_usual_is_another_column_of_the_same_unit(feature: Feature) -> None:
    usual = CATALOG.by_name[feature.usual]
    assert usual.name != feature.name
    assert usual.unit == feature.unit


# what a name ends in, but for its window, says the unit
LAST_WORDS = {
    **dict.fromkeys(("share", "concentration", "percentile", "probability", "similarity"), "share"),
    **dict.fromkeys(("price", "cost", "spend", "margin"), "money"),
    **dict.fromkeys(("trend", "ratio", "usual", "irregularity"), "ratio"),
}


@pytest.mark.parametrize("feature", BEHAVIOR)
def test_a_name_carries_its_unit_and_its_window(feature: Feature) -> None:
    """Days, shares, returns and prices are named as such; a window in the name is the one in the SQL."""
    words = set(feature.name.split("_"))
    if feature.unit == "days":
        assert "days" in words
    if feature.unit == "money":
        assert words & {"spend", "purchase", "amount", "margin", "price", "cost"}
    if feature.unit == "share":
        assert words & {"share", "concentration", "probability", "similarity", "percentile"}
    last = re.sub(r"_\d+d$", "", feature.name).rsplit("_", 1)[-1]
    if last in LAST_WORDS and not feature.name.startswith("days_"):
        assert feature.unit == LAST_WORDS[last]
    window = re.fullmatch(r".*_(\d+)d", feature.name)
    if window and feature.relation != "vector":
        assert re.search(rf"\b{window[1]}\b", feature.sql), "the window is applied, whatever memory is"


def _words(sql: str) -> set[str]:
    return set(re.findall(r"[a-z_][a-z0-9_]*", re.sub(r"'[^']*'", "", sql)))


# all that DuckDB, Spark SQL and PostgreSQL mean the same by
PORTABLE = {*FUNCTIONS, *TYPES} | set(
    """select distinct from where group by order over partition as join left on and or not is null in case when then else
    end union all asc desc""".split()  # noqa: SIM905 - a table of words reads better than a list
)
COLUMNS = {
    *(column for table in TABLES.values() for column in table.checked_schema),
    *(feature.name for feature in EVERY.features),
    *TABLES, *EVERY.reductions, *EVERY.relations, *REFERENCES.numbers,
    *("c", "d", "days", "appearances", "cutoff", "cutoffs", "memory_days"),
    *("age", "first_age", "next_age", "resolved_age", "responded_age", "gap", "next_day", "first_day"),
    *("orders", "lines", "discounted_lines", "products", "first_purchase_day"),
    *("purchase_day", "r", "t", "p", "reference_prices", "last_of_week", "full_price_amount", "usual_amount"),
    *("priced_amount", "pieces", "kind", "place", "visits", "moved", "moves", "steps", "moved_age"),
    *("recent_amount", "earlier_amount", "terms", "terms_after_former", "period", "former_day", "former_end"),
    *("former_plan", "former_price", "former_period", "price_ratio", "plan_changed", "running", "ended_age"),
    *("cancelled_age", "known_day", "given_rows", "given_usage", "given_cluster"),
}  # fmt: skip


@pytest.mark.parametrize("name", SQL)
def test_the_sql_stays_in_the_portable_subset(name: str) -> None:
    """No date functions, no filter clauses, no decimal literals, and every division through ratio."""
    sql = SQL[name].lower()
    assert _words(sql) - PORTABLE - COLUMNS == set()
    assert not re.search(r"\d\.\d|\d\.|[^\w)]\.\d", sql), "no decimal literals"
    assert "/" not in sql, "divisions go through ratio(a, b)"
    assert not re.search(r"[;\"`:\[\]{}%^|&~]", sql), "no engine's own syntax"
    assert re.search(r"\bfilter\b", sql) is None


def test_what_a_customer_without_history_gets_is_what_the_catalog_declares(tmp_path: Path) -> None:
    """Who has signed up and done nothing else: 0 or unknown, column by column, but for the days since then."""
    rows = {"customers": [{"customer_id": "new", "signed_up_day": DAY - 3}]}
    vector = vectors_by_hand(tmp_path, rows)[DAY, "new"]
    declared = {feature.name: 0.0 if feature.missing == "0" else None for feature in EVERY.features}
    declared["days_since_sign_up"] = 3
    # the percentile of a 0 is known: the least of the ventiles by hand is 1
    declared |= {f"{name}_percentile": 0 for name in PEERS if EVERY.by_name[name].missing == "0"}
    assert {name: vector[name] for name in declared} == declared


def test_the_silence_is_the_one_column_that_may_only_raise_the_risk() -> None:
    assert {f.name: f.monotone for f in CATALOG.features if f.monotone} == {"days_since_last_purchase": 1}


def test_the_role_is_the_drivers_unless_the_feature_says_otherwise() -> None:
    assert {feature.role for feature in CATALOG.features} == {"lever", "context"}
    assert CATALOG.by_name["spend_28d"].role == DRIVERS["spending_less"].role == "lever"
    assert CATALOG.by_name["weekend_share"].role == DRIVERS["buying_habit"].role == "context"


def test_what_the_law_protects_is_protected_and_other_attributes_are_context() -> None:
    catalog = CATALOG.available({}, {"age": "number", "gender": "text", "region": "text"})
    roles = {feature.name: feature.role for feature in catalog.features if feature.family == "attributes"}
    assert roles == {"attribute_age": "protected", "attribute_gender": "protected", "attribute_region": "context"}


@pytest.mark.parametrize(
    ("name", "protected"),
    [
        *(
            (name, True)
            for name in ("age", "Age", "AGE", "age_group", "ageGroup", "customer_age", "gender_code", "Sex")
        ),
        *((name, True) for name in ("birth_year", "birthDate", "date_of_birth", "maritalStatus", "age2", "HHAge")),
        *((name, False) for name in ("language", "package", "average", "region", "trace", "essex", "stage", "embrace")),
    ],
)
def test_an_attribute_is_protected_by_any_word_of_its_name(name: str, protected: bool) -> None:
    assert is_protected(name) == protected


def test_a_catalog_is_plain_data_and_comes_back_the_same() -> None:
    again = Catalog.from_dict(ALL.as_dict())
    assert again == ALL
    assert again.fingerprint == ALL.fingerprint


def test_the_fingerprint_follows_the_definition() -> None:
    other = Catalog(ALL.features[1:])
    assert other.fingerprint != ALL.fingerprint


def test_no_column_knows_the_cut_offs_date(tmp_path: Path) -> None:
    """The same past, seen from its own cut-off a year of whole weeks later, is the same vector."""
    lines = [{"customer_id": "me", "day": DAY - age, "amount": 2.0, "category": "tea"} for age in (3, 12, 40)]
    moved = [{**line, "day": line["day"] + 364} for line in lines]
    now = vectors_by_hand(tmp_path, {"transactions": lines})[DAY, "me"]
    then = vectors_by_hand(tmp_path, {"transactions": moved}, [CUTOFF + timedelta(days=364)])[DAY + 364, "me"]
    assert now == then
    assert date(2025, 6, 30) == CUTOFF + timedelta(days=364)


def test_a_model_learns_from_no_column_that_only_has_the_order_of_another() -> None:
    """A percentile tells a person more than the figure does; a tree splits either in the same places."""
    catalog = CATALOG.available(
        {name: tuple(table.checked_schema) for name, table in TABLES.items()}, {}, {}, REFERENCES
    )
    images = {feature.name: feature.image_of for feature in catalog.features if feature.image_of}
    learned = catalog.learnable.names

    assert len(images) == len(PEERS)
    assert not images.keys() & set(learned)
    assert set(images.values()) <= set(learned)


def test_without_references_neither_what_leans_on_them_nor_what_is_made_of_it_is_left() -> None:
    rest, leaning = EVERY.without_references, EVERY.by_name["alive_probability"]
    own = replace(leaning, name="risky_spend", sql="alive_probability * spend_91d", needs=())

    assert set(ALL.names) - set(rest.names) == set()
    assert EVERY.names != rest.names == replace(EVERY, features=(*EVERY.features, own)).without_references.names
