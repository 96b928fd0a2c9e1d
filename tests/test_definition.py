"""Churn definitions: by contract and as given, their labels by hand and the laws of folds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from other_shops import write_csv

from features.check import check_tables
from features.checked import CheckedTables
from features.refusal import Refusal
from features.shop import Shop, read_shop
from features.snapshot import day_number
from features.store import Store
from models.definition import ChurnDefinition
from models.habits import ValueColumn, habits
from training.fit_relationship import tier_edges
from training.folds import FOLDS, THIRDS, folds, thirds, together
from training.labels import churn_labels
from training.plan import plan
from training.preflight import preflight
from training.study import Study

MARCH = date(2024, 3, 1)
CONTRACT = ChurnDefinition("contract", 30, grace_days=14)
AT_MARCH = Study.model_validate({"churn": {"definition": "contract", "horizon_days": 30}})
Terms = list[dict[str, object]]


def asked(*pairs: tuple[date, str]) -> pa.Table:
    return pa.table({"cutoff": pa.array([day_number(day) for day, _ in pairs], pa.int32()),
                     "customer_id": [customer for _, customer in pairs]})  # fmt: skip


def term(customer: str, start: str, end: str = "", price: float = 30, period: int = 30) -> dict[str, object]:
    return {"customer_id": customer, "started_at": start, "ended_at": end, "price": price, "period_days": period}


@pytest.fixture
def of_terms(tiny_shop: Callable[..., Shop], store: Store) -> Callable[[Terms], CheckedTables]:
    return lambda terms: check_tables(
        _only(tiny_shop([], subscriptions=terms), "subscriptions"), store, date(2025, 6, 1)
    )


def _only(shop: Shop, table: str) -> Shop:
    return shop.model_copy(update={"tables": {table: shop.tables[table]}})


@pytest.mark.parametrize(
    ("told", "terms", "churned"),
    [
        ("a contract that runs on", [term("a", "2024-01-01")], False),
        ("one that ends after the horizon", [term("a", "2024-01-01", "2024-03-31")], False),
        ("one that ends on its last day", [term("a", "2024-01-01", "2024-03-30")], True),
        ("one that ends on the cut-off", [term("a", "2024-01-01", "2024-03-01")], True),
        ("renewed on the last day of grace", [term("a", "2024-01-01", "2024-03-10"), term("a", "2024-03-24")], False),
        ("taken up a day too late", [term("a", "2024-01-01", "2024-03-10"), term("a", "2024-03-25")], True),
        ("another runs on beside it", [term("a", "2024-01-01", "2024-03-10"), term("a", "2024-02-01")], False),
        ("another ends before it", [term("a", "2024-01-01", "2024-03-10"), term("a", "2024-01-02", "2024-02-01")], True),
        ("renewed once and then ended", [term("a", "2024-01-01", "2024-03-10"), term("a", "2024-03-11", "2024-03-25")], True),
        ("only another customer renews", [term("a", "2024-01-01", "2024-03-10"), term("b", "2024-03-11")], True),
    ],
)  # fmt: skip
def test_a_contract_churns_where_it_ends_and_none_follows_in_time(
    of_terms: Callable[[Terms], CheckedTables], told: str, terms: Terms, churned: bool
) -> None:
    checked = of_terms([*terms, term("z", "2024-06-01", "2024-07-01")])
    labels = churn_labels(checked, asked((MARCH, "a")), CONTRACT)

    assert [churned] == labels.churned.tolist(), told
    assert labels.matured.all()


def test_a_contract_label_matures_once_horizon_and_grace_have_passed(
    of_terms: Callable[[Terms], CheckedTables],
) -> None:
    checked = of_terms([term("a", "2024-01-01", "2024-03-10"), term("z", "2024-04-13")])

    assert date(2024, 4, 14) == checked.known_until == MARCH + timedelta(days=CONTRACT.label_days)
    labels = churn_labels(checked, asked((MARCH, "a"), (MARCH + timedelta(days=1), "a")), CONTRACT)
    assert [True, False] == labels.matured.tolist()


def test_contracts_bring_their_price_by_the_day(of_terms: Callable[[Terms], CheckedTables]) -> None:
    """Of thirty days `a` pays for all at 1 a day, `b` for the ten until the end, `c` for the last five."""
    checked = of_terms(
        [
            term("a", "2024-01-01"),
            term("b", "2024-01-01", "2024-03-11"),
            term("c", "2024-03-26", price=60),
            term("z", "2024-06-01"),
        ]
    )

    labels = churn_labels(checked, asked((MARCH, "a"), (MARCH, "b"), (MARCH, "c")), CONTRACT)
    assert [30.0, 10.0, 10.0] == labels.spend.tolist()


def test_who_gave_notice_of_every_contract_is_not_asked_about() -> None:
    columns = {"running_contracts": np.array([0.0, 1, 1, 2]), "contracts_under_notice": np.array([0.0, 0, 1, 1])}

    assert [False, True, False, True] == CONTRACT.eligible(columns).tolist()
    del columns["contracts_under_notice"]
    assert [False, True, True, True] == CONTRACT.eligible(columns).tolist()


@pytest.mark.parametrize(
    ("definition", "lacking"),
    [("silence", r"\[tables.transactions\]"), ("given", r"\[tables.vectors\]")],
)
def test_a_definition_of_which_no_table_tells_is_refused(
    of_terms: Callable[[Terms], CheckedTables], definition: str, lacking: str
) -> None:
    checked = of_terms([term("a", "2024-01-01")])
    study = Study.model_validate({"churn": {"definition": definition}})

    with pytest.raises(Refusal, match=f"HF207 Who churned by {definition} .* not map {lacking}.*contract"):
        plan(checked, study)


@pytest.fixture
def of_vectors(tmp_path: Path, store: Store) -> Callable[[Terms], CheckedTables]:
    def check(rows: Terms) -> CheckedTables:
        write_csv(tmp_path / "vectors.csv", rows)
        columns = "\n".join(f'{name} = "{name}"' for name in rows[0] if name != "calls")
        own = '[tables.vectors.attributes]\ncalls = "calls"\n' if "calls" in rows[0] else ""
        (tmp_path / "shop.toml").write_text(
            'name = "own"\ncurrency = "EUR"\n[files]\nvectors = "vectors.csv"\n[tables.vectors]\nfrom = "vectors"\n'
            f"{own}[tables.vectors.columns]\n{columns}\n"
        )
        return check_tables(read_shop(tmp_path), store, date(2025, 6, 1))

    return check


def test_given_labels_are_of_their_own_day(of_vectors: Callable[[Terms], CheckedTables]) -> None:
    days = ("2024-01-01", "2024-02-01")
    rows: Terms = [{"customer_id": c, "as_of": day, "calls": 1, "churned": int(c == "b" and day == days[1])}
                   for c in "ab" for day in days]  # fmt: skip
    rows.append({"customer_id": "c", "as_of": days[0], "calls": 1, "churned": ""})
    checked = of_vectors(rows)
    january, february = (date.fromisoformat(day) for day in days)

    labels = churn_labels(
        checked, asked((january, "b"), (february, "b"), (february, "a"), (january, "c"), (date(2024, 1, 15), "a")),
        ChurnDefinition("given", 28),
    )  # fmt: skip
    assert [False, True, False] == labels[:3].churned.tolist()
    assert [True, True, True, False, False] == labels.matured.tolist()


def test_labels_of_enough_days_are_judged_in_time_and_of_few_in_folds(
    of_vectors: Callable[[Terms], CheckedTables],
) -> None:
    def planned(days: int) -> tuple[bool, int]:
        rows: Terms = [{"customer_id": "a", "as_of": date(2024, 1, 1) + timedelta(days=28 * k), "calls": 1, "churned": 0}
                       for k in range(days)]  # fmt: skip
        found = plan(of_vectors(rows), Study.model_validate({"churn": {"definition": "given"}}))
        assert days == len(found.cutoffs)
        return found.is_in_time, len(found.splits)

    assert (True, 3) == planned(5)
    assert (False, FOLDS) == planned(4) == planned(1)


def test_labels_without_days_are_of_what_is_known_until(of_vectors: Callable[[Terms], CheckedTables]) -> None:
    checked = of_vectors(
        [{"customer_id": "a", "calls": 1, "churned": 1}, {"customer_id": "b", "calls": 1, "churned": 0}]
    )
    found = plan(checked, Study.model_validate({"churn": {"definition": "given"}}))

    assert (checked.known_until,) == found.cutoffs
    assert all(isinstance(split.judge, int) for split in found.splits)
    assert sorted({split.judge for split in found.splits}) == list(range(1, FOLDS + 1))


def test_no_label_at_all_is_refused(of_vectors: Callable[[Terms], CheckedTables]) -> None:
    checked = of_vectors([{"customer_id": "a", "as_of": "2024-01-01", "calls": 1, "churned": ""}])

    with pytest.raises(Refusal, match="HF303 No row of vectors up to .* says who churned"):
        plan(checked, Study.model_validate({"churn": {"definition": "given"}}))


rows = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 4), st.sampled_from([np.nan, 1.0])), min_size=1, max_size=60
)


@given(rows, st.integers(0, 5))
def test_rows_of_one_customer_share_a_fold(found: list[tuple[int, int, float]], seed: int) -> None:
    ids = np.array([f"c{customer}" for customer, _, _ in found], object)
    X = np.array([[float(a), b] for _, a, b in found])
    of = folds(together(X, ids), seed)

    assert set(of.tolist()) <= set(range(1, FOLDS + 1))
    for i, one in enumerate(found):
        for j, other in enumerate(found):
            if one[0] == other[0]:
                assert of[i] == of[j]


@given(rows, st.integers(0, 5))
def test_rows_of_one_customer_share_a_third(found: list[tuple[int, int, float]], seed: int) -> None:
    ids = np.array([f"c{customer}" for customer, _, _ in found], object)
    of = thirds(together(np.array([[float(a), b] for _, a, b in found]), ids), seed)

    assert set(of.tolist()) <= set(range(1, THIRDS + 1))
    assert all(len(set(of[ids == customer])) == 1 for customer in set(ids))


def test_each_fold_has_rows_of_every_third() -> None:
    ids = np.array([f"c{k}" for k in range(1000)], object)
    X = np.arange(1000.0)[:, None]
    both = np.bincount(folds(together(X, ids), 1) * (THIRDS + 1) + thirds(together(X, ids), 1))

    assert both[both > 0].min() >= 40


def test_a_copy_of_a_row_shares_its_fold() -> None:
    """Of a thousand customers fifty stand in the table twice, under another id."""
    X = np.arange(1050.0)[:, None] % 1000
    of = folds(together(X, np.array([f"c{k}" for k in range(1050)], object)), 3)

    assert of[:50].tolist() == of[1000:].tolist()


def test_folds_are_of_nearly_equal_size() -> None:
    ids = np.array([f"c{k}" for k in range(1000)], object)

    assert [200] * FOLDS == np.bincount(folds(together(np.arange(1000.0)[:, None], ids), 1))[1:].tolist()


def test_every_fold_is_judged_once_by_a_model_that_has_not_seen_it() -> None:
    from training.plan import fold_splits

    every = set(range(1, FOLDS + 1))
    splits = fold_splits()
    assert every == {split.judge for split in splits}
    assert all({*split.fit} == {*split.known} == every - {split.judge} for split in splits)


def test_habits_of_contracts_speak_the_words_of_purchases() -> None:
    """Of a running contract of two years under notice, one that ended, and a newcomer's."""
    found = habits(
        {"running_contracts": np.array([1.0, 0, 1]), "days_since_first_contract": np.array([730.0, 400, 20]),
         "contract_terms": np.array([24.0, 3, 1]), "days_since_contract_end": np.array([np.nan, 50, np.nan]),
         "contracts_under_notice": np.array([1.0, 0, 0]), "contract_price_per_30d": np.array([30.0, np.nan, 15])},
        ValueColumn("contract_price_per_30d", 30),
    )  # fmt: skip

    assert [0.0, 50.0, 0.0] == found["days_since_last_purchase"].tolist()
    assert [24.0, 3.0, 1.0] == found["purchase_days_182d"].tolist()
    assert [13.0, 13.0, 0.0] == found["active_weeks_91d"].tolist()
    assert [0.0, 1.0, 1.0] == found["spend_trend_56d_182d"].tolist()
    assert [28.0, 14.0] == found["usual_spend_per_28d"][[0, 2]].tolist()


