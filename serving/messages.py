"""Messages: what may be posted to the service and what it answers, as pydantic models.

The tables of a posted customer are those of features/events.py; a test holds the two together.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from features.catalog import DRIVERS
from features.raw_values import LARGEST_NUMBER, LONGEST_ID
from models.churn_list import FILTERS, LONGEST_TOKEN, SORTS
from models.relationship import QUADRANTS, TIERS

_EARLIEST, _LATEST = 1970, 2200


class Message(BaseModel):
    """A request: unknown keys are errors, and no error repeats a customer's data."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


def _parsed(moment: object) -> object:
    if not isinstance(moment, str):
        raise ValueError("should be a text, an ISO 8601 date or timestamp")
    try:
        return datetime.fromisoformat(moment.strip())
    except ValueError:
        raise ValueError("should be an ISO 8601 date or timestamp such as 2017-11-30T16:05:00+01:00") from None


def _possible(moment: datetime) -> datetime:
    if not _EARLIEST <= moment.year < _LATEST:
        raise ValueError(f"should lie between {_EARLIEST} and {_LATEST}")
    return moment


def _within(value: object) -> object:
    if isinstance(value, int | float) and not abs(value) <= LARGEST_NUMBER:
        raise ValueError(f"should lie between -{LARGEST_NUMBER:.0e} and {LARGEST_NUMBER:.0e}")
    return value


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("should hold no NUL character")
    return text


Id = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_ID), AfterValidator(_without_nul)
]
Named = Annotated[str, AfterValidator(_without_nul)]
Moment = Annotated[datetime, BeforeValidator(_parsed), AfterValidator(_possible)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1024)]
Attribute = Annotated[Number | Text | None, BeforeValidator(_within)]  # told once, not for each type it is not


class ScoreRequest(Message):
    """One customer of the latest score run."""

    customer_id: Id


class ScoresRequest(Message):
    """Up to 1000 customers of the latest score run."""

    customer_ids: list[Id] = Field(min_length=1, max_length=1000)


class Transaction(Message):
    """A purchase or a line of one."""

    customer_id: Id | None = None
    timestamp: Moment
    amount: Number
    order_id: Text | None = None
    quantity: Number | None = None
    product: Text | None = None
    category: Text | None = None
    channel: Text | None = None
    store: Text | None = None
    discount: Number | None = None
    is_return: bool | None = None
    cost: Number | None = None


class Interaction(Message):
    """A visit, complaint, ticket, email, call or review."""

    customer_id: Id | None = None
    timestamp: Moment
    kind: Id
    value: Number | None = None
    topic: Text | None = None
    resolved_at: Moment | None = None
    satisfaction: Number | None = None
    expectation: Number | None = None


class Offer(Message):
    """What was offered or done to the customer."""

    customer_id: Id | None = None
    timestamp: Moment
    action: Id
    arm: Text | None = None
    cost: Number | None = None
    responded_at: Moment | None = None
    propensity: Number | None = None


class Subscription(Message):
    """A term of a contract; a renewal is a new one."""

    customer_id: Id | None = None
    started_at: Moment
    ended_at: Moment | None = None
    plan: Text | None = None
    price: Annotated[Number, Field(ge=0)] | None = None
    period_days: Annotated[Number, Field(gt=0)] | None = None
    auto_renew: bool | None = None
    cancelled_at: Moment | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Subscription:
        if self.ended_at and self.ended_at.date() < self.started_at.date():
            raise ValueError("ended_at should not lie before started_at")
        return self


class Customer(Message):
    """What is known of the customer besides events."""

    customer_id: Id | None = None
    name: Text | None = None
    signed_up_at: Moment | None = None
    consent: Text | None = Field(
        default=None, description="Channels allowed, like `email, sms`; `none` forbids all; null: none is forbidden"
    )
    profiling_opt_out: bool | None = None
    language: Text | None = None
    attributes: dict[str, Attribute] = Field(default={}, max_length=200)


MOST_ROWS = 5_000


class EventsRequest(Message):
    """The events of one customer, at most 5,000 in all, by the column names of the shop's tables.

    Moments are ISO 8601; those with a zone are converted to the shop's, those without are local to it.
    """

    customer_id: Id
    cutoff: date | None = Field(None, description="A local midnight: only what lies before it counts. Default: today")
    transactions: list[Transaction] = Field(default=[], max_length=MOST_ROWS)
    interactions: list[Interaction] = Field(default=[], max_length=MOST_ROWS)
    offers: list[Offer] = Field(default=[], max_length=MOST_ROWS)
    subscriptions: list[Subscription] = Field(default=[], max_length=MOST_ROWS)
    vectors: dict[str, Attribute] = Field(
        default={}, max_length=1000, description="The shop's own measures of the customer, as known at the cut-off"
    )
    customer: Customer = Customer()

    @model_validator(mode="after")
    def _not_too_many(self) -> EventsRequest:
        rows = [*self.transactions, *self.interactions, *self.offers, *self.subscriptions]
        if len(rows) > MOST_ROWS:
            raise ValueError(f"should hold at most {MOST_ROWS:,} rows in all")
        return self


def _several(given: object) -> object:
    return [given] if isinstance(given, str) else given


