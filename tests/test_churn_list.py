"""The churn list is walked forwards and back over the same customers, and finds, filters and counts all there are."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages_by_hand import entry, run_of
from scored_by_hand import fresh_ledger

from features.raw_values import LONGEST_ID
from features.refusal import Refusal
from models import churn_list as of_list
from models.churn_list import LONGEST_TOKEN, SORTS, ListPage, ListQuery, churn_list, every_row, is_longer
from models.ledger import Ledger
from models.runs import Entry, ScoreRun, latest_run, write_run

NEW_SHOPS = (f"shop-{k}" for k in count())
"""Shops of which the ledger holds nothing yet."""
lawful = settings(max_examples=50)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with fresh_ledger(tmp_path_factory.mktemp("list")) as made:
        yield made


def written(ledger: Ledger, people: Sequence[Entry]) -> ScoreRun:
    """A run of these people by a shop of its own."""
    shop = next(NEW_SHOPS)
    write_run(ledger, run_of(people, shop=shop), [people])
    return latest_run(ledger, shop)


def ids(page: ListPage) -> list[str]:
    return [json.loads(text)["customer_id"] for text in page.answers]


def found(ledger: Ledger, run: ScoreRun, search: str = "", **filters: str | tuple[str, ...]) -> list[str]:
    """The customers that a search and filters find, by id; page and export agree about them."""
    query = ListQuery(filters, "customer_id", search)
    page = ids(churn_list(ledger, run, query, limit=200))
    assert page == [json.loads(text)["customer_id"] for text, _ in every_row(ledger, run, query, 200)]
    return page


few = st.sampled_from([0.0, 0.1, 0.25, 1.0])
person = st.builds(
    lambda customer, probability, value, worth, net: entry(
        customer, probability, value_at_risk=value, lifetime_value={"mean": worth}, decision={"expected_net_value": net}
    ),
    st.text("abAB01é客 /%'", min_size=1, max_size=3), few | st.none(), few, few, few,
)  # fmt: skip
people = st.lists(person, max_size=30, unique_by=lambda one: one.answer["customer_id"])


def key(one: Entry, sort: str) -> Any:
    answer = one.answer
    values = {**answer, "lifetime_value": answer["lifetime_value"]["mean"]} | {
        "expected_net_value": answer["decision"]["expected_net_value"]
    }
    return values[sort]


def ordered(everyone: Sequence[Entry], sort: str, reverse: bool) -> list[str]:
    """The eligible as the list has them: the highest first, ties and the list by id alphabetically."""
    eligible = sorted((one for one in everyone if one.answer["eligible"]), key=lambda one: one.answer["customer_id"])
    if sort != "customer_id":
        eligible.sort(key=lambda one: -key(one, sort))
    names = [one.answer["customer_id"] for one in eligible]
    return names[::-1] if reverse else names


# ---- pages ----------------------------------------------------------------------------------------------------------


@lawful
@given(people, st.sampled_from(SORTS), st.booleans(), st.integers(1, 8))
def test_pages_are_walked_forwards_and_back_without_gap_or_repeat(
    ledger: Ledger, everyone: list[Entry], sort: str, reverse: bool, limit: int
) -> None:
    run, query = written(ledger, everyone), ListQuery({}, sort, reverse=reverse)
    expected = ordered(everyone, sort, reverse)
    first = page = churn_list(ledger, run, query, limit)
    pages = [page]
    while page.after:
        page = churn_list(ledger, run, query, limit, after=page.after)
        pages.append(page)
        assert len(pages) <= len(expected), "the pages go round"

    assert expected == [customer for one in pages for customer in ids(one)]
    assert (len(expected), None) == (first.total, first.before)
    assert all(one.total is None and one.before and ids(one) for one in pages[1:])

    for there in pages[-2::-1]:
        page = churn_list(ledger, run, query, limit, before=page.before)
        assert (ids(there), there.after) == (ids(page), page.after)
        assert bool(page.before) == (there is not first)


@lawful
@given(people, st.sampled_from(SORTS), st.booleans(), st.integers(0, 30))
def test_every_row_is_the_whole_list_in_its_order(
    ledger: Ledger, everyone: list[Entry], sort: str, reverse: bool, most: int
) -> None:
    run = written(ledger, everyone)
    rows = every_row(ledger, run, ListQuery({}, sort, reverse=reverse), most)

    assert ordered(everyone, sort, reverse)[:most] == [json.loads(text)["customer_id"] for text, _ in rows]


def test_a_page_before_where_there_is_none_is_empty(ledger: Ledger) -> None:
    run, query = written(ledger, [entry("a", 0.5), entry("b", 0.4)]), ListQuery({})
    second = churn_list(ledger, run, query, limit=1, after=churn_list(ledger, run, query, limit=1).after)
    first = churn_list(ledger, run, query, limit=1, before=second.before)

    assert (["b"], ["a"], None) == (ids(second), ids(first), first.before)
    with pytest.raises(Refusal, match="HF607 `before` is not a token of this list"):
        churn_list(ledger, run, query, before="nonsense")


LONGEST = "".join(chr(0x1F600 + k % 60) for k in range(LONGEST_ID))


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("odd", [LONGEST, "\x01" * LONGEST_ID, "\\" * LONGEST_ID, '"' * 9, " a b ", "\n", " "])
def test_whatever_the_id_that_a_page_ends_with_the_next_goes_on_behind_it(ledger: Ledger, sort: str, odd: str) -> None:
    run, query = written(ledger, [entry(odd, 1 / 3), entry("é", 1 / 3)]), ListQuery({}, sort)
    one = churn_list(ledger, run, query, limit=1)
    assert one.after is not None
    other = churn_list(ledger, run, query, limit=1, after=one.after)
    assert other.before is not None

    assert {odd, "é"} == {*ids(one), *ids(other)}
    assert ids(one) == ids(churn_list(ledger, run, query, limit=1, before=other.before))
    assert max(len(one.after), len(other.before)) <= LONGEST_TOKEN


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    "content", ["nan a", "inf a", "-inf a", "1e999 a", "much a", "0.5", "", "0.5 \0", " \0", "x y", "[0.5] a"]
)
def test_a_forged_token_is_told(ledger: Ledger, sort: str, content: str) -> None:
    token = base64.urlsafe_b64encode(content.encode()).decode()
    with pytest.raises(Refusal, match="HF607 `after` is not a token"):
        churn_list(ledger, written(ledger, [entry("a")]), ListQuery({}, sort), after=token)


def test_a_token_of_one_order_is_none_of_another(ledger: Ledger) -> None:
    run = written(ledger, [entry("a", 0.5), entry("b", 0.4)])
    by_risk, by_id = (
        churn_list(ledger, run, ListQuery({}, sort), limit=1).after for sort in ("churn_probability", "customer_id")
    )
    for sort, token in (("customer_id", by_risk), ("churn_probability", by_id)):
        with pytest.raises(Refusal, match="HF607"):
            churn_list(ledger, run, ListQuery({}, sort), after=token)


def test_names_come_with_their_customers(ledger: Ledger) -> None:
    page = churn_list(ledger, written(ledger, [entry("a", 0.1, "Anna"), entry("b", 0.5)]), ListQuery({}))

    assert (["b", "a"], (None, "Anna")) == (ids(page), page.names)


# ---- search ---------------------------------------------------------------------------------------------------------


def test_a_search_finds_parts_of_ids_and_names_in_any_case(ledger: Ledger) -> None:
    run = written(ledger, [entry("C01", 0.5, "Anna Müller"), entry("C02", 0.5, "王小明"), entry("anna-3", 0.5),
                           entry("C04", None, "Anna")])  # fmt: skip

    assert ["C01", "anna-3"] == found(ledger, run, "ANNA") == found(ledger, run, "aNn")
    assert ["C01", "C02"] == found(ledger, run, "c0")
    assert ["C01"] == found(ledger, run, "müller") == found(ledger, run, "MÜLLER") == found(ledger, run, "a M")
    assert ["C02"] == found(ledger, run, "小")
    assert [] == found(ledger, run, "annä")


@pytest.mark.parametrize("sign", ["%", "_", "\\", "/", "'", '"', "[", "*", "?", "--", "\\%", "/%", "/_"])
def test_signs_that_mean_something_to_a_database_mean_themselves(ledger: Ledger, sign: str) -> None:
    run = written(ledger, [entry(f"a{sign}b"), entry("ab"), entry("axb"), entry("n", name=f"x{sign}y")])

    assert sorted([f"a{sign}b", "n"]) == found(ledger, run, sign)
    assert [f"a{sign}b"] == found(ledger, run, f"A{sign}B")


def test_letters_beyond_ascii_are_found_in_any_mixture_of_cases(ledger: Ledger) -> None:
    people = [entry("C1", name="МакДональд"), entry("C2", name="ÉLÉonore ГАЛИна"), entry("Ö-я*[3]?", name="x")]
    run = written(ledger, people)

    for part in ("макдональд", "МАКДОНАЛЬД", "МаКдОн"):
        assert ["C1"] == found(ledger, run, part)
    assert ["C2"] == found(ledger, run, "éléONORE галиНА") == found(ledger, run, "ÉLé")
    assert ["Ö-я*[3]?"] == found(ledger, run, "ö-Я*[3]?") == found(ledger, run, "*[3]?")
    assert [] == found(ledger, run, "é*г") == found(ledger, run, "ма?д")


@pytest.mark.parametrize("sign", [*"^]-!%_*?[\\", "^]", "[^"])
def test_signs_beside_letters_beyond_ascii_mean_themselves(ledger: Ledger, sign: str) -> None:
    run = written(ledger, [entry(f"É{sign}{sign}b"), entry("Éb"), entry("Éxb")])

    assert [f"É{sign}{sign}b"] == found(ledger, run, f"é{sign}{sign}B")
    assert [f"É{sign}{sign}b"] == found(ledger, run, f"{sign}{sign}b")


letters = st.text("abXY%_\\/09", max_size=4) | st.text("aBЯяéÉöŐ%*?[]^-", max_size=4)


@lawful
@given(st.lists(st.tuples(letters, st.none() | letters), max_size=15), letters)
def test_a_search_finds_who_has_it_and_nobody_else(
    ledger: Ledger, named: list[tuple[str, str | None]], part: str
) -> None:
    everyone = {f"{customer}.{k}": name for k, (customer, name) in enumerate(named)}
    run = written(ledger, [entry(customer, 0.5, name) for customer, name in everyone.items()])
    holds = [c for c, name in everyone.items() if part.lower() in c.lower() or part.lower() in (name or "").lower()]

    assert sorted(holds) == found(ledger, run, part)


# ---- filters and counts ---------------------------------------------------------------------------------------------


VALUES: Mapping[str, tuple[str, ...]] = {
    "band": ("high", "medium"), "segment": ("S1", "S2"), "tier": ("key", "small"), "value_quadrant": ("gold", "lead"),
    "reason": ("going_quiet", "price", "offers", "tenure"), "action": ("call", "no_action"), "arm": ("treat", "control"),
}  # fmt: skip


def described(
    k: int, probability: float | None, facts: Mapping[str, str], pushes: Sequence[tuple[str, float]]
) -> Entry:
    return entry(
        f"c{k:02}", probability, f"Name {k % 3}", band=facts["band"], segment={"id": facts["segment"], "name": "x"},
        relationship={name: facts[name] for name in ("tier", "value_quadrant")},
        decision={name: facts[name] for name in ("action", "arm")},
        reasons=[{"driver": d, "push": p, "features": [], "sentence": d} for d, p in pushes],
    )  # fmt: skip


facts = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})
raised = st.lists(
    st.tuples(st.sampled_from(VALUES["reason"]), st.sampled_from([0.9, 0.2, -0.3])),
    max_size=4,
    unique_by=lambda r: r[0],
).map(lambda found: sorted(found, key=lambda reason: -reason[1]))
chosen = st.dictionaries(
    st.sampled_from(list(VALUES)), st.lists(st.integers(0, 1), min_size=1, max_size=2, unique=True), max_size=3
).map(lambda picked: {name: tuple(VALUES[name][place] for place in places) for name, places in picked.items()})


def has(one: Entry, name: str, values: tuple[str, ...]) -> bool:
    """Whether it has any of these values."""
    answer = one.answer
    if name == "reason":
        return bool(set(values) & {r["driver"] for r in [r for r in answer["reasons"] if r["push"] > 0][:3]})
    places = {"band": answer, "tier": answer["relationship"], "value_quadrant": answer["relationship"]}
    return (answer["segment"]["id"] if name == "segment" else places.get(name, answer["decision"])[name]) in values


@lawful
@given(st.lists(st.tuples(few | st.none(), facts, raised), max_size=25), chosen, st.sampled_from(["", "name 1"]))
def test_a_count_is_what_one_counts_by_hand(
    ledger: Ledger, rows: list, asked: dict[str, tuple[str, ...]], search: str
) -> None:
    everyone = [described(k, *row) for k, row in enumerate(rows)]
    run = written(ledger, everyone)
    by_hand = [
        one.answer["customer_id"]
        for one in everyone
        if one.answer["eligible"]
        and all(has(one, name, values) for name, values in asked.items())
        and search in one.name.lower()
    ]
    page = churn_list(ledger, run, ListQuery(asked, search=search), limit=200)

    assert by_hand == found(ledger, run, search, **asked)
    assert (len(by_hand), False) == (page.total, page.and_more)
    for than in {0, len(by_hand) - 1, len(by_hand), len(by_hand) + 1} - {-1}:
        assert (len(by_hand) > than) == is_longer(ledger, run, ListQuery(asked, search=search), than)


def test_one_value_may_be_given_alone(ledger: Ledger) -> None:
    run = written(ledger, [entry("a", band="high"), entry("b", band="low"), entry("c", band="medium")])

    assert ["a"] == found(ledger, run, band="high") == found(ledger, run, band=("high",))
    assert ["a", "b"] == found(ledger, run, band=("low", "high"))


def test_a_list_too_long_to_count_in_one_pass_is_said_to_be_longer(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_list, "COUNTED", 3)
    run = written(ledger, [entry(f"c{k}", 0.5) for k in range(5)])

    def counted(search: str, count_all: bool) -> tuple[int | None, bool]:
        page = churn_list(ledger, run, ListQuery({}, search=search), limit=2, count_all=count_all)
        assert len(page.answers) == min(2, page.total or 0)
        return page.total, page.and_more

    assert (3, True) == counted("c", count_all=False)
    assert (5, False) == counted("c", count_all=True)
    assert (1, False) == counted("c3", count_all=False)
    assert (5, False) == counted("", count_all=False)  # the run's summary tells


def test_three_found_where_three_are_counted_are_all_there_are(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_list, "COUNTED", 3)
    run = written(ledger, [entry(f"c{k}") for k in range(3)])
    page = churn_list(ledger, run, ListQuery({}, search="c"), count_all=False)

    assert (3, False) == (page.total, page.and_more)