def test_where_nothing_tells_there_are_no_habits() -> None:
    assert {} == habits({"given_calls": np.array([1.0])}, ValueColumn(""))
    assert AT_MARCH.churn.meant == CONTRACT


def test_a_tier_that_too_many_tie_for_is_left_empty() -> None:
    """A third pay the dearest of three prices: they are the best fifth, and no top per cent."""
    prices = np.repeat([20.0, 40.0, 80.0], 100)
    ordinary, key, key_top = tier_edges(prices)

    assert 80 == ordinary < key == key_top
    spread = tier_edges(np.arange(1000.0))
    assert spread == tuple(np.quantile(np.arange(1000.0), [0.8, 0.95, 0.99]))


@given(st.lists(st.sampled_from([0.0, 10, 12, 20, 100]) | st.floats(0, 1000), min_size=1, max_size=300))
def test_the_pyramid_has_no_tier_above_an_emptied_one(brought: list[float]) -> None:
    worth = np.array(brought)
    edges = tier_edges(worth)

    assert list(edges) == sorted(edges)
    if len(set(brought)) == len(brought) >= 100:
        assert (worth >= edges[2]).any()


def test_columns_so_coarse_that_rows_are_equal_by_chance_do_not_empty_a_fold() -> None:
    random = np.random.default_rng(1)
    X, ids = random.integers(0, 3, (3000, 2)).astype(float), np.array([f"c{k % 1000}" for k in range(3000)], object)
    of = folds(together(X, ids), 1)

    assert np.bincount(of)[1:].min() >= 590
    assert all(len(set(of[ids == customer])) == 1 for customer in ids[:50])


