"""What the judge asks once there is a bundle, on the example shop: groups, worth, stability."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.checked import CheckedTables
from features.refusal import Refusal
from features.snapshot import day_number
from models.churn import ChurnModel
from models.playbook import Playbook, read_playbook
from models.relationship import TIERS
from models.score import score
from training.groups import FEWEST_CUSTOMERS, groupings
from training.names import require_attributes
from training.net_value import net_value
from training.panel import Panel
from training.stability import reason_stability
from training.study import FitSettings
from training.train import Trained


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    """The one that `holdfast init` writes."""
    return read_playbook(Path(__file__).parents[1] / "models")


def test_everybody_is_in_one_group_of_each_grouping_and_no_group_is_too_small_but_the_rest(
    trained: Trained, checked: CheckedTables
) -> None:
    judged = trained.judgment.judged
    found = {g.name: g for g in groupings(judged, trained.bundle, checked, list(checked.attributes))}
    ids = np.concatenate([j.customer_ids for j in judged])

    assert {"segment", "tier", "tenure", *checked.attributes} == set(found)
    for grouping in found.values():
        assert set(grouping.group) == set(grouping.order)
        sizes = [len(set(ids[grouping.group == one])) for one in grouping.order if one != "all others"]
        assert min(sizes, default=FEWEST_CUSTOMERS) >= FEWEST_CUSTOMERS
        assert len(grouping.order) <= 12


def test_levels_of_an_attribute_stand_in_the_order_that_they_mean(
    trained: Trained, checked: CheckedTables, tmp_path: Path
) -> None:
    levels = ["Under 15K", "15-24K", "25-34K", "100-124K", "250K+"]
    customers = pq.read_table(checked.path("customers"))
    income = pa.array([levels[k % len(levels)] for k in range(customers.num_rows)])
    pq.write_table(customers.append_column("attribute_income", income), tmp_path / "customers.parquet")
    asked = replace(checked, folder=tmp_path, attributes={"income": "text"})
    *_, found = groupings(trained.judgment.judged, trained.bundle, asked, ["income"])

    assert levels == list(found.order)


def test_a_slice_that_no_table_has_is_refused_with_what_was_meant(checked: CheckedTables) -> None:
    known = next(iter(checked.attributes))

    with pytest.raises(Refusal, match=f"HF104 .*judge.slices names '{known}x'.* Did you mean '{known}'"):
        require_attributes(checked, [f"{known}x"])


def test_the_judgment_is_one_json_object_that_tells_of_no_customer(trained: Trained) -> None:
    found = trained.judgment.as_dict("churn/1")
    text = json.dumps(found, allow_nan=False)

    assert {"slices", "fairness", "reasons", "net_value", "calibration", "calibration_error_noise", "curves"} <= set(
        found
    )
    assert not [customer for customer in set(trained.panel.customer_ids) if f'"{customer}"' in text]
    for of_grouping in found["slices"].values():
        rows = [one["rows"] for one in of_grouping if not one["too_small"]]
        assert sum(rows) <= sum(each["customers"] for each in found["by_cutoff"])


def test_whoever_knows_who_leaves_gains_most_by_the_playbook(trained: Trained, playbook: Playbook) -> None:
    """Probabilities of 0 and 1 are worth more than ours, although the playbook lets go of those who are sure to leave."""
    knowing = [
        replace(j, probability={"holdfast": j.churned, "recency_rule": j.probability["holdfast"]})
        for j in trained.judgment.judged
    ]
    found = net_value(knowing, trained.bundle, playbook, seed=1)

    assert found["holdfast_above"]["recency_rule"]["value"] > 0
    assert found["holdfast_above"]["nobody"]["value"] == found["rules"]["holdfast"]["per_customer"]["value"]
    assert found["rules"]["nobody"]["per_customer"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_what_is_promised_comes_where_probabilities_are_true(trained: Trained, playbook: Playbook) -> None:
    """Labels drawn from the probabilities themselves bring what these promised, within the interval of chance."""
    rng = np.random.default_rng(3)
    drawn = [
        replace(j, churned=(rng.random(len(j.churned)) < j.probability["holdfast"]).astype(float))
        for j in trained.judgment.judged
    ]
    ours = net_value(drawn, trained.bundle, playbook, seed=1)["rules"]["holdfast"]

    assert ours["per_customer"]["low"] - 0.01 <= ours["promised"] <= ours["per_customer"]["high"] + 0.01


def test_an_action_that_costs_more_than_it_can_bring_is_taken_by_nobody(trained: Trained, playbook: Playbook) -> None:
    dear = playbook.model_copy(update={"actions": tuple(a.model_copy(update={"cost": 1e6}) for a in playbook.actions)})
    found = net_value(trained.judgment.judged, trained.bundle, dear, seed=1)

    assert 0 == found["rules"]["holdfast"]["contacted"] == found["rules"]["recency_rule"]["contacted"]
    assert found["rules"]["top_tenth"]["per_customer"]["value"] < 0


class Alike(ChurnModel):
    """Says the same of everybody."""

    said = 0.0

    def log_odds(self, X: np.ndarray, threads: int = 1) -> np.ndarray:
        return np.full(len(X), self.said)


def test_what_is_at_stake_is_what_the_score_says_is_lost(
    trained: Trained, playbook: Playbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To save everybody for nothing, were all to leave, brings what scores put on it, were all as likely to leave."""
    free = playbook.actions[0].model_copy(update={"cost": 0.0, "save_rate": (1.0, 1.0, 1.0), "tiers": TIERS})
    saving = playbook.model_copy(update={"actions": (free,)})
    last, model = trained.judgment.judged[-1], trained.bundle.model
    everyone = [replace(last, churned=np.ones(len(last.churned)))]
    found = net_value(everyone, trained.bundle, saving, seed=1)["rules"]["holdfast"]["per_customer"]["value"]
    rate = trained.bundle.references.base_rate
    monkeypatch.setattr(Alike, "said", np.log(rate / (1 - rate)))
    alike = replace(trained.bundle, model=Alike(model.text, model.features, model.categories))
    rows = trained.panel.vectors.filter(np.asarray(trained.panel.vectors.column("cutoff")) == day_number(last.cutoff))
    lost = score(alike, rows).lost_if_gone * playbook.value.margin_share

    assert playbook.value.margin_share < 0.5
    assert found == pytest.approx(lost.mean(), rel=1e-6)


