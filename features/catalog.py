"""The catalog: every column of a behaviour vector with its SQL, driver, role, meaning, unit and sentences.

A feature is one row. Its SQL aggregates the rows of a relation (features/relations.py) for one customer and one
cut-off, or, where the relation is `vector`, is an expression over the other columns. `{w}` stands for the window.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from features.references import VectorReferences
from features.refusal import Refusal, did_you_mean
from features.relations import KNOWN_BY_CONTACT

Role = Literal["lever", "context", "protected"]
Unit = Literal["days", "count", "money", "share", "ratio", "number", "category"]


@dataclass(frozen=True)
class Driver:
    """A group of features that mean one thing to a marketer; `role` is that of most of them."""

    name: str
    role: Role
    en: str
    zh: str


KNOWN_CUSTOMERS = "known_customers"
_OF_THE_SHOP = ("attributes", "given")  # relations whose features are columns of this shop's own

DRIVERS: dict[str, Driver] = {
    driver.name: driver
    for driver in (
        Driver("going_quiet", "lever", "Going quiet", "渐渐沉默"),
        Driver("visiting_less", "lever", "Visiting less", "来得更少"),
        Driver("spending_less", "lever", "Spending less", "花得更少"),
        Driver("buying_habit", "context", "Buying habit", "购买习惯"),
        Driver("spending_level", "context", "Spending level", "消费水平"),
        Driver("narrowing_basket", "lever", "Narrowing basket", "购物篮变窄"),
        Driver("price", "lever", "Price and discounts", "价格与折扣"),
        Driver("place", "context", "Place of purchase", "购买地点"),
        Driver("returns", "lever", "Returns", "退货"),
        Driver("service_trouble", "lever", "Service trouble", "服务问题"),
        Driver("engagement", "lever", "Engagement", "互动"),
        Driver("offers", "lever", "Offers", "优惠活动"),
        Driver("tenure", "context", "Time with us", "客户时长"),
        Driver("contract", "lever", "Contract ending", "合同到期"),
        Driver("contract_price", "lever", "Contract price", "合同价格"),
        Driver("payment", "lever", "Payment trouble", "付款问题"),
        Driver("profile", "context", "Customer profile", "客户画像"),
        Driver("given", "context", "Your own measures", "自有指标"),
    )
}


@dataclass(frozen=True)
class Feature:
    """One column of the behaviour vector.

    Attributes
    ----------
    sql
        An aggregate over the rows of `relation`, or an expression over columns where relation is `vector`.
    unit
        Of the value; `share` is a fraction of 1 and is spoken as a percentage.
    missing
        What a customer without such history gets: `0`, or `unknown` (null).
    usual
        The feature that holds what is usual for this customer; empty means what is typical for all (the median).
    monotone
        1 where a higher value may never lower the risk, -1 the reverse, 0 free.
    needs
        `table.column` names without which the feature is left out.
    plain
        Whether its sentence can speak for its driver to a marketer.
    image_of
        The column whose order this one has too, if there is one: it tells people more, and a model nothing.
    en, zh
        The sentence; what follows its semicolon is left out when the usual value is unknown.
    """

    name: str
    family: str
    relation: str
    sql: str
    driver: str
    role: Role
    unit: Unit
    missing: Literal["0", "unknown"]
    meaning: str
    meaning_zh: str
    en: str
    zh: str
    usual: str = ""
    monotone: int = 0
    needs: tuple[str, ...] = ()
    plain: bool = True
    image_of: str = ""


class Family:
    """The features of one file in features/behavior/; collects rows as they are declared."""

    def __init__(self, name: str, relation: str, needs: tuple[str, ...] = ()) -> None:
        self.name = name
        self.relation = relation
        self.needs = needs
        self.features: list[Feature] = []

    def add(
        self, name: str, sql: str, *, driver: str | Mapping[int, str], unit: Unit,
        meaning: str, meaning_zh: str, en: str, zh: str,
        windows: Iterable[int] = (0,), role: Role | None = None, missing: Literal["0", "unknown"] = "unknown",
        usual: str = "", monotone: int = 0, needs: tuple[str, ...] | None = None, relation: str | None = None,
        plain: bool = True, image_of: str = "",
    ) -> None:  # fmt: skip
        """Declare a feature, once per window; `driver` may differ by window, `role` is the driver's unless given."""
        for window in windows:
            meant = driver if isinstance(driver, str) else driver[window]
            texts = {"name": name, "sql": sql, "usual": usual, "en": en, "zh": zh}
            texts |= {"meaning": meaning, "meaning_zh": meaning_zh}
            texts = {key: text.replace("{w}", str(window)) for key, text in texts.items()}
            self.features.append(
                Feature(
                    family=self.name, relation=relation or self.relation, driver=meant, role=role or DRIVERS[meant].role, unit=unit,
                    missing=missing, monotone=monotone, needs=self.needs if needs is None else needs, plain=plain,
                    image_of=image_of, **texts,
                )
            )  # fmt: skip


