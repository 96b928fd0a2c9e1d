"""A study: the churn definition, cut-offs, fit, minimums and gates that `study.toml` sets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, field_validator, model_validator

from features.settings import Settings, read_toml
from models.definition import ChurnDefinition, Event, Kind

HorizonDays = Annotated[int, Field(ge=1, le=730)]


class ChurnSettings(Settings):
    """`[churn]`."""

    definition: Kind = "silence"
    horizon_days: HorizonDays = 28
    further_horizons_days: tuple[HorizonDays, ...] = ()
    active_within_days: int = Field(91, ge=1, le=1095)
    grace_days: int = Field(14, ge=0, le=365)
    event_kinds: tuple[Annotated[str, Field(pattern=r"^\w[\w ./-]{0,59}$")], ...] = ()
    event: Event = "does"
    exclude: dict[str, Annotated[tuple[str | int, ...], Field(min_length=1)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _events_are_named(self) -> ChurnSettings:
        if self.definition == "event" and not self.event_kinds:
            raise ValueError('event_kinds says which kinds of interactions are meant, like ["cancel_request"]')
        return self

    @field_validator("further_horizons_days")
    @classmethod
    def _from_the_shortest(cls, further: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(further)))

    @model_validator(mode="after")
    def _horizons_can_be_asked(self) -> ChurnSettings:
        if self.further_horizons_days and self.definition == "given":
            raise ValueError(
                'further_horizons_days cannot be asked of definition = "given": the shop\'s own labels are of one horizon'
            )
        if self.horizon_days in self.further_horizons_days:
            raise ValueError("further_horizons_days are those besides horizon_days, which is among them")
        return self

    @property
    def meant(self) -> ChurnDefinition:
        """The definition with what belongs to it: the grace to `contract`, the active window to `silence` and `event`."""
        of_events = self.definition == "event"
        return ChurnDefinition(
            self.definition, self.horizon_days,
            active_within_days=self.active_within_days if of_events or self.definition == "silence" else 0,
            grace_days=self.grace_days if self.definition == "contract" else 0,
            event_kinds=tuple(sorted(set(self.event_kinds))) if of_events else (),
            event=self.event if of_events else "does",
            exclude=tuple(sorted(self.exclude.items())),
        )  # fmt: skip


class CutoffSettings(Settings):
    """`[cutoffs]`."""

    every_days: int = Field(28, ge=1)
    judged: int = Field(3, ge=1, le=12)
    min_history_days: int = Field(91, ge=1)
    last: date | None = None


class VectorSettings(Settings):
    """`[vectors]`."""

    memory_days: int = Field(182, ge=28)
    trusted_columns: tuple[str, ...] = ()
    threads: int = Field(1, ge=1)


class FitSettings(Settings):
    """`[fit]`."""

    seed: int = 7
    trees: int = Field(300, ge=1)
    learning_rate: float = Field(0.02, gt=0, le=1)
    max_depth: int = Field(5, ge=1, le=12)
    max_leaves: int = Field(15, ge=2)
    min_customers_in_leaf: int = Field(100, ge=1)
    column_share: float = Field(0.2, gt=0, le=1)
    row_share: float = Field(0.7, gt=0, le=1)
    l2: float = Field(20.0, ge=0)
    threads: int = Field(1, ge=1)


class TuneSettings(Settings):
    """`[tune]`."""

    trials: int = Field(30, ge=0, le=1000)
    seconds: int = Field(240, ge=1)
    most_trees: int = Field(1000, ge=10, le=10000)
    deepest: int = Field(6, ge=2, le=12)


class IntervalSettings(Settings):
    """`[interval]`: of a probability."""

    fits: int = Field(20, ge=5, le=200)


class SegmentSettings(Settings):
    """`[segments]`."""

    fewest: int = Field(4, ge=2)
    most: int = Field(8, ge=2, le=20)


class ValueSettings(Settings):
    """`[value]`."""

    days: int = Field(365, ge=28)
    yearly_discount: float = Field(0.1, ge=0)
    trees: int = Field(200, ge=1)
    column: str = ""
    column_days: int = Field(30, ge=1, le=366)


class BandSettings(Settings):
    """`[bands]`."""

    medium_from: float = Field(1.0, gt=0)
    high_from: float = Field(2.5, gt=0)


class RelationshipSettings(Settings):
    """`[relationship]`; see models/relationship.py."""

    loyal_active_weeks_of_13: int = Field(8, ge=1, le=13)
    acquisition_days: int = Field(42, ge=1)
    growing_above: float = Field(1.15, gt=0)
    declining_below: float = Field(0.75, gt=0)


class ProfitSettings(Settings):
    """`[judge.profit]`: what retaining costs and brings; see training.measures.expected_maximum_profit, whose source's
    values these are. `accept` is the shape of the beta distribution of the share of would-be churners that an offer keeps.
    """

    customer_value: float = Field(200.0, gt=0)
    incentive_cost: float = Field(10.0, ge=0)
    contact_cost: float = Field(1.0, ge=0)
    accept: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (6.0, 14.0)

    @model_validator(mode="after")
    def _keeping_pays(self) -> ProfitSettings:
        if self.customer_value <= self.incentive_cost:
            raise ValueError("judge.profit.customer_value must be above judge.profit.incentive_cost")
        return self


class JudgeSettings(Settings):
    """`[judge]`."""

    slices: tuple[str, ...] = ()
    reason_refits: int = Field(3, ge=0, le=50)
    profit: ProfitSettings = ProfitSettings()


class Minimums(Settings):
    """`[minimums]`."""

    customers: int = Field(500, ge=2)
    churners: int = Field(50, ge=1)


class Gates(Settings):
    """`[gates]`."""

    better_than_rule: bool = Field(
        True, validation_alias=AliasChoices("better_than_rule", "better_than_recency_rule")
    )  # which is what files of before call it
    min_auc: float = Field(0.6, ge=0, le=1)
    max_calibration_error: float = Field(0.08, ge=0, le=1)
    max_log_loss_worsening: float = 0.002


class MonitorSettings(Settings):
    """`[monitor]`: from which findings `holdfast monitor` speaks of watch and of alarm; see training/watched_run.py."""

    significance: float = Field(0.01, gt=0, lt=1)
    psi_watch: float = Field(0.1, gt=0)
    psi_alarm: float = Field(0.25, gt=0)
    gain_share: float = Field(0.1, gt=0, le=1)
    push_shift: float = Field(0.2, gt=0)
    auc_drop_watch: float = Field(0.03, gt=0, le=0.5)
    auc_drop_alarm: float = Field(0.06, gt=0, le=0.5)
    churn_gap_watch: float = Field(0.2, gt=0)
    churn_gap_alarm: float = Field(0.5, gt=0)
    min_control: int = Field(50, ge=2)

    @model_validator(mode="after")
    def _alarm_is_not_below_watch(self) -> MonitorSettings:
        for name in ("psi", "auc_drop", "churn_gap"):
            if getattr(self, f"{name}_alarm") < getattr(self, f"{name}_watch"):
                raise ValueError(f"{name}_alarm must be at least {name}_watch")
        return self


class Retrain(Settings):
    """`[retrain]`."""

    after_days: int = Field(84, ge=1)
    retry_days: int = Field(28, ge=1)


class Study(Settings):
    """The content of `study.toml`."""

    churn: ChurnSettings = ChurnSettings()
    cutoffs: CutoffSettings = CutoffSettings()
    vectors: VectorSettings = VectorSettings()
    fit: FitSettings = FitSettings()
    tune: TuneSettings = TuneSettings()
    interval: IntervalSettings = IntervalSettings()
    segments: SegmentSettings = SegmentSettings()
    value: ValueSettings = ValueSettings()
    bands: BandSettings = BandSettings()
    relationship: RelationshipSettings = RelationshipSettings()
    judge: JudgeSettings = JudgeSettings()
    minimums: Minimums = Minimums()
    gates: Gates = Gates()
    monitor: MonitorSettings = MonitorSettings()
    retrain: Retrain = Retrain()

    @model_validator(mode="after")
    def _memory_covers_activity(self) -> Study:
        if self.vectors.memory_days < self.churn.meant.active_within_days:
            raise ValueError("vectors.memory_days must be at least churn.active_within_days")
        return self

    def over(self, horizon_days: int) -> Study:
        """The same study of another horizon, and of that alone."""
        asked = {"horizon_days": horizon_days, "further_horizons_days": ()}
        return self.model_copy(update={"churn": self.churn.model_copy(update=asked)})


def read_study(folder: Path) -> Study:
    """The study in a shop's folder."""
    return read_toml(folder / "study.toml", Study)


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Settings of sections in sections by their names with dots, like `judge.profit.accept`."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return found
