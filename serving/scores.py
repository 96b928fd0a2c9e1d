"""Today's scores: every customer of a shop at a cut-off, in chunks, into the ledger."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from features.checked import CheckedTables
from features.consent import allowed_channels, opted_out
from features.console import Stopwatch
from features.on_spark import spark_session, vectors_on_spark
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
from serving.score_on_spark import Answered, AnswersOnDisk, Told, score_on_spark

CHUNK = 5000
Part = tuple[Scores, list[tuple[Reason, ...]], float]


class AllScored(Protocol):
    """All customers of a run, scored: what their decisions need, in the order of their ids, then their answers."""

    def cases(self, channels: Mapping[str, frozenset[str]]) -> list[Case]: ...

    def blocks(self, decisions: Sequence[Decision]) -> Iterator[Answered]: ...


@dataclass(frozen=True)
class Scored:
    """A finished run, its number in the ledger, where its time went, and what looks odd in the playbook.

    `equity` is the value of all customers: `customers`, `mean`, `low`, `high`, `days`.
    """

    run: ScoreRun
    number: int
    watch: Stopwatch
    actions: dict[str, int] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    spent: float = 0.0
    warnings: Sequence[str] = ()
    equity: Mapping[str, float] = field(default_factory=dict)


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
        cutoff + timedelta(days=bundle.definition.label_days), _labels(bundle, playbook), bundle.lifetime.total,
        bundle.definition, bundle.trained_until, playbook.value.margin_share,
    )  # fmt: skip
    if checked.engine == "spark":
        spark_session()  # where it does not start, that is told before a run is begun
    with begun_run(ledger, begun) as number, _scored(checked, bundle, begun, watch, tell) as scored:
        with watch.step("decisions"):
            every = scored.cases(allowed_channels(checked))
            decisions = decide(playbook, every)
        run = replace(begun, customers=len(every), eligible=sum(case.eligible for case in every))
        with watch.step("timelines"):
            names, timelines = customer_names(checked), Timelines(checked, cutoff)
        with watch.step("ledger"), closing(timelines):
            blocks = scored.blocks(decisions)
            summary = fill_run(
                ledger, run, number, _entries(blocks, every, decisions, playbook, names, timelines, tell)
            )
    counts = Counter(decision.action for decision in decisions if decision.action != "no_action")
    refused = Counter(decision.why_not for decision in decisions if decision.action == "no_action")
    spent = round(sum(decision.cost for decision in decisions), 2)
    return Scored(run, number, watch, dict(counts), refused, spent, doubts(playbook, shop.currency, every),
                  {**summary["equity"], "days": bundle.lifetime.days})  # fmt: skip


@contextmanager
def _scored(
    checked: CheckedTables, bundle: Bundle, run: ScoreRun, watch: Stopwatch, tell: Callable[[int, int], object]
) -> Iterator[AllScored]:
    """All customers, scored by the shop's engine: on Spark, whose answers wait in Parquet, or here, in memory."""
    if checked.engine != "spark":
        yield _Here(_in_chunks(checked, bundle, run, watch, tell), run)
        return
    spark = spark_session()
    with tempfile.TemporaryDirectory(dir=checked.folder.parent) as scratch:  # where Spark's workers see it
        vectors, answered = Path(scratch) / "vectors", Path(scratch) / "answers"
        with watch.step("vectors"):
            references = bundle.vector_references
            vectors_on_spark(checked, bundle.catalog, [run.cutoff], bundle.memory_days, spark, vectors, references)
        with watch.step("scores"):
            told = Told(run.scored_at, run.language, run.currency)
            rows = score_on_spark(spark, bundle, vectors, answered, told, checked)
        tell(rows, 2 * rows)
        yield AnswersOnDisk(answered)


def _in_chunks(
    checked: CheckedTables, bundle: Bundle, run: ScoreRun, watch: Stopwatch, tell: Callable[[int, int], object]
) -> list[Part]:
    """Scores, reasons and base of all customers, in chunks."""
    with watch.step("vectors"):
        table = bundle.vectors(checked, [run.cutoff])
        out = opted_out(checked)
    speaker = explainer(bundle, run.language, run.currency)
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


@dataclass(frozen=True)
class _Here:
    """Customers scored in this process."""

    parts: Sequence[Part]
    run: ScoreRun

    def cases(self, channels: Mapping[str, frozenset[str]]) -> list[Case]:
        return [case for scores, reasons, _ in self.parts for case in cases(scores, reasons, channels)]

    def blocks(self, decisions: Sequence[Decision]) -> Iterator[Answered]:
        start = 0
        for scores, reasons, base in self.parts:
            places = range(start, start + len(scores))
            of_chunk = decisions[places.start : places.stop]
            found = answers(scores, reasons, base, of_chunk, self.run.scored_at, self.run.language)
            yield Answered(found, scores.X, scores.opted_out, places)
            start = places.stop


def _labels(bundle: Bundle, playbook: Playbook) -> dict[str, dict[str, dict[str, str]]]:
    """What segments and actions are called, by language: a run stays readable when bundle and playbook have changed."""
    return {
        "segments": {segment.id: {"en": segment.en, "zh": segment.zh} for segment in bundle.segmenter.segments},
        "actions": {action.name: {"en": action.en, "zh": action.zh} for action in playbook.actions},
    }


def _entries(
    blocks: Iterator[Answered], every: Sequence[Case], decisions: Sequence[Decision], playbook: Playbook,
    names: Mapping[str, str], timelines: Timelines, tell: Callable[[int, int], object],
) -> Iterator[list[Entry]]:  # fmt: skip
    for block in blocks:
        events = timelines.of([answer["customer_id"] for answer in block.answers])
        entries = []
        for answer, x, out, place in zip(block.answers, block.X, block.opted_out, block.places, strict=True):
            customer = answer["customer_id"]
            if out:  # of whoever objects to being profiled nothing more is kept
                entries.append(Entry(answer))
                continue
            weighed = considered(playbook, every[place], decisions[place])
            entries.append(Entry(answer, names.get(customer), dossier(x, weighed, events[customer])))
        yield entries
        tell(len(entries), 2 * len(decisions))