Band = Literal["low", "medium", "high"]
Tier = Literal[TIERS]  # type: ignore[valid-type]
Quadrant = Literal[QUADRANTS]  # type: ignore[valid-type]
Arm = Literal["treat", "control", "none"]
SegmentName = Annotated[Named, Field(max_length=200)]
ActionName = Annotated[Named, Field(max_length=64)]
T = TypeVar("T")
AnyOf = Annotated[tuple[T, ...], BeforeValidator(_several), Field(max_length=100)]
"""Values any of which will do: a parameter given once or several times; none where it does not matter."""


class ChurnListQuery(Message):
    """Which customers of the churn list, in what order, how many, and in what format."""

    band: AnyOf[Band] = ()
    segment: AnyOf[SegmentName] = Field((), description="Segments by name or id")
    tier: AnyOf[Tier] = ()
    value_quadrant: AnyOf[Quadrant] = ()
    reason: AnyOf[Literal[tuple(DRIVERS)]] = Field((), description="Among the three strongest")  # type: ignore[valid-type]
    action: AnyOf[ActionName] = ()
    arm: AnyOf[Arm] = ()
    sort: Literal[SORTS] = "churn_probability"  # type: ignore[valid-type]
    limit: int = Field(50, ge=1, le=1000)
    after: str | None = Field(None, max_length=LONGEST_TOKEN, description="`next` of the page before")
    format: Literal["json", "csv"] | None = None

    def filters(self) -> dict[str, tuple[str, ...]]:
        """The filters that were given, with their values."""
        return {name: values for name in FILTERS if (values := getattr(self, name))}


class Value(BaseModel):
    """Expected spend over `days`, in the shop's currency; no `low` and `high` where nothing tells how far it strays."""

    mean: float
    low: float | None
    high: float | None
    days: int


class SegmentOf(BaseModel):
    """The segment a customer belongs to."""

    id: str
    name: str


class RelationshipWords(BaseModel):
    """The relationship words of one customer; null where no table of the shop tells."""

    state: str | None
    stage: str | None
    tier: str | None
    unprofitable: bool | None
    value_quadrant: str | None
    rfm: str | None
    loyalty: str | None


class FeatureShown(BaseModel):
    """A column behind a reason; `usual` is this customer's own or, failing that, what is typical."""

    name: str
    value: float | str | None
    usual: float | None
    push: float


class ReasonShown(BaseModel):
    """A driver with its push in log-odds, above 0 towards leaving; the sentence speaks of the first of its features.

    People are told those that push up and are `telling`: the others add up, but their sentence would say nothing.
    """

    driver: str
    push: float
    lever: bool
    features: list[FeatureShown]
    sentence: str
    telling: bool = True


class DecisionShown(BaseModel):
    """What to do, or `no_action` and why not."""

    action: str
    arm: Literal["treat", "control", "none"]
    propensity: float
    expected_net_value: float
    interval: tuple[float, float]
    cost: float
    evidence: str
    because: list[str]
    why_not: str
    withheld: str
    valid_until: date


class OverHorizon(BaseModel):
    """The probability over one horizon, by the names that the answer has for its own."""

    horizon_days: int
    churn_probability: float
    label_matures_on: date


class Answer(BaseModel):
    """The score a CRM receives; probability and what follows from it are null where the customer is not eligible."""

    customer_id: str
    as_of: date
    scored_at: datetime
    bundle: str
    path: str
    eligible: bool
    churn_probability: float | None
    interval: tuple[float, float] | None = Field(
        description="Where the probability lies at 90 %, as far as it depends on which customers were learned from"
    )
    percentile: float | None
    band: Literal["low", "medium", "high"] | None
    horizon_days: int
    label_matures_on: date
    churn_by_horizon: list[OverHorizon] | None = Field(
        None,
        description="The probability over every horizon that the study asks for, the shortest first, `horizon_days` among"
        " them; band, reasons, value and decision rest on `horizon_days` alone. Null where there is no other horizon and"
        " where the customer is not eligible",
    )
    expected_next_purchase: date | None = Field(
        description="The day by which half of those silent for as long, in their own rhythm, had bought again; null"
        " where fewer ever did"
    )
    lifetime_value: Value | None
    value_at_risk: float
    segment: SegmentOf | None
    relationship: RelationshipWords | None
    base: float | None
    reasons: list[ReasonShown]
    decision: DecisionShown
    warnings: list[str]


class Answers(BaseModel):
    """The stored answers of a list of customers; `unknown` are those that the run does not hold."""

    scores: list[Answer]
    unknown: list[str]


class ChurnListPage(BaseModel):
    """A page of the churn list; `next` is the token for `after`, null on the last page; `total` is on the first."""

    bundle: str
    as_of: date
    scored_at: datetime
    total: int | None = Field(description="Customers on all pages; null where `after` is given")
    customers: list[Answer]
    next: str | None


class Explanation(BaseModel):
    """Why one customer has this probability: base + all pushes = log-odds."""

    customer_id: str
    as_of: date
    bundle: str
    eligible: bool
    churn_probability: float | None
    log_odds: float | None
    base: float | None
    reasons: list[ReasonShown]


class ModelCard(BaseModel):
    """How the published bundle was learned and judged."""

    bundle: str
    definition: dict[str, Any]
    trained_until: date
    memory_days: int
    columns: int
    card: dict[str, Any]


class ProblemDetails(BaseModel):
    """Any failure (RFC 9457): `code` is stable, `mend` says what to do, `instance` names the request in the log."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    mend: str
    instance: str