@dataclass(frozen=True)
class Catalog:
    """An ordered set of features with the SQL they stand on; a bundle carries the one it was fitted on.

    Attributes
    ----------
    reductions, relations
        The texts of features/relations.py, so that an old bundle goes on meaning what it meant.
    """

    features: tuple[Feature, ...]
    reductions: Mapping[str, str] = field(default_factory=dict)
    relations: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @cached_property
    def by_name(self) -> dict[str, Feature]:
        return {feature.name: feature for feature in self.features}

    @property
    def learnable(self) -> Catalog:
        """What a model may learn from: nothing protected, since it moves what is done to a customer, and no image.

        An image would share the weight of the column it stands on, in reasons and where one of the two is moved alone.
        """
        images = {f.name for f in self.features if f.image_of in self.names}
        learned = tuple(f for f in self.features if f.role != "protected" and f.name not in images)
        return replace(self, features=learned)._reading_given()

    @property
    def without_references(self) -> Catalog:
        """What leans on no references, which may know of days after a cut-off, nor on a feature that does."""
        leaning: set[str] = set()
        while more := [
            f.name for f in self.features
            if f.name not in leaning and (_named(f) & leaning or any(need.startswith("references.") for need in f.needs))
        ]:  # fmt: skip
            leaning |= set(more)
        return self.naming(name for name in self.names if name not in leaning)

    @property
    def known_by_contact(self) -> Catalog:
        """The catalog whose vectors are also of those of whom only interactions are known."""
        return replace(self, reductions={**self.reductions, KNOWN_CUSTOMERS: KNOWN_BY_CONTACT})

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def available(
        self, columns: Mapping[str, Iterable[str]], attributes: Mapping[str, str],
        given: Mapping[str, str] = MappingProxyType({}), references: VectorReferences | None = None,
    ) -> Catalog:  # fmt: skip
        """The features that a shop's tables and references can carry, with one more for each attribute and given column.

        A feature over other columns stays only where all that it names stay. What no feature reads any more is left
        out, but never `known_customers`, which tells whose vectors there are.
        """
        have = {f"{table}.{column}" for table, names in columns.items() for column in names}
        have |= references.names if references else frozenset()
        own = [_attribute(name, kind) for name, kind in attributes.items()]
        own += [_given(name, kind) for name, kind in given.items()]
        features = [f for f in self.features if f.relation not in _OF_THE_SHOP]
        every = {f.name for f in features} | {f.name for f in own}
        kept = {f.name: f for f in features if set(f.needs) <= have} | {f.name: f for f in own}
        while lacking := [f.name for f in kept.values() if (_named(f) & every) - kept.keys()]:
            kept = {name: f for name, f in kept.items() if name not in lacking}
        kept = {name: replace(f, usual="") if f.usual not in kept else f for name, f in kept.items()}
        return replace(self, features=tuple(kept.values()))._reading_given().naming(kept)

    def _reading_given(self) -> Catalog:
        """The same, reading of the shop's own table those columns that are features: what is posted has no others."""
        reductions, relations = dict(self.reductions), dict(self.relations)
        reductions.pop("given_rows", None)
        relations.pop("given", None)
        if given := [f.name for f in self.features if f.relation == "given"]:
            reductions["given_rows"], relations["given"] = _given_rows(given)
        return replace(self, reductions=reductions, relations=relations)

    def with_drivers(self, drivers: Mapping[str, str]) -> Catalog:
        """The catalog with other drivers, and with them roles, for some features; what is protected stays so."""
        return replace(
            self,
            features=tuple(
                replace(f, driver=drivers[f.name], role=f.role if f.role == "protected" else DRIVERS[drivers[f.name]].role)
                if f.name in drivers else f
                for f in self.features
            ),
        )  # fmt: skip

    def naming(self, names: Iterable[str]) -> Catalog:
        """The features of these names and those that their SQL names, with the reductions and relations they read."""
        every = self.by_name
        wanted: set[str] = set()
        asked = [every[name] for name in names]
        while asked:
            feature = asked.pop()
            wanted.add(feature.name)
            asked += [every[word] for word in _named(feature) & every.keys() - wanted]
        features = tuple(feature for feature in self.features if feature.name in wanted)
        relations = {f.relation: self.relations[f.relation] for f in features if f.relation in self.relations}
        read, texts = {KNOWN_CUSTOMERS}, [self.reductions.get(KNOWN_CUSTOMERS, ""), *relations.values()]
        while texts:
            found = _words(texts.pop()) & self.reductions.keys() - read
            read |= found
            texts += [self.reductions[name] for name in found]
        return Catalog(features, {name: sql for name, sql in self.reductions.items() if name in read}, relations)

    def closure(self, family: str) -> Catalog:
        """The features of a family and all that these rest on."""
        return self.naming(feature.name for feature in self.features if feature.family == family)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the bundle and for documentation."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Catalog:
        """The inverse of `as_dict`."""
        features = tuple(Feature(**{**row, "needs": tuple(row["needs"])}) for row in plain["features"])
        return cls(features, plain["reductions"], plain["relations"])


