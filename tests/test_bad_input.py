"""What cannot be learned from is refused before anything is fitted: by number, in words that help, with nothing left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flat_table import HONEST, LEFT, PEOPLE, QUICK, TODAY, learned

from features.check import check_tables
from features.console import Stopwatch
from features.refusal import Refusal
from features.store import Store
from training.study import Study
from training.train import fit_bundle


@pytest.mark.parametrize(
    ("columns", "churned", "people", "words"),
    [
        (HONEST, LEFT, 30, "HF301 only 30 customers are eligible in all; training needs 200. Bring more customers"),
        (HONEST, 0 * LEFT, PEOPLE, "HF302 0 of 300 customers churned in all; training needs 20. Look how `churned`"),
        (HONEST, 0 * LEFT + 1, PEOPLE, "HF302 0 of 300 customers stayed in all"),
        (HONEST, (np.arange(PEOPLE) < 7).astype(int), PEOPLE, "HF302 7 of 300 customers churned"),
        ({"calls": [None] * PEOPLE}, LEFT, PEOPLE, "HF301 only 0 customers are eligible"),
        ({**HONEST, "closed": LEFT}, LEFT, PEOPLE, "HF213 given_closed of vectors: It agrees for 100.0% of the customers"),
        ({**HONEST, "state": np.where(LEFT, "gone", "here")}, LEFT, PEOPLE, "HF213 given_state"),
        ({**HONEST, "note": [f"n{k % 3}" if left else None for k, left in enumerate(LEFT)]}, LEFT, PEOPLE, "HF212 given_note"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_learned_from_is_refused(
    tmp_path: Path, columns: Mapping[str, Any], churned: Any, people: int, words: str
) -> None:
    with pytest.raises(Refusal) as refused:
        learned(tmp_path / "shop", columns, churned, people)

    assert str(refused.value).startswith(words)
    assert refused.value.mend
    assert not (tmp_path / "shop" / "store" / "mlflow").exists()


def test_a_column_that_tells_who_left_can_be_trusted_by_name(tmp_path: Path) -> None:
    columns = {**HONEST, "closed": LEFT}
    trained = learned(tmp_path / "shop", columns, LEFT, vectors={"trusted_columns": ["given_closed"]})

    gain = trained.bundle.model.gain()
    assert "given_closed" == max(gain, key=gain.__getitem__)


def test_a_column_without_a_value_is_left_alone(tmp_path: Path) -> None:
    trained = learned(tmp_path / "shop", {**HONEST, "empty": [None] * PEOPLE}, LEFT)

    assert 0.6 < trained.judgment.models["holdfast"]["auc"]["value"] < 0.95
    assert trained.bundle.model.gain().get("given_empty", 0.0) == 0


def _sales(customers: int, days: int, newcomers: bool = False) -> list[dict[str, Any]]:
    first = date(2025, 1, 1)
    return [
        {"customer_id": f"c{start}-{k}", "timestamp": first + timedelta(days=start + more), "amount": 5.0}
        for start in (range(days) if newcomers else range(1)) for k in range(customers)
        for more in ((0, 4) if newcomers else range(0, days, 5 + k % 9))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sales", "churn", "words"),
    [
        (_sales(20, 300), {"horizon_days": 400}, "HF303 300 days of history hold no cut-off: 91 days must lie before one and 400"),
        (_sales(20, 130), {}, "HF303 1 matured cut-offs lie between"),
        (_sales(2, 250, newcomers=True), {"active_within_days": 20}, "HF301 only 48 customers are eligible at the last"),
    ],
    ids=["horizon beyond history", "few cut-offs", "newcomers alone"],
)  # fmt: skip
def test_a_history_that_cannot_be_learned_from_is_refused(
    tiny_shop: Any, store: Store, sales: Sequence[dict[str, Any]], churn: Mapping[str, Any], words: str
) -> None:
    shop = tiny_shop(sales)
    with pytest.raises(Refusal) as refused:
        fit_bundle(
            shop, Study.model_validate({**QUICK, "churn": churn}), check_tables(shop, store, TODAY), store, Stopwatch()
        )

    assert str(refused.value).startswith(words)
    assert refused.value.mend


def test_days_of_which_the_tables_do_not_tell_yet_are_refused(tiny_shop: Any, store: Store) -> None:
    """Who cancels is written down only from August on: before, nobody seems to have left."""
    first, people = date(2025, 1, 1), [f"c{k}" for k in range(60)]
    sales = [
        {"customer_id": who, "timestamp": first + timedelta(days=day), "amount": 5.0}
        for who in people
        for day in range(0, 330, 9)
    ]
    told = [
        {"customer_id": who, "timestamp": first + timedelta(days=215 + 4 * k % 115), "kind": "cancel"}
        for k, who in enumerate(people[:40])
    ]
    study = {
        **QUICK,
        "churn": {"definition": "event", "event_kinds": ["cancel"]},
        "minimums": {"customers": 10, "churners": 3},
    }
    shop = tiny_shop(sales, interactions=told)

    with pytest.raises(Refusal, match=r"HF302 none of \d+ customers churned in what is learned from or judged: 2025-"):
        fit_bundle(shop, Study.model_validate(study), check_tables(shop, store, TODAY), store, Stopwatch())
