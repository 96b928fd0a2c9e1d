"""Further horizons are learned and judged in their own time, by what is told of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from by_hand import TinyShop
from hypothesis import given
from hypothesis import strategies as st
from year_of_sales import FIRST, SMALL, TODAY, looked_at, sales, the

from features.check import check_tables
from features.checked import CheckedTables
from features.console import Stopwatch
from features.refusal import Refusal
from features.store import Store
from training.card_page import card_page
from training.commands import show_judgment
from training.fit_horizons import horizon_panels
from training.judge import JudgedCutoff
from training.judge_horizons import judge_horizons
from training.labels import churn_labels
from training.panel import Panel, Part
from training.plan import Plan, plan
from training.study import FitSettings, Study
from training.study_findings import history_needed
from training.train import Trained, prepare_panel

# ---- time ------------------------------------------------------------------------------------------------------------

studies = st.builds(
    lambda kind, own, further, grace, every, judged, history: Study.model_validate({
        "churn": {"definition": kind, "horizon_days": own, "further_horizons_days": further - {own}, "grace_days": grace},
        "cutoffs": {"every_days": every, "judged": judged, "min_history_days": history},
    }),
    st.sampled_from(["silence", "contract"]), st.integers(1, 90), st.sets(st.integers(1, 200), max_size=3),
    st.integers(0, 40), st.integers(5, 60), st.integers(1, 4), st.integers(1, 100),
)  # fmt: skip


def made_up(days: int) -> CheckedTables:
    """Tables of which nothing is asked but what they are about and until when."""
    end = FIRST + timedelta(days=days)
    return CheckedTables(Path(), "", end, FIRST, end, {"transactions": ("day",), "subscriptions": ("ended_day",)}, {})


def ends(parts: tuple[Part, ...], label_days: int) -> list[date]:
    return [part + timedelta(days=label_days) for part in parts if isinstance(part, date)]


@given(studies, st.integers(200, 1000), st.none() | st.integers(100, 1000))
def test_over_every_horizon_all_that_is_learned_from_was_known_before_what_it_judges(
    study: Study, days: int, last: int | None
) -> None:
    checked = made_up(days)
    if last is not None:
        capped = study.cutoffs.model_copy(update={"last": FIRST + timedelta(days=last)})
        study = study.model_copy(update={"cutoffs": capped})
    try:
        planned = plan(checked, study)
    except Refusal:
        return
    definition = study.churn.meant
    known = planned.cutoffs[-1] + timedelta(days=definition.label_days)
    assert tuple(planned.further) == study.churn.further_horizons_days
    for horizon, of in {definition.horizon_days: planned, **planned.further}.items():
        label_days = definition.over(horizon).label_days
        assert len(of.splits) == study.cutoffs.judged
        assert max(ends(of.cutoffs, label_days)) <= known <= checked.known_until
        assert set(of.final.known) == set(of.cutoffs) <= set(planned.cutoffs)
        for split in (*of.splits, of.final):
            assert max(ends(split.fit, label_days)) <= split.calibrate
            assert split.judge is None or max(ends(split.known, label_days)) <= split.judge
            assert split.judge is None or planned.first_judged <= split.judge
    for tried in planned.searches[0]:
        assert max(ends((*tried.fit, tried.on), definition.label_days)) <= planned.first_judged


@given(studies, st.integers(-3, 3))
def test_the_history_needed_carries_every_horizon_and_a_day_less_does_not(study: Study, days: int) -> None:
    checked = made_up(history_needed(study) + days)
    if days < 0:
        with pytest.raises(Refusal, match="HF303"):
            plan(checked, study)
    else:
        assert len(plan(checked, study).further) == len(study.churn.further_horizons_days)


def test_a_horizon_that_history_does_not_carry_is_refused_with_the_figures_and_named(checked: CheckedTables) -> None:
    study = Study.model_validate({"churn": {"further_horizons_days": [56, 182]}})
    alone = plan(checked, study.over(28))

    assert {} == alone.further
    with pytest.raises(
        Refusal,
        match=r"HF303 At 5 of the 11 .* within 182 days.* at least 17\. Leave 182 out of churn.further_horizons",
    ):
        plan(checked, study)


@pytest.mark.parametrize(
    ("minimums", "further", "code", "said"),
    [
        (SMALL, [56, 182], "HF303", "within 182 days"),
        ({"minimums": {"customers": 20, "churners": 6}}, [56], "HF302", "5 of 46 customers churned at the last cut-off matured over 56"),
        (SMALL, [56], None, "Of 46 customers eligible at 2024-11-04, 5 churned within 56 days (10.9%)."),
    ],
)  # fmt: skip
def test_the_check_foretells_what_training_would_refuse_of_a_horizon(
    tiny_shop: TinyShop, store: Store, minimums: dict[str, Any], further: list[int], code: str | None, said: str
) -> None:
    """Of sixty customers who buy every 40 days or no more, 17 churned within 28 days of the last cut-off for these."""
    study, shop = {**minimums, "churn": {"further_horizons_days": further}}, tiny_shop(sales(every=40))
    found = looked_at(shop, store, **study)
    errors = [f for f in found.findings if f.state == "error"]

    if code is None:
        assert errors == []
        assert said in the(found, "further horizon").details
        return
    [foretold] = errors
    assert (foretold.code, True) == (code, said in foretold.details)
    assert foretold.measured < foretold.required
    with pytest.raises(Refusal, match=code) as refused:
        prepare_panel(shop, check_tables(shop, store, TODAY), Study.model_validate(study), None, Stopwatch())
    assert (refused.value.what, refused.value.mend) == (foretold.details, foretold.mend)


def leaving_on(*days: int) -> list[dict[str, Any]]:
    """Sixty customers who buy every fortnight, ten of whom stop on each of these days of the year."""
    stops = {f"c{6 * ten + k}": day for k, day in enumerate(days) for ten in range(10)}
    return [row for row in sales(leavers=0)
            if date.fromisoformat(row["timestamp"]) < FIRST + timedelta(days=stops.get(row["customer_id"], 364))]  # fmt: skip


@pytest.mark.parametrize(
    ("days", "further", "said"),
    [
        ((120, 295), [], ""),
        ((120, 295), [56], r"none of 50 customers churned within 56 days in what .* judged: 2024-10-07\."),
        ((295,), [], r"none of 360 customers churned in what .* judged: 2024-04-22, .*2024-09-09\."),
    ],
)
def test_a_part_in_which_nobody_churned_over_a_horizon_is_refused_and_foretold(
    tiny_shop: TinyShop, store: Store, days: tuple[int, ...], further: list[int], said: str
) -> None:
    """Two are judged, over 56 days those four weeks earlier: at the first nobody who had lately bought stayed away."""
    asked = {**SMALL, "churn": {"further_horizons_days": further}, "cutoffs": {"judged": 2}}
    shop = tiny_shop(leaving_on(*days))
    found = looked_at(shop, store, **asked)
    errors = [f for f in found.findings if f.state == "error"]

    assert bool(said) == bool(errors)
    if said:
        with pytest.raises(Refusal, match=f"HF302 {said}") as refused:
            prepare_panel(shop, check_tables(shop, store, TODAY), Study.model_validate(asked), None, Stopwatch())
        assert [(refused.value.what, refused.value.mend)] == [(error.details, error.mend) for error in errors]


# ---- how they are judged ---------------------------------------------------------------------------------------------

QUICK = FitSettings(trees=15, learning_rate=0.2, min_customers_in_leaf=20, column_share=0.1)


@pytest.fixture(scope="module")
def planned(checked: CheckedTables, study: Study) -> Plan:
    asked = study.churn.model_copy(update={"further_horizons_days": (56,)})
    return plan(checked, study.model_copy(update={"churn": asked}))


@pytest.fixture(scope="module")
def panels(trained: Trained, checked: CheckedTables, study: Study, planned: Plan) -> dict[int, Panel]:
    return horizon_panels(checked, trained.bundle.definition, trained.panel, planned, study.minimums)


def judged_beside(trained: Trained, planned: Plan, panels: Mapping[int, Panel], main: float) -> dict[str, Any]:
    """How 56 days are judged beside a main horizon of which the same is said of everyone."""
    panel, known = trained.panel, []
    for cutoff in {split.judge for of in (planned, *planned.further.values()) for split in of.splits}:
        rows = panel.at(cutoff)
        said, nothing = np.full(int(rows.sum()), main), np.zeros(int(rows.sum()))
        ids = panel.customer_ids[rows]
        known.append(JudgedCutoff(cutoff, ids, panel.cutoff[rows], nothing, nothing, panel.X[rows], {"holdfast": said}))
    [found] = judge_horizons(trained.bundle.definition, panel, panels, planned, known, trained.bundle.catalog, QUICK)
    return found


def test_what_is_judged_is_what_is_told_where_its_own_labels_are_known(
    trained: Trained, checked: CheckedTables, planned: Plan, panels: dict[int, Panel]
) -> None:
    """Beside a main horizon that holds everyone safe nobody can be told to be silent for longer: the rank is that of dice."""
    free, bound = (judged_beside(trained, planned, panels, main) for main in (1.0, 0.0))
    last = date.fromisoformat(free["cutoffs"][-1])

    assert (56, planned.further[56].cutoffs[-1]) == (free["horizon_days"], last)
    assert last <= checked.known_until - timedelta(days=56)
    assert free["churn_rate"] == pytest.approx(panels[56].churned[panels[56].at(last)].mean(), abs=1e-4)
    assert {"auc", "log_loss", "brier", "calibration_error", "calibration_slope"} == set(free["measures"])
    assert (0.0, 1.0) == (free["moved"], bound["moved"])
    assert free["measures"]["auc"]["low"] > 0.7
    assert 0.5 == bound["measures"]["auc"]["value"]
    assert json.dumps([free, bound], allow_nan=False)


def further(trained: Trained) -> list[dict[str, Any]]:
    """Made-up figures of a further horizon, as the judge gives them."""
    measure = {"value": 0.8125, "low": 0.75, "high": 0.875, "by_cutoff": [0.8125]}
    return [{"horizon_days": 56, "cutoffs": ["2023-12-03", "2023-12-31"], "customers": 610, "churn_rate": 0.131, "moved": 0.17,
             "measures": dict.fromkeys(("auc", "calibration_slope"), measure), "calibration_error_noise": 0.026}]  # fmt: skip


def test_the_figures_of_further_horizons_are_told_where_there_are_any(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    judgment = trained.judgment.as_dict("churn/1")
    card = {**trained.bundle.card, "judged": {**trained.bundle.card["judged"], "further_horizons": further(trained)}}
    show_judgment(judgment)
    without = capsys.readouterr().err
    show_judgment({**judgment, "further_horizons": further(trained)})
    beside, page = " ".join(capsys.readouterr().err.split()), card_page(replace(trained.bundle, card=card))

    assert [] == judgment["further_horizons"]
    assert "horizons" not in without
    assert "Over further horizons" in beside
    assert "56 days 2023-12-03 to 2023-12-31 13.1% 0.812 [0.750, 0.875]" in beside
    assert "<h3>Over further horizons</h3>" not in trained.bundle.card_page
    assert "<h3>Over further horizons</h3>" in page
    assert ">17%</td>" in page


def test_the_panel_of_a_horizon_is_that_of_the_shop_with_the_labels_of_that_horizon(
    trained: Trained, checked: CheckedTables, planned: Plan, panels: dict[int, Panel]
) -> None:
    for days, panel in panels.items():
        rows = trained.panel.at(*planned.further[days].cutoffs)
        labels = churn_labels(checked, panel.vectors, trained.bundle.definition.over(days))

        assert labels.matured.all()
        assert np.array_equal(labels.churned, panel.churned)
        assert np.array_equal(trained.panel.X[rows], panel.X, equal_nan=True)
        assert np.array_equal(trained.panel.customer_ids[rows], panel.customer_ids)
        assert np.shares_memory(trained.panel.X, panel.X), "a shop of millions is not held twice"
        assert 0 < len(panel.X) < len(trained.panel.X)
