"""A shop's own family of features, from the file that `families` in shop.toml names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import duckdb
from pydantic import Field, field_validator, model_validator

from features.catalog import (
    DAYS_SINCE_CONTACT,
    DAYS_SINCE_EVENT,
    DRIVERS,
    EXCLUDED,
    Catalog,
    Family,
    Feature,
    Role,
    Unit,
)
from features.checked import CheckedTables
from features.dialects import EXPRESSION, NotPortableError, require_expression
from features.events import TABLES
from features.on_duckdb import create_empty
from features.references import VectorReferences
from features.refusal import Refusal, did_you_mean
from features.settings import Settings, read_toml
from features.sources import connect
from features.vector_query import reference_numbers, vector_query


class OwnName(Settings):
    """The family: what its columns are listed under."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")


class OwnFeature(Settings):
    """One row of the file: a feature, or one for each of its windows, `{w}` standing for the days of the window.

    What the fields mean is told by `features.catalog.Feature`; without Chinese the English stands in.
    """

    name: str = Field(pattern=r"^[a-z](?:[a-z0-9_]|\{w\}){0,56}$")
    relation: str
    sql: str = Field(min_length=1, max_length=4000)
    driver: str
    unit: Unit
    missing: Literal["0", "unknown"] = "unknown"
    role: Role | None = None
    usual: str = ""
    plain: bool = True
    windows: tuple[Annotated[int, Field(ge=1, le=3660)], ...] = ()
    needs: tuple[str, ...] = ()
    meaning: str = Field(min_length=1)
    meaning_zh: str = ""
    en: str
    zh: str = ""

    @field_validator("driver")
    @classmethod
    def _driver_is_known(cls, driver: str) -> str:
        if driver not in DRIVERS:
            raise ValueError(f"no driver is called so. {did_you_mean(driver, DRIVERS)}")
        return driver

    @field_validator("needs")
    @classmethod
    def _needs_can_be_met(cls, needs: tuple[str, ...]) -> tuple[str, ...]:
        for need in needs:
            table, _, column = need.partition(".")
            if table not in TABLES:
                raise ValueError(f"{need!r} is not TABLE.COLUMN. {did_you_mean(table, TABLES)}")
            if column not in TABLES[table].checked_schema:
                raise ValueError(f"{need!r}: {did_you_mean(column, TABLES[table].checked_schema)}")
        return needs

    @field_validator("en", "zh")
    @classmethod
    def _sentence_says_the_value(cls, sentence: str) -> str:
        first, _, second = re.sub("；", "; ", sentence).replace("{w}", "").partition("; ")
        if sentence and (first.count("{value}") != 1 or "{" in first.replace("{value}", "")):
            raise ValueError("a sentence says {value} once before its semicolon")
        if second and (second.count("{usual}") != 1 or "{" in second.replace("{usual}", "")):
            raise ValueError("what follows the semicolon says {usual} once")
        if sentence and sentence[-1] not in ".。":
            raise ValueError("a sentence ends with a full stop")
        return sentence

    @model_validator(mode="after")
    def _window_is_in_the_name(self) -> OwnFeature:
        if ("{w}" in self.name) != bool(self.windows) or (self.windows and "{w}" not in self.sql):
            raise ValueError("`windows` goes with {w} in name and sql, and without it there is none")
        return self


class OwnFamily(Settings):
    """The content of the file."""

    family: OwnName
    feature: tuple[OwnFeature, ...] = Field(min_length=1)


