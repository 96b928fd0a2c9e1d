"""Which column tells what a customer brings."""

from __future__ import annotations

from features.catalog import Catalog
from features.refusal import Refusal, did_you_mean
from models.habits import ValueColumn
from training.study import Study

_PRICE = "contract_price_per_30d"


def value_column(catalog: Catalog, study: Study) -> ValueColumn:
    """The column that tells what a customer brings: the one that the study names, else spend, else the contracts' price.

    Raises
    ------
    Refusal
        HF104 where the study names none of the catalog's numeric columns.
    """
    numbers = [f.name for f in catalog.features if f.unit != "category"]
    if study.value.column:
        if study.value.column not in numbers:
            raise Refusal(
                "HF104", f"value.column {study.value.column!r} is no numeric column of this shop's vectors.",
                did_you_mean(study.value.column, numbers),
            )  # fmt: skip
        return ValueColumn(study.value.column, study.value.column_days)
    known = (ValueColumn(), ValueColumn(_PRICE, 30))
    return next((column for column in known if column.name in numbers), ValueColumn(""))
