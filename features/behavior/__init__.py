"""The families of the behaviour vector, one file each."""

from dataclasses import replace

from features.behavior.alive import ALIVE
from features.behavior.basket import BASKET
from features.behavior.calendar import CALENDAR
from features.behavior.contract import CONTRACT
from features.behavior.engagement import ENGAGEMENT
from features.behavior.frequency import FREQUENCY
from features.behavior.monetary import MONETARY
from features.behavior.offers import OFFERS
from features.behavior.peers import PEER_FAMILY
from features.behavior.place import PLACE
from features.behavior.price import PRICE
from features.behavior.recency import RECENCY
from features.behavior.returns import RETURNS
from features.behavior.rhythm import RHYTHM
from features.behavior.service import SERVICE
from features.behavior.trend import TREND
from features.catalog import Catalog
from features.checked import CheckedTables
from features.events import TABLES
from features.own_family import own_family
from features.references import VectorReferences
from features.relations import REDUCTIONS, RELATIONS
from features.shop import Shop

FAMILIES = (
    RECENCY,
    FREQUENCY,
    MONETARY,
    RHYTHM,
    TREND,
    BASKET,
    PRICE,
    PLACE,
    RETURNS,
    SERVICE,
    ENGAGEMENT,
    OFFERS,
    CONTRACT,
    CALENDAR,
    ALIVE,
    PEER_FAMILY,
)

CATALOG = Catalog(tuple(feature for family in FAMILIES for feature in family.features), REDUCTIONS, RELATIONS)
"""Every feature of every family, in reading order."""


def catalog_of(shop: Shop, checked: CheckedTables, references: VectorReferences | None = None) -> Catalog:
    """The catalog that a shop's tables can carry, with its attributes, its given columns and its own family.

    Raises
    ------
    Refusal
        HF101 to HF106 where the file of the shop's own family cannot be used.
    """
    catalog = CATALOG
    if shop.families:
        catalog = replace(CATALOG, features=(*CATALOG.features, *own_family(shop.folder / shop.families, CATALOG, checked)))
    available = catalog.available(checked.columns, checked.attributes, checked.given, references)
    return available.with_drivers(
        {f"{TABLES[name].attribute_prefix}{attribute}": driver for name, source in shop.tables.items()
         for attribute, driver in source.drivers.items()}
    )  # fmt: skip
