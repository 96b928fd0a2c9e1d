"""Words: what the codes of answers and lists are called, and what each means, in words a marketer uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from features.catalog import DRIVERS
from serving.speech import N_, Speech

Word = tuple[str, str]
"""(what it is called, what it means)"""

BANDS: Mapping[str, Word] = {
    "high": (N_("High"), N_("Much more likely to leave than customers on the whole.")),
    "medium": (N_("Medium"), N_("More likely to leave than customers on the whole.")),
    "low": (N_("Low"), N_("Less likely to leave than customers on the whole.")),
}
TIERS: Mapping[str, Word] = {
    "key_top": (N_("Top key"), N_("The best 1 % by what they usually bring.")),
    "key": (N_("Key"), N_("The next 4 % by what they usually bring.")),
    "ordinary": (N_("Ordinary"), N_("The next 15 % by what they usually bring.")),
    "small": (N_("Small"), N_("The other 80 %: many customers who bring little each.")),
}
QUADRANTS: Mapping[str, Word] = {
    "jade": (N_("Jade"), N_("High value now and still growing: keep and cherish.")),
    "gold": (N_("Gold"), N_("High value now, growing no more: keep what you have.")),
    "iron": (N_("Iron"), N_("Low value now but growing: develop.")),
    "lead": (N_("Lead"), N_("Low value and not growing: spend little here.")),
}
STATES: Mapping[str, Word] = {
    "prospect": (N_("Prospect"), N_("Known, but has not bought yet.")),
    "first_time": (N_("One-time buyer"), N_("Has bought on one day only, as far back as is looked at.")),
    "repeat": (N_("Repeat buyer"), N_("Has come back at least once.")),
    "loyal": (N_("Loyal"), N_("Buys in most weeks.")),
    "won_back": (N_("Won back"), N_("Had been gone and has returned.")),
    "lost": (N_("Lost"), N_("Has not bought for so long that they count as gone.")),
}
STAGES: Mapping[str, Word] = {
    "acquisition": (N_("Getting to know"), N_("The first weeks of the relationship.")),
    "growth": (N_("Growing"), N_("Spends clearly more than before.")),
    "maturity": (N_("Steady"), N_("Spends about as before.")),
    "decline": (N_("Declining"), N_("Spends clearly less than before, or has stopped.")),
}
ARMS: Mapping[str, Word] = {
    "treat": (N_("To be contacted"), N_("The action is meant to be carried out.")),
    "control": (N_("Left alone on purpose"), N_("Drawn by chance into the comparison group, so that one can see whether acting helps. Do not contact.")),
    "none": (N_("No action"), N_("Nothing is to be done for this customer now.")),
}  # fmt: skip
EVIDENCE: Mapping[str, Word] = {
    "rule": (N_("assumed"), N_("The effect is the playbook's assumption; no control group has measured it yet.")),
    "observational": (N_("observed"), N_("The effect was seen in the data, but not in an experiment.")),
    "randomised": (N_("measured"), N_("The effect was measured against a control group drawn by chance.")),
}
KINDS: Mapping[str, str] = {
    "visit": N_("Visit"),
    "complaint": N_("Complaint"),
    "ticket": N_("Service ticket"),
    "email_open": N_("Opened an e-mail"),
    "email_click": N_("Clicked in an e-mail"),
    "call": N_("Call"),
    "review": N_("Review"),
    "return": N_("Return"),
}
GRADES: Mapping[str, Word] = {
    "A": (N_("Very good"), N_("Where it had not seen what came, it found leavers reliably better than the best simple rule and than a simple formula.")),
    "B": (N_("Good"), N_("Where it had not seen what came, it found leavers reliably better than the best simple rule, and about as well as a simple formula.")),
    "C": (N_("Weak"), N_("It is little better than what you would do without it. Use it with care.")),
    "D": (N_("Not useful"), N_("It is no better than a rule of thumb.")),
}  # fmt: skip
FIELDS: Mapping[str, Word] = {
    "churn_probability": (N_("Churn risk"), N_("The calibrated chance that the customer leaves within the horizon: of those at 20 %, about 20 in 100 do.")),
    "percentile": (N_("Percentile"), N_("The share of customers who are at lower risk.")),
    "value_at_risk": (
        N_("Value at risk"),
        N_(
            "Churn risk times what is lost if the customer goes: what one who stays would spend over a year, less what"
            " one who leaves spends all the same. Of a likely leaver it is more than the lifetime value, which already"
            " counts on their leaving."
        ),
    ),
    "lifetime_value": (N_("Lifetime value"), N_("What the customer is expected to spend over a year.")),
    "segment": (N_("Segment"), N_("A group of customers who behave alike.")),
    "tier": (N_("Tier"), N_("The customer pyramid: by what a customer usually brings.")),
    "value_quadrant": (N_("Value quadrant"), N_("Value now against potential to grow.")),
    "state": (N_("State"), N_("How far the relationship has come.")),
    "stage": (N_("Stage"), N_("Where spending is heading.")),
    "reasons": (N_("Why"), N_("What pushes this customer's risk up most, in order.")),
    "reason": (N_("Reason"), N_("One of the three strongest reasons.")),
    "action": (N_("What to do"), N_("The action of the playbook that is worth most for this customer, or why there is none.")),
    "arm": (N_("Contact"), N_("Whether the action is to be carried out or the customer is left alone for comparison.")),
    "expected_net_value": (N_("Expected net value"), N_("What acting is expected to bring, less what it costs.")),
    "cost": (N_("Cost"), N_("What the action costs.")),
    "evidence": (N_("Evidence"), N_("How the action's effect is known.")),
    "band": (N_("Risk"), N_("Churn risk in three bands.")),
    "customer": (N_("Customer"), N_("The customer's id and, where the shop tells it, the name.")),
    "as_of": (N_("As of"), N_("Only what happened before this day is known to the score.")),
    "bundle": (N_("Model"), N_("The version of the model that scored.")),
}  # fmt: skip

FACETS: Mapping[str, Mapping[str, Word]] = {
    "band": BANDS,
    "tier": TIERS,
    "value_quadrant": QUADRANTS,
    "arm": ARMS,
}
"""The filters of the churn list whose values are words of our own."""


DRIVER_MEANINGS: Mapping[str, str] = {
    "going_quiet": N_("How long they have not bought, compared with what is usual for them."),
    "visiting_less": N_("On how many days they buy lately, compared with before."),
    "spending_less": N_("How much they spend lately, compared with before."),
    "buying_habit": N_("How often and how regularly they buy."),
    "spending_level": N_("How much they spend, in all and on each visit."),
    "narrowing_basket": N_("How full and how varied their basket is, and what they no longer buy."),
    "price": N_("What they pay, and how much of it they buy at a discount."),
    "place": N_("In which stores and through which channels they buy."),
    "returns": N_("How much they bring or send back."),
    "service_trouble": N_("Complaints and service tickets, how these were resolved, and how satisfied they are."),
    "engagement": N_("Visits, opened and clicked e-mails: interest besides buying."),
    "offers": N_("Which offers they got, and whether they took them up."),
    "tenure": N_("For how long they have been customers."),
    "contract": N_("When their contract ends, whether it renews by itself, and whether they gave notice."),
    "contract_price": N_("What their contract costs, and how that has changed."),
    "payment": N_("Payments that have failed."),
    "profile": N_("What your shop knows about them besides what they have done."),
    "given": N_("Figures that your shop has worked out itself."),
}
"""What each driver of the catalog gathers; its name is there, in both languages."""


@dataclass(frozen=True)
class Group:
    """Words of one kind as people look them up, each with what it means and whether it can be changed."""

    title: str
    hint: str
    words: tuple[tuple[str, str, bool], ...]


def glossary(speech: Speech) -> list[Group]:
    """Every word of the pages in the reader's language."""
    say = speech.text
    figures = ("churn_probability", "band", "value_at_risk", "lifetime_value", "expected_net_value", "segment")

    def told(words: Mapping[str, Word]) -> tuple[tuple[str, str, bool], ...]:
        return tuple((say(name), say(meaning), False) for name, meaning in words.values())

    reasons = tuple(
        (str(getattr(driver, speech.language)), say(DRIVER_MEANINGS[name]), driver.role == "lever")
        for name, driver in DRIVERS.items()
    )
    kinds = {"band": BANDS, "tier": TIERS, "value_quadrant": QUADRANTS, "state": STATES, "stage": STAGES, "arm": ARMS,
             "evidence": EVIDENCE}  # fmt: skip
    return [
        Group(say("Figures"), "", told({name: FIELDS[name] for name in figures})),
        Group(say("Reasons"), say("What pushes a customer's risk up or down. Each gathers several figures."), reasons),
        *(Group(say(FIELDS[kind][0]), say(FIELDS[kind][1]), told(words)) for kind, words in kinds.items()),
    ]


