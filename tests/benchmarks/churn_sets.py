"""Real tables to be judged on, each as the shop and the study that a data scientist would write for it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
from real_tables import CDNOW, REAL_DATA, TA_FENG

from features.catalog import is_protected
from features.check import check_tables
from features.commands import init
from features.console import Stopwatch
from features.shop import read_shop
from features.store import Store
from training.panel import Split, judging_splits
from training.study import read_study
from training.train import Prepared, prepare_panel

TODAY = date(2026, 1, 1)
FOLDS_STUDY = '[churn]\ndefinition = "given"\n[minimums]\ncustomers = 500\nchurners = 50\n'


@dataclass(frozen=True)
class ChurnSet:
    """A data set: its file, or none for an example shop that Holdfast brings; the columns by role.

    Attributes
    ----------
    leave_out
        Columns that are no features: ids, labels, costs, and what was written after the fact.
    study
        The text of study.toml; empty for that of folds, or of the example shop.
    """

    name: str
    file: str = ""
    label: str = ""
    leave_out: Sequence[str] = ()
    shop: str = ""
    study: str = ""

    @property
    def is_present(self) -> bool:
        """Whether its file is on this machine."""
        return not self.file or (REAL_DATA / f"{self.file}.parquet").exists()

    def prepared(self, folder: Path) -> Prepared:
        """Its panel, by the path that `holdfast train` takes; the shop is written into `folder`."""
        if not self.file:
            init(folder, self.name.replace("_", "-"))
        else:
            folder.mkdir(parents=True)
            (folder / "shop.toml").write_text(self._shop_text(folder), encoding="utf-8")
        if study := self.study or (FOLDS_STUDY if self.file else ""):
            (folder / "study.toml").write_text(study, encoding="utf-8")
        shop, store = read_shop(folder), Store(folder / "store")
        checked = check_tables(shop, store, TODAY)
        return prepare_panel(shop, checked, read_study(folder), store, Stopwatch())

    def _shop_text(self, folder: Path) -> str:
        source = REAL_DATA / f"{self.file}.parquet"
        if self.shop:
            return self.shop.format(sales=source)
        table = folder / "table.parquet"
        with duckdb.connect() as connection:
            connection.execute(
                f"copy (select row_number() over () as row_id, {self.label} as left_us, * from '{source}') to '{table}'"
            )
            described: Mapping[str, str] = dict(
                row[:2] for row in connection.execute(f"describe from '{source}'").fetchall()
            )
        columns = [name for name in described if name not in self.leave_out]
        # age and sex go by another name, since by their own they would be left out: the peers look at them too
        own = "\n".join(
            f"{f'column_{k}' if is_protected(name.lower()) else name.lower()} = '{self._expression(name)}'"
            for k, name in enumerate(columns)
        )
        return (
            f'name = "{self.name}"\ncurrency = "EUR"\nknown_until = {TODAY}\n[files]\npeople = "{table}"\n'
            '[tables.vectors]\nfrom = "people"\n[tables.vectors.columns]\ncustomer_id = "row_id"\nchurned = "left_us"\n'
            f"[tables.vectors.attributes]\n{own}\n"
        )

    def _expression(self, name: str) -> str:
        return f"try_cast({name} as double)" if name == "TotalCharges" else name


def silence(horizon_days: int, active_within_days: int, every_days: int, judged: int, **more: int) -> str:
    """A study of silence; `more` are days of memory and of history before the first cut-off."""
    memory = f"[vectors]\nmemory_days = {more['memory_days']}\n" if "memory_days" in more else ""
    return (
        f"[churn]\nhorizon_days = {horizon_days}\nactive_within_days = {active_within_days}\n{memory}"
        f"[cutoffs]\nevery_days = {every_days}\njudged = {judged}\nmin_history_days = {more['min_history_days']}\n"
    )


def ta_feng(horizon_days: int, active_within_days: int, every_days: int) -> ChurnSet:
    """A grocery, four months around a New Year."""
    study = silence(horizon_days, active_within_days, every_days, 1, memory_days=91, min_history_days=21)
    return ChurnSet("ta_feng", "ta_feng/ta_feng", shop=TA_FENG, study=study)


def cdnow(horizon_days: int, active_within_days: int) -> ChurnSet:
    """A music shop, all of whose customers first bought in one quarter."""
    study = silence(horizon_days, active_within_days, 28, 2, memory_days=364, min_history_days=56)
    return ChurnSet("cdnow", "cdnow/cdnow_master", shop=CDNOW, study=study)


SETS = (
    ChurnSet("complete_journey"),
    ta_feng(28, active_within_days=63, every_days=7),
    cdnow(91, active_within_days=182),
    ChurnSet("telco_ibm", "telco_ibm/telco", "case when Churn = 'Yes' then 1 else 0 end", ("customerID", "Churn")),
    ChurnSet("mlc_churn", "mlc_churn/mlc_churn", "case when churn = 'yes' then 1 else 0 end", ("churn",)),
    ChurnSet(
        "churn_modelling", "churn_modelling/churn_modelling", "Exited", ("RowNumber", "CustomerId", "Surname", "Exited")
    ),
    ChurnSet("eudirectlapse", "eudirectlapse/eudirectlapse", "lapse", ("lapse",)),
    ChurnSet(
        "tv_subscription_churn", "tv_subscription_churn/tv_churn", "cast(target as integer)",
        ("id", "C_FP", "C_FN", "C_TP", "C_TN", "target"),
    ),
    ChurnSet("internet_service_churn", "internet_service_churn/internet_service_churn", "churn", ("id", "churn")),
    ChurnSet(
        "internet_without_remaining", "internet_service_churn/internet_service_churn", "churn",
        ("id", "churn", "remaining_contract"),
    ),
    ChurnSet("pysurvival_churn", "pysurvival_churn/churn", "cast(churned as integer)", ("churned",)),
)  # fmt: skip
"""Every set of the accuracy table, those that are judged in time first."""

IN_TIME = (
    ChurnSet("complete_journey", study=silence(14, 28, 14, 1, min_history_days=56)),
    ChurnSet("complete_journey"),
    ChurnSet("complete_journey", study=silence(56, 91, 28, 1, min_history_days=56)),
    ta_feng(14, active_within_days=42, every_days=14),
    ta_feng(28, active_within_days=63, every_days=7),
    cdnow(28, active_within_days=91),
    cdnow(56, active_within_days=182),
    cdnow(91, active_within_days=182),
    ChurnSet("simulated"),
)
"""Shops whose past tells what a model of one day is worth on later ones, over several horizons."""


def present(sets: Sequence[ChurnSet]) -> Iterator[ChurnSet]:
    """Those that are on this machine; of the others it is said that they are left out."""
    for one in sets:
        if one.is_present:
            yield one
        else:
            sys.stderr.write(f"left out: {one.name} is not in {REAL_DATA}\n")


def judged_everywhere(of: ChurnSet) -> tuple[Prepared, int, list[Split]]:
    """Its panel, its horizon in days, and a split for every cut-off that has enough before it."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = of.prepared(Path(folder) / "shop")
        days = read_study(Path(folder) / "shop").churn.meant.label_days
    return prepared, days, judging_splits(prepared.plan.cutoffs, len(prepared.plan.cutoffs), days)