def test_planned_ends_do_not_tell_how_far_the_tables_go(of_terms: Callable[[Terms], CheckedTables]) -> None:
    """Written on April 1, with terms that end through the year: by July these ends tell nothing of who stayed."""
    checked = of_terms([term("a", "2024-03-31", "2025-03-31"), term("b", "2024-01-01", "2024-12-31")])

    assert date(2024, 4, 1) == checked.known_until


def test_labels_beside_purchases_need_no_measures_of_one_s_own() -> None:
    given_labels = ChurnDefinition("given", 28)

    assert given_labels.eligible({"days_since_last_purchase": np.array([1.0, np.nan])}).tolist() == [True, True]
    own = {"given_calls": np.array([1.0, np.nan]), "given_fee": np.array([np.nan, np.nan])}
    assert given_labels.eligible(own).tolist() == [True, False]


def test_blank_days_are_no_days(of_vectors: Callable[[Terms], CheckedTables]) -> None:
    checked = of_vectors([{"customer_id": c, "as_of": "", "calls": 1, "churned": k % 2} for k, c in enumerate("abcd")])

    assert not plan(checked, Study.model_validate({"churn": {"definition": "given"}})).is_in_time


def test_a_price_for_a_fraction_of_a_day_brings_nothing(of_terms: Callable[[Terms], CheckedTables]) -> None:
    """The columns do not read such a period either."""
    checked = of_terms([term("a", "2024-01-01", period=30), {**term("b", "2024-01-01"), "period_days": 0.001},
                        term("z", "2024-06-01")])  # fmt: skip

    assert [30.0, 0.0] == churn_labels(checked, asked((MARCH, "a"), (MARCH, "b")), CONTRACT).spend.tolist()