def _words(sql: str) -> set[str]:
    return set(re.findall(r"\w+", sql))


def _named(feature: Feature) -> set[str]:
    """What may be the name of another feature: only expressions over columns name any."""
    return _words(feature.sql) if feature.relation == "vector" else set()


PROTECTED_WORDS = frozenset(
    """age ages aged gender sex ethnicity ethnic race racial religion religious nationality marital disability disabled
    birth birthday birthdate birthyear dob senior""".split()  # noqa: SIM905 - a table of words reads better than a list
)


def is_protected(attribute: str) -> bool:
    """Whether a word of the attribute's name, told apart by case and by what is no letter, is one the law protects."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", attribute)
    return any(word.lower() in PROTECTED_WORDS for word in words)


def _attribute(name: str, kind: str) -> Feature:
    """An attribute of the customers table as a feature; what the law protects is never used to act."""
    words = name.replace("_", " ")
    return Feature(
        name=f"attribute_{name}", family="attributes", relation="attributes", sql=f"attribute_{name}",
        driver="profile", role="protected" if is_protected(name) else "context",
        unit="number" if kind == "number" else "category", missing="unknown",
        meaning=words.capitalize(), meaning_zh=f"客户属性：{words}",
        en=f"{words.capitalize()}: {{value}}.", zh=f"{words}：{{value}}。", needs=("customers.customer_id",),
    )  # fmt: skip


def _given(name: str, kind: str) -> Feature:
    """A column of the vectors table as a feature."""
    words = name.replace("_", " ")
    return Feature(
        name=f"given_{name}", family="given", relation="given", sql=f"max(given_{name})",
        driver="given", role="protected" if is_protected(name) else "context",
        unit="number" if kind == "number" else "category", missing="unknown",
        meaning=f"{words.capitalize()}, as given", meaning_zh=f"自有指标：{words}",
        en=f"{words.capitalize()} is {{value}}; typical is {{usual}}.",
        zh=f"{words}为{{value}}；一般客户为{{usual}}。", needs=("vectors.customer_id",),
    )  # fmt: skip


DAYS_SINCE_EVENT, DAYS_SINCE_CONTACT = "days_since_last_event", "days_since_last_contact"
"""The columns of `event_features`."""


def event_features(kinds: Sequence[str]) -> tuple[Feature, ...]:
    """Columns for a question about these kinds of interaction: days since the last of them, and since one of any kind."""
    listed = ", ".join("'" + kind.replace("'", "''") + "'" for kind in kinds)
    words = " or ".join(kind.replace("_", " ") for kind in kinds)
    named = "、".join(kind.replace("_", " ") for kind in kinds)
    family = Family("events", "interaction_history", needs=("interactions.kind",))
    family.add(
        DAYS_SINCE_EVENT, f"min(case when kind in ({listed}) then age end)", driver="engagement", unit="days",
        meaning=f"Days since the last {words}", meaning_zh=f"距上次{named}的天数",
        en=f"The last {words} was {{value}} ago; typical is {{usual}}.", zh=f"上次{named}在{{value}}前；一般客户为{{usual}}。",
    )  # fmt: skip
    family.add(
        DAYS_SINCE_CONTACT, "min(age)", driver="engagement", unit="days",
        meaning="Days since the last contact of any kind", meaning_zh="距上次任何形式接触的天数",
        en="Last in contact {value} ago; typical is {usual}.", zh="上次接触在{value}前；一般客户为{usual}。",
    )  # fmt: skip
    return tuple(family.features)


EXCLUDED = "is_left_out"
"""The column of `excluded_feature`."""


def excluded_feature(exclude: Iterable[tuple[str, tuple[str | int, ...]]], catalog: Catalog) -> Feature:
    """A column that is 1 for customers who have one of these values of an attribute, else 0.

    Raises
    ------
    Refusal
        HF104 for an attribute that the catalog does not hold, or of which the values are texts and it a number.
    """
    told = []
    units = {f.name.removeprefix("attribute_"): f.unit for f in catalog.features if f.family == "attributes"}
    for name, values in exclude:
        unit = units.get(name)
        if unit is None:
            raise Refusal("HF104", f"study.toml: churn.exclude names {name!r}, which is no attribute of customers.",
                          did_you_mean(name, units))  # fmt: skip
        if any(isinstance(value, str) == (unit == "number") for value in values):
            kind = "a number" if unit == "number" else "a text"
            raise Refusal("HF104", f"study.toml: churn.exclude.{name} is {list(values)}, and the attribute is {kind}.",
                          "Write texts in quotation marks, numbers without.")  # fmt: skip
        listed = ", ".join("'" + v.replace("'", "''") + "'" if isinstance(v, str) else str(v) for v in values)
        told.append(f"attribute_{name} in ({listed})")
    return Feature(
        name=EXCLUDED, family="attributes", relation="vector", sql=f"case when {' or '.join(told)} then 1 else 0 end",
        driver="profile", role="context", unit="count", missing="0", plain=False,
        meaning="Whether the study leaves the customer out", meaning_zh="是否被排除在外",
        en="Left out of the question: {value}; typical is {usual}.", zh="被排除在外：{value}；一般客户为{usual}。",
    )  # fmt: skip


def _given_rows(names: Sequence[str]) -> tuple[str, str]:
    """The reduction and the relation of some given columns: the latest row that was known at the cut-off.

    Rows of one customer and one day are one, with the largest value of each column, so that their order tells nothing.
    """
    largest = ", ".join(f"max({name}) as {name}" for name in names)
    reduction = f"""
        select customer_id, known_day, {", ".join(names)},
               lag(known_day) over (partition by customer_id order by known_day desc) as next_day
        from (
            select customer_id, coalesce(as_of_day, 0) as known_day, {largest}
            from vectors
            group by customer_id, coalesce(as_of_day, 0)
        ) as days"""
    relation = f"""
        select c.cutoff, d.customer_id, {", ".join(f"d.{name}" for name in names)}
        from given_rows as d join cutoffs as c
            on d.known_day <= c.cutoff and case when d.next_day <= c.cutoff then 0 else 1 end = 1"""
    return reduction, relation