def evidence_word(evidence: str) -> Word:
    """The word of an evidence such as `rule` or `randomised (240)`."""
    return EVIDENCE.get(evidence.partition(" ")[0], (evidence, ""))


_BUSY = (N_("The service is busy"), N_("Try again in a moment."))
_NOT_READY = (N_("The service is not ready"), N_("Whoever runs it finds the reason in its log. Try again later."))
_OLD_FORM = (
    N_("This form is no longer valid"),
    N_("The page was open for too long, or the form came from elsewhere. Open the page again."),
)
FAILURES: Mapping[str, Word] = {
    "HF603": (N_("There is no such customer"), N_("The latest score run does not hold this customer. Look in the list.")),
    "HF606": (N_("There is nothing at this address"), N_("It may have moved, or been mistyped.")),
    "HF503": (
        N_("Nothing has been scored yet"),
        N_("As soon as the first score run is complete, its customers are here. Whoever runs Holdfast starts one with: holdfast score"),
    ),
    "HF607": (
        N_("This address asks for something that does not exist"),
        N_("A filter or page of the list in it is not known. Start from the list anew."),
    ),
    **dict.fromkeys(("HF605", "HF616"), _OLD_FORM),
    **dict.fromkeys(("HF612", "HF613", "HF502", "HF615"), _BUSY),
    **dict.fromkeys(("HF501", "HF504", "HF401", "HF402", "HF610"), _NOT_READY),
}  # fmt: skip


def failure_word(code: str) -> Word:
    """What went wrong and what to do, by the code of a refusal."""
    return FAILURES.get(code, (N_("Something went wrong"), N_("It was not your fault, and it is in the log.")))