def test_labels_with_nothing_beside_them_are_refused(of_vectors: Callable[[Terms], CheckedTables]) -> None:
    checked = of_vectors([{"customer_id": c, "churned": k % 2} for k, c in enumerate("abcd")])

    with pytest.raises(Refusal, match="HF207 The table vectors holds labels and no measures"):
        plan(checked, Study.model_validate({"churn": {"definition": "given"}}))


@pytest.mark.parametrize(("as_of", "flagged"), [("", True), ("2024-01-20", False)])
def test_labels_without_a_day_beside_events_are_flagged(
    tiny_shop: Callable[..., Shop], store: Store, as_of: str, flagged: bool
) -> None:
    bought = [{"customer_id": c, "timestamp": f"2024-0{1 + k % 2}-10", "amount": 1} for k, c in enumerate("abcd")]
    labels = [{"customer_id": c, **({"as_of": as_of} if as_of else {}), "churned": k % 2} for k, c in enumerate("abcd")]
    shop, study = tiny_shop(bought, vectors=labels), Study.model_validate({"churn": {"definition": "given"}})
    found = preflight(shop, study, check_tables(shop, store, date(2025, 6, 1)), date(2025, 6, 1))

    assert flagged == ("HF210" in [finding.code for finding in found.findings])


@pytest.mark.parametrize(("as_of", "early"), [("2024-01-14", 0), ("2024-01-15", 4)])
def test_labels_whose_horizon_goes_beyond_the_events_are_flagged(
    tiny_shop: Callable[..., Shop], store: Store, as_of: str, early: int
) -> None:
    """The last event is of 10 February, so that all is known until the 11th: 28 days after 14 January."""
    bought = [{"customer_id": c, "timestamp": f"2024-0{1 + k % 2}-10", "amount": 1} for k, c in enumerate("abcd")]
    labels = [{"customer_id": c, "as_of": as_of, "churned": k % 2} for k, c in enumerate("abcd")]
    shop, study = tiny_shop(bought, vectors=labels), Study.model_validate({"churn": {"definition": "given"}})
    found = preflight(shop, study, check_tables(shop, store, date(2025, 6, 1)), date(2025, 6, 1))

    assert early == sum(finding.measured for finding in found.findings if finding.name == "early labels")


@pytest.mark.parametrize(("last", "told"), [(1, ["labelled rows"]), ("", [])])
def test_where_every_label_is_known_nobody_is_left_to_foretell(
    of_vectors: Callable[[Terms], CheckedTables], tmp_path: Path, last: int | str, told: list[str]
) -> None:
    checked = of_vectors(
        [{"customer_id": "a", "calls": 1, "churned": 0}, {"customer_id": "b", "calls": 2, "churned": last}]
    )
    study = Study.model_validate({"churn": {"definition": "given"}})
    found = preflight(read_shop(tmp_path), study, checked, date(2025, 6, 1)).findings

    assert told == [finding.name for finding in found if finding.name == "labelled rows"]


def test_rows_without_a_day_are_not_said_to_be_of_1970(of_vectors: Callable[[Terms], CheckedTables]) -> None:
    dated = {"customer_id": "a", "as_of": "2024-01-02", "calls": 1, "churned": 0}

    assert (
        "Rows without a day, taken for what is known on 2025-06-01"
        == of_vectors([{"customer_id": "a", "calls": 1}]).spanned
    )
    assert "Events from 2024-01-01 to 2024-01-01, complete up to 2024-01-02" == of_vectors([dated]).spanned
