"""The families of the behaviour vector, one file each."""

from features.behavior.basket import BASKET
from features.behavior.engagement import ENGAGEMENT
from features.behavior.frequency import FREQUENCY
from features.behavior.monetary import MONETARY
from features.behavior.offers import OFFERS
from features.behavior.place import PLACE
from features.behavior.price import PRICE
from features.behavior.recency import RECENCY
from features.behavior.returns import RETURNS
from features.behavior.rhythm import RHYTHM
from features.behavior.service import SERVICE
from features.behavior.trend import TREND
from features.catalog import Catalog
from features.relations import REDUCTIONS, RELATIONS

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
)

CATALOG = Catalog(tuple(feature for family in FAMILIES for feature in family.features), REDUCTIONS, RELATIONS)
"""Every feature of every family, in reading order."""
