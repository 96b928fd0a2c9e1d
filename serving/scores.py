"""Today's scores: every customer of a shop at a cut-off, in chunks, into the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from features.checked import CheckedTables
from features.consent import allowed_channels, opted_out
from features.console import Stopwatch
from features.shop import Shop
from features.timeline import Timelines, customer_names
from models.bundle import Bundle
from models.decide import Case, Decision, considered, decide
from models.dossier import dossier
from models.doubts import doubts
from models.ledger import Ledger
from models.playbook import Playbook
from models.reasons import Reason
from models.runs import Entry, ScoreRun, begun_run, fill_run
from models.score import Scores, answers, cases, explain, explainer, score

CHUNK = 5000
Part = tuple[Scores, list[tuple[Reason, ...]], float]


@dataclass(frozen=True)
class Scored:
    """A finished run, its number in the ledger, where its time went, and what looks odd in the playbook."""

    run: ScoreRun
    number: int
    watch: Stopwatch
    actions: dict[str, int] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    spent: float = 0.0
    warnings: Sequence[str] = ()


def score_shop(
    shop: Shop, checked: CheckedTables, bundle: Bundle, playbook: Playbook, cutoff: date, scored_at: datetime,
    ledger: Ledger, tell: Callable[[int, int], object] = lambda _done, _of: None,
) -> Scored:  # fmt: skip
    """Score all customers known at the cut-off; the run replaces an earlier one of the same shop, cut-off and bundle.

    Parameters
    ----------
    tell
        Called with customers newly done and twice their number, since each is first explained, then written.
    """
    watch = Stopwatch()
    begun = ScoreRun(
        shop.name, bundle.id, cutoff, scored_at, 0, 0, shop.language, shop.currency,
        cutoff + timedelta(days=bundle.definition.horizon_days), _labels(bundle, playbook),
    )  # fmt: skip
    with begun_run(ledger, begun) as number:
        parts = _scored(shop, checked, bundle, cutoff, watch, tell)
        with watch.step("decisions"):
            channels = allowed_channels(checked)
            every = [case for scores, reasons, _ in parts for case in cases(scores, reasons, channels)]
            decisions = decide(playbook, every)
        run = replace(begun, customers=len(every), eligible=sum(case.eligible for case in every))
        with watch.step("timelines"):
            names, timelines = customer_names(checked), Timelines(checked, cutoff)
        with watch.step("ledger"), closing(timelines):
            entries = _entries(parts, every, decisions, playbook, run, names, timelines, tell)
            fill_run(ledger, run, number, entries)
    counts = Counter(decision.action for decision in decisions if decision.action != "no_action")
    refused = Counter(decision.why_not for decision in decisions if decision.action == "no_action")
    spent = round(sum(decision.cost for decision in decisions), 2)
    return Scored(run, number, watch, dict(counts), refused, spent, doubts(playbook, shop.currency, every))


def _scored(
    shop: Shop,
    checked: CheckedTables,
    bundle: Bundle,
    cutoff: date,
    watch: Stopwatch,
    tell: Callable[[int, int], object],
) -> list[Part]:
    """Scores, reasons and base of all customers, in chunks."""
    with watch.step("vectors"):
        table = bundle.vectors(checked, [cutoff])
        out = opted_out(checked)
    speaker = explainer(bundle, shop.language, shop.currency)
    parts: list[Part] = []
    for start in range(0, table.num_rows, CHUNK):
        chunk = table.slice(start, CHUNK)
        with watch.step("scores"):
            scores = score(bundle, chunk, out, threads=2)
        with watch.step("reasons"):
            reasons, base = explain(scores, chunk, speaker, threads=2)
        parts.append((scores, reasons, base))
        tell(len(scores), 2 * table.num_rows)
    return parts


def _labels(bundle: Bundle, playbook: Playbook) -> dict[str, dict[str, dict[str, str]]]:
    """What segments and actions are called, by language: a run stays readable when bundle and playbook have changed."""
    return {
        "segments": {segment.id: {"en": segment.en, "zh": segment.zh} for segment in bundle.segmenter.segments},
        "actions": {action.name: {"en": action.en, "zh": action.zh} for action in playbook.actions},
    }


def _entries(
    parts: Sequence[Part], every: Sequence[Case], decisions: Sequence[Decision], playbook: Playbook, run: ScoreRun,
    names: Mapping[str, str], timelines: Timelines, tell: Callable[[int, int], object],
) -> Iterator[list[Entry]]:  # fmt: skip
    start = 0
    for scores, reasons, base in parts:
        of_chunk = decisions[start : start + len(scores)]
        found = answers(scores, reasons, base, of_chunk, run.scored_at, run.language)
        events = timelines.of(scores.customer_ids)
        yield [
            Entry(
                answer,
                None if scores.opted_out[i] else names.get(answer["customer_id"]),
                None  # of whoever objects to being profiled
                if scores.opted_out[i]
                else dossier(
                    scores.X[i], considered(playbook, every[start + i], of_chunk[i]), events[answer["customer_id"]]
                ),
            )
            for i, answer in enumerate(found)
        ]
        start += len(scores)
        tell(len(scores), 2 * len(decisions))