def own_family(path: Path, catalog: Catalog, checked: CheckedTables) -> tuple[Feature, ...]:
    """The features of the shop's own family, found to be computable beside those of `catalog`.

    Raises
    ------
    Refusal
        HF101 to HF106 for the file; HF104 for a name that is taken, for a relation or column that is not there, and
        for SQL that is more than one portable expression.
    """
    content = read_toml(path, OwnFamily)
    families = {feature.family for feature in catalog.features} | {"attributes", "events", "given"}
    if content.family.name in families:
        _refuse(path, "family.name", f"{content.family.name!r} is a family of ours", "Choose another name.")
    family = Family(content.family.name, "")
    for row in content.feature:
        relations = {*catalog.relations, "vector"}
        if row.relation not in relations:
            _refuse(path, row.name, f"no relation is called {row.relation!r}", did_you_mean(row.relation, relations))
        _require_portable(path, row)
        zh = row.zh or f"{row.en.removesuffix('.').replace('; ', '；')}。"
        family.add(
            row.name, row.sql, driver=row.driver, unit=row.unit, meaning=row.meaning, missing=row.missing,
            meaning_zh=row.meaning_zh or row.meaning, en=row.en, zh=zh, windows=row.windows or (0,), role=row.role,
            usual=row.usual, needs=(*row.needs, *_tables_read(catalog, row.relation)), relation=row.relation, plain=row.plain,
        )  # fmt: skip
    _require_names(path, family.features, catalog)
    _require_bound(path, family.features, catalog, checked)
    return tuple(family.features)


def _tables_read(catalog: Catalog, relation: str) -> Iterator[str]:
    """The tables without which a relation has no rows."""
    texts, read = [catalog.relations.get(relation, "")], set[str]()
    while texts:
        found = set(re.findall(r"\w+", texts.pop())) - read
        read |= found
        texts += [catalog.reductions[name] for name in found & catalog.reductions.keys()]
    return (f"{table}.customer_id" for table in TABLES if table in read)


def _require_portable(path: Path, row: OwnFeature) -> None:
    try:
        require_expression(row.sql.replace("{w}", "1") if row.windows else row.sql)
    except NotPortableError as error:
        mend = f"Use {', '.join(sorted(EXPRESSION.functions))} over columns, whole numbers and 'texts'."
        what = f"sql holds {error.found}; a feature is one portable expression over its relation"
        _refuse(path, row.name, what, error.mend or mend)


def _require_names(path: Path, features: list[Feature], catalog: Catalog) -> None:
    taken = {
        DAYS_SINCE_EVENT,
        DAYS_SINCE_CONTACT,
        EXCLUDED,
        *catalog.names,
        *catalog.relations,
        *catalog.reductions,
        *TABLES,
        *reference_numbers(catalog),
    }
    units = {feature.name: feature.unit for feature in (*catalog.features, *features)}
    for feature in features:
        if feature.name in taken or feature.name.startswith(("attribute_", "given_")):
            _refuse(path, feature.name, "the name is taken", "Choose another.")
        taken.add(feature.name)
        if feature.usual and units.get(feature.usual) != feature.unit:
            _refuse(path, feature.name, f"usual is {feature.usual!r}, no column of unit {feature.unit}",
                    did_you_mean(feature.usual, [name for name, unit in units.items() if unit == feature.unit]))  # fmt: skip


def _require_bound(path: Path, features: list[Feature], catalog: Catalog, checked: CheckedTables) -> None:
    """DuckDB is asked for each feature over empty tables, in a database that reaches nothing else."""
    columns = {name: dict(table.checked_schema) for name, table in TABLES.items()}
    for table, prefix, kinds in (("customers", "attribute", checked.attributes), ("vectors", "given", checked.given)):
        columns[table] |= {
            f"{prefix}_{name}": "double" if kind == "number" else "varchar" for name, kind in kinds.items()
        }
    references = VectorReferences(date.min, dict.fromkeys(reference_numbers(catalog), 0.0), {"": 0.0})
    whole = replace(catalog, features=(*catalog.features, *features)).available(
        columns, checked.attributes, checked.given, references
    )
    with connect() as connection:
        create_empty(connection, columns, references.numbers_query())
        for name, sql in whole.reductions.items():
            connection.execute(f"create view {name} as {sql}")
        connection.execute("set enable_external_access = false")
        for feature in features:
            try:
                connection.execute(f"explain {vector_query(whole.naming([feature.name]))}")
            except (duckdb.Error, ValueError) as error:
                said = str(error).splitlines()[0].removeprefix("Binder Error: ").rstrip(".")
                _refuse(
                    path, feature.name, f"sql cannot be computed: {said}", "Mend the sql, or name another relation."
                )


def _refuse(path: Path, where: str, what: str, mend: str) -> NoReturn:
    raise Refusal("HF104", f"{path.name}: {where}: {what}.", mend)