def stability(trained: Trained, panel: Panel, refits: int, trees: int) -> dict | None:
    judged = trained.judgment.judged[-1]
    # the study of the fixture judges the last two cut-offs; the last one's split is made anew from its day
    from training.panel import split_before

    days = sorted({np.datetime64(int(day), "D").astype(object) for day in panel.cutoff})
    split = split_before(days, judged.cutoff, trained.bundle.definition.label_days)
    settings = FitSettings(trees=trees, learning_rate=0.1, min_customers_in_leaf=20)
    return reason_stability(
        panel, split, trained.bundle.catalog, settings, refits, trained.bundle.references.band_edges[1],
        judged.probability["holdfast"],
    )  # fmt: skip


def test_reasons_of_more_trees_are_steadier_than_of_one_and_shares_lie_in_0_to_1(trained: Trained) -> None:
    one, many = (stability(trained, trained.panel, 2, trees) for trees in (1, 30))

    assert 0 <= one["all"]["same_first"] < many["all"]["same_first"] <= 1
    assert 0 <= one["all"]["top_3_overlap"] < many["all"]["top_3_overlap"] <= 1
    assert many["at_risk"]["customers"] < many["all"]["customers"]


def test_where_all_columns_mean_one_thing_reasons_cannot_differ(trained: Trained) -> None:
    drivers = dict.fromkeys(trained.bundle.catalog.names, "given")
    alone = replace(trained, bundle=replace(trained.bundle, catalog=trained.bundle.catalog.with_drivers(drivers)))

    assert stability(alone, trained.panel, 2, 1) is None


@pytest.mark.parametrize("refits", [0, 1])
def test_nothing_is_compared_without_two_refits(trained: Trained, refits: int) -> None:
    assert stability(trained, trained.panel, refits, 1) is None
