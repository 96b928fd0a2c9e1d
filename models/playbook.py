"""The playbook: what each action costs, whom it is for, which reasons it answers, and the limits on all of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from features.catalog import DRIVERS
from features.consent import ALL, NONE, same_channel
from features.refusal import did_you_mean
from features.settings import Settings, read_toml
from models.relationship import TIERS


class ValueRules(Settings):
    """`[value]`: profit share, and where retention begins and ends to make sense."""

    margin_share: float = Field(gt=0, le=1)
    safe_below: float = Field(ge=0, le=1)
    lost_above: float = Field(ge=0, le=1)


class Budget(Settings):
    """`[budget]`: None is no limit; 0 is a limit."""

    per_run: float | None = Field(default=None, ge=0)


class ContactRules(Settings):
    """`[contact]`."""

    min_days_between: int = Field(default=0, ge=0)


class ControlRules(Settings):
    """`[control]`: shares and salts of the universal hold-out and of each action's control group."""

    universal_share: float = Field(ge=0, le=0.5)
    universal_salt: str = Field(min_length=1)
    campaign_share: float = Field(ge=0, le=0.9)
    campaign_salt: str = Field(min_length=1)


class Action(Settings):
    """`[[actions]]`; `channel` is what the customer is reached by, in the words of `customers.consent`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    en: str
    zh: str
    drivers: tuple[str, ...] = Field(min_length=1)
    tiers: tuple[Literal["key_top", "key", "ordinary", "small"], ...] = TIERS  # type: ignore[assignment]
    cost: float = Field(ge=0)
    save_rate: tuple[float, float, float]
    max_contacts: int | None = Field(default=None, ge=0)
    channel: str | None = Field(default=None, pattern=r"^\w[\w-]*$")

    def allowed_by(self, channels: frozenset[str] | None) -> bool:
        """Whether someone who allows these channels (None: all) may get it; without a channel it wants any of them."""
        if channels is None:
            return True
        return self.channel in channels if self.channel else bool(channels)

    @field_validator("channel")
    @classmethod
    def _channel_is_one(cls, channel: str | None) -> str | None:
        name = channel and same_channel(channel)
        if name in NONE | ALL:
            raise ValueError("it must name one channel, like email; leave it out where there is none")
        return name

    @field_validator("drivers")
    @classmethod
    def _drivers_are_known(cls, drivers: tuple[str, ...]) -> tuple[str, ...]:
        for driver in drivers:
            if driver not in DRIVERS:
                raise ValueError(f"unknown driver {driver!r}. {did_you_mean(driver, DRIVERS)}")
        return drivers

    @field_validator("save_rate")
    @classmethod
    def _rates_are_ordered(cls, rates: tuple[float, float, float]) -> tuple[float, float, float]:
        if not 0 <= rates[0] <= rates[1] <= rates[2] <= 1:
            raise ValueError("save_rate must be [low, likely, high] with 0 <= low <= likely <= high <= 1")
        return rates


class Playbook(Settings):
    """The content of `playbook.toml`."""

    value: ValueRules
    budget: Budget = Budget()
    contact: ContactRules = ContactRules()
    control: ControlRules
    actions: tuple[Action, ...]

    @model_validator(mode="after")
    def _action_names_are_single(self) -> Playbook:
        names = [action.name for action in self.actions]
        for name in names:
            if names.count(name) > 1 or name == "no_action":
                raise ValueError(f"action name {name!r} is taken; give each action a name of its own")
        return self


def read_playbook(folder: Path) -> Playbook:
    """The playbook in a shop's folder."""
    return read_toml(folder / "playbook.toml", Playbook)


def draw(salt: str, customer_id: str) -> float:
    """A number in [0, 1) that depends on salt and customer alone: SHA-256, first 8 bytes."""
    digest = hashlib.sha256(f"{salt}:{customer_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
