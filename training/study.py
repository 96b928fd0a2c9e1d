"""A study: the churn definition, cut-offs, fit, minimums and gates that `study.toml` sets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, model_validator

from features.settings import Settings, read_toml
from models.definition import ChurnDefinition, Event, Kind


class ChurnSettings(Settings):
    """`[churn]`."""

    definition: Kind = "silence"
    horizon_days: int = Field(28, ge=1, le=730)
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


class SegmentSettings(Settings):
    """`[segments]`."""

    fewest: int = Field(4, ge=2)
    most: int = Field(8, ge=2, le=20)


class ValueSettings(Settings):
    """`[value]`."""

    days: int = Field(365, ge=28)
    yearly_discount: float = Field(0.1, ge=0)
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
    segments: SegmentSettings = SegmentSettings()
    value: ValueSettings = ValueSettings()
    bands: BandSettings = BandSettings()
    relationship: RelationshipSettings = RelationshipSettings()
    minimums: Minimums = Minimums()
    gates: Gates = Gates()
    retrain: Retrain = Retrain()

    @model_validator(mode="after")
    def _memory_covers_activity(self) -> Study:
        if self.vectors.memory_days < self.churn.meant.active_within_days:
            raise ValueError("vectors.memory_days must be at least churn.active_within_days")
        return self


def read_study(folder: Path) -> Study:
    """The study in a shop's folder."""
    return read_toml(folder / "study.toml", Study)


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Sections of settings as one level of dotted names."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return found
