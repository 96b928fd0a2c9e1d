"""Downloads: the churn list as a file that people take away, in their language, with what it holds and what it does not."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from serving.exports import defused
from serving.list_view import PageQuery, called, row_of
from serving.telling import Teller
from serving.words import EVIDENCE, FIELDS, evidence_word

EXPORTED = ("customer_id", "name", "churn_probability", "band", "percentile", "value_at_risk", "lifetime_value",
            "segment", "tier", "value_quadrant", "reason_1", "reason_2", "reason_3", "action", "because", "arm",
            "expected_net_value", "cost", "evidence", "as_of", "bundle")  # fmt: skip
MOST_EXPORTED = {"csv": 50_000, "json": 50_000, "xlsx": 10_000}
_AT_ONCE = 200
Rows = Iterator[dict[str, Any]]


def exported(found: Iterable[tuple[str, str | None]], teller: Teller) -> Rows:
    """Answers and names as rows of EXPORTED, codes as words; numbers stay numbers."""
    for text, name in found:
        row = row_of(teller, json.loads(text), name)
        answer, decision, words = row.answer, row.answer["decision"], row.answer["relationship"]
        reasons = [f"{driver}: {sentence}" for driver, sentence in row.reasons] + ["", "", ""]
        acts = decision["action"] != "no_action"
        yield {
            "customer_id": answer["customer_id"],
            "name": row.name,
            "churn_probability": round(answer["churn_probability"], 4),
            "band": called(teller, "band", answer["band"]),
            "percentile": answer["percentile"],
            "value_at_risk": answer["value_at_risk"],
            "lifetime_value": answer["lifetime_value"]["mean"],
            "segment": row.segment,
            "tier": called(teller, "tier", words["tier"]),
            "value_quadrant": called(teller, "value_quadrant", words["value_quadrant"]),
            "reason_1": reasons[0],
            "reason_2": reasons[1],
            "reason_3": reasons[2],
            "action": teller.action(decision["action"]),
            "because": teller.speech.listed(map(teller.driver, decision["because"])) if acts else row.decided,
            "arm": called(teller, "arm", decision["arm"]),
            "expected_net_value": decision["expected_net_value"],
            "cost": decision["cost"],
            "evidence": _evidence(teller, decision["evidence"]) if acts else "",
            "as_of": answer["as_of"],
            "bundle": answer["bundle"],
        }


def _evidence(teller: Teller, evidence: str) -> str:
    """How an effect is known, in words, with the number of customers that it was measured on."""
    name, _ = evidence_word(evidence)
    _, _, measured_on = evidence.partition(" ")
    return f"{teller.speech.text(name)} {measured_on}".rstrip()


def headings(teller: Teller) -> dict[str, str]:
    """What the columns are called."""
    say = teller.speech.text
    found = {name: say(FIELDS[_FIELD.get(name, name)][0]) for name in EXPORTED if _FIELD.get(name, name) in FIELDS}
    numbered = {f"reason_{k}": say("Reason %(number)s", number=str(k)) for k in (1, 2, 3)}
    return found | numbered | {"name": say("Name")}


_FIELD = {"customer_id": "customer", "because": "reasons"}


def file_name(teller: Teller, kind: str, most: int | None) -> str:
    """What to call the file; one that does not hold all says so, since rows of a CSV or of JSON are for customers only."""
    part = "" if most is None else f"_first_{most}"
    return f"churn_list_{teller.run.cutoff}{part}.{kind}"


def about(query: PageQuery, teller: Teller, most: int | None, taken_at: datetime, zone: str) -> list[tuple[str, str]]:
    """What a list holds, as (what, how it is) for people: whom, in what order, as of when; what its words mean.

    Parameters
    ----------
    most
        How many of the customers the file holds where there are more; None where it holds all.
    """
    say, run = teller.speech.text, teller.run
    told = [(say("Shop"), run.shop)]
    for name, values in query.filters().items():
        told.append((say(FIELDS[name][0]), teller.speech.listed(called(teller, name, value) for value in values)))
    if query.q.strip():
        told.append((say("Search"), query.q.strip()))
    if len(told) == 1:
        told.append((say("Customers"), say("Everyone")))
    order = say("Customer id") if query.sort == "customer_id" else say(FIELDS[query.sort][0])
    rising = query.reverse != (query.sort == "customer_id")
    told.append((say("Order"), say("%(by)s, rising", by=order) if rising else say("%(by)s, falling", by=order)))
    if most is not None:
        count = teller.speech.number(most)
        told.append((
            say("Not complete"),
            say("The list is longer: this file ends after its first %(count)s customers. Narrow it by filters.", count=count),
        ))  # fmt: skip
    told += [
        (say("As of"), teller.speech.day(run.cutoff)),
        (say("Scored"), teller.speech.moment(run.scored_at, zone)),
        (say("Model"), run.bundle),
        (say("Taken away"), teller.speech.moment(taken_at, zone)),
        (say("Currency"), run.currency),
        ("", ""),
        (say("Words"), ""),
    ]
    called_so, fields = headings(teller), {name: _FIELD.get(name, name) for name in EXPORTED}
    told += [(called_so[name], say(FIELDS[field][1])) for name, field in fields.items() if field in FIELDS]
    return told + [(say(name), say(meaning)) for name, meaning in EVIDENCE.values()]


def as_csv(rows: Rows, called_so: dict[str, str]) -> Iterator[str]:
    """CSV with a byte order mark, by which spreadsheets know UTF-8; no text is a formula."""
    target = io.StringIO()
    writer = csv.DictWriter(target, EXPORTED)
    target.write("\ufeff")
    writer.writerow(called_so)
    for count, row in enumerate(rows, start=1):
        writer.writerow({name: defused(value) for name, value in row.items()})
        if count % _AT_ONCE == 0:
            yield _emptied(target)
    yield _emptied(target)


def as_json(rows: Rows) -> Iterator[str]:
    """A JSON array, a row a line."""
    told = "["
    for count, row in enumerate(rows):
        told += (",\n" if count else "") + json.dumps(row, ensure_ascii=False)
        if count % _AT_ONCE == _AT_ONCE - 1:
            yield told
            told = ""
    yield told + "]\n"


def _emptied(target: io.StringIO) -> str:
    text = target.getvalue()
    target.seek(0)
    target.truncate()
    return text
