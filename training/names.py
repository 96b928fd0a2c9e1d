"""What a study and a playbook name: refused, and foretold by the preflight, where the shop has none such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from features.behavior import CATALOG, catalog_of
from features.checked import CheckedTables
from features.refusal import Refusal, did_you_mean
from features.shop import Shop
from models.playbook import read_playbook
from training.finding import Finding, refused
from training.study import Study
from training.value_column import value_column


def require_attributes(checked: CheckedTables, names: Sequence[str]) -> None:
    """Refuse (HF104) a slice that is no attribute of customers and no column of vectors."""
    known = {**checked.attributes, **checked.given}
    for name in names:
        if name not in known:
            raise Refusal(
                "HF104", f"study.toml: judge.slices names {name!r}, which is no attribute of customers and no column of"
                " vectors in shop.toml.", did_you_mean(name, known),
            )  # fmt: skip


def named_findings(shop: Shop, checked: CheckedTables, study: Study) -> Iterator[Finding]:
    """The refusals that training or scoring would give for a name that is none of the shop's."""
    try:
        require_attributes(checked, study.judge.slices)
    except Refusal as refusal:
        yield refused("slices", "train", refusal, None, None)
    try:
        if study.value.column and not _may_come(study.value.column, checked):
            value_column(study.churn.meant.in_catalog(catalog_of(shop, checked)).learnable, study)
    except Refusal as refusal:
        yield refused("value column", "train", refusal, None, None)
    try:
        if (shop.folder / "playbook.toml").exists():  # scoring needs one, learning does not
            read_playbook(shop.folder)
    except Refusal as refusal:
        yield Finding("playbook", "score", "warning", "", "", refusal.what, refusal.code, mend=refusal.mend)


def _may_come(column: str, checked: CheckedTables) -> bool:
    """Whether it is of our catalog and all tables it needs are there: the rest may be what training finds out."""
    feature, there = CATALOG.by_name.get(column), {*checked.columns, "references"}
    return feature is not None and {need.partition(".")[0] for need in feature.needs} <= there
