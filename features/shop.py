"""A shop: its tables and how their columns are named, its currency, time zone and language."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from features.catalog import DRIVERS
from features.events import CURRENCY, TABLES
from features.settings import Settings, read_toml

Language = Literal["en", "zh"]
Engine = Literal["duckdb", "spark", "postgres"]


def _zone(zone: str) -> str:
    if zone not in available_timezones():
        raise ValueError(f"{zone!r} is not a time zone of the IANA list, like 'Europe/Paris'")
    return str(ZoneInfo(zone))


class TableSource(Settings):
    """Where one table comes from: files joined as SQL says, and its columns by our names.

    Attributes
    ----------
    time_zone
        Of its timestamps that name none; without it, the shop's.
    drivers
        By attribute what it means to a marketer, of the catalog's drivers; what is not named here cannot be acted on.
    """

    source: str = Field(alias="from")
    columns: dict[str, str]
    attributes: dict[str, str] = Field(default_factory=dict)
    drivers: dict[str, str] = Field(default_factory=dict)
    time_zone: str | None = None
    duplicates: Literal["quarantine", "keep"] | None = None
    max_bad_share: float = Field(0.2, ge=0, le=1)

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        return None if zone is None else _zone(zone)

    @model_validator(mode="after")
    def _drivers_are_known(self) -> TableSource:
        for attribute, driver in self.drivers.items():
            if attribute not in self.attributes:
                raise ValueError(f"there is a driver for {attribute!r}, which is none of the table's attributes")
            if driver not in DRIVERS:
                raise ValueError(f"unknown driver {driver!r} of {attribute!r}; known: {', '.join(DRIVERS)}")
        return self


class Shop(Settings):
    """The content of `shop.toml`. Relative file names are relative to the file.

    Attributes
    ----------
    currencies
        What one unit of another currency is in the shop's; one rate for all time, so that a customer's habits do not
        move with the exchanges.
    """

    name: str = Field(pattern=r"^[\w-]{1,64}$")
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    time_zone: str = "UTC"
    language: Language = "en"
    engine: Engine = "duckdb"
    known_until: date | None = None
    families: str | None = None
    currencies: dict[
        Annotated[str, Field(pattern=r"^[A-Z]{3}$")], Annotated[float, Field(gt=0, allow_inf_nan=False)]
    ] = Field(default_factory=dict)
    files: dict[str, str]
    tables: dict[str, TableSource]
    folder: Path = Field(default=Path(), exclude=True)

    def today(self, now: datetime) -> date:
        """The shop's own date at a moment that carries a zone; the machine's may be a day off."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return _zone(zone)

    @field_validator("files")
    @classmethod
    def _names_are_plain(cls, files: dict[str, str]) -> dict[str, str]:
        for name in files:
            if not name.isidentifier():
                raise ValueError(f"{name!r} cannot name a file in SQL; use letters, digits and _")
        return files

    @model_validator(mode="after")
    def _own_currency_is_one(self) -> Shop:
        if self.currencies.get(self.currency, 1) != 1:
            raise ValueError(f"currencies.{self.currency} is the shop's own currency, so that one unit of it is 1")
        return self

    @model_validator(mode="after")
    def _tables_are_known(self) -> Shop:
        for name, table in self.tables.items():
            if name not in TABLES:
                raise ValueError(f"unknown table {name!r}; known: {', '.join(TABLES)}")
            known = [column.name for column in TABLES[name].columns]
            known += [CURRENCY.name] if TABLES[name].takes_currency else []
            for column in table.columns:
                if column not in known:
                    raise ValueError(f"table {name} has no column {column!r}; known: {', '.join(known)}")
            if table.duplicates == "keep" and TABLES[name].unique:
                raise ValueError(
                    f'table {name} has one row per {" and ".join(TABLES[name].unique)}; drop duplicates = "keep"'
                )
            if table.attributes and not TABLES[name].takes_attributes:
                raise ValueError(f"table {name} takes no attributes; only customers and vectors do")
            seen: dict[str, str] = {}
            for attribute in table.attributes:
                if attribute.lower() in seen:
                    raise ValueError(
                        f"attributes {seen[attribute.lower()]!r} and {attribute!r} differ only in upper and lower case"
                    )
                seen[attribute.lower()] = attribute
                if not attribute.isidentifier() or attribute in known:
                    raise ValueError(f"attribute {attribute!r} must be a plain name that no column has")
        return self


def read_shop(folder: Path) -> Shop:
    """The shop whose `shop.toml` lies in `folder`."""
    return read_toml(folder / "shop.toml", Shop).model_copy(update={"folder": folder.absolute()})
