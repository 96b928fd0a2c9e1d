"""Today's scores: every customer of a shop at a cut-off, in chunks, into the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from features.check import CheckedTables
from features.consent import opted_out
from features.console import Stopwatch
from features.shop import Shop
from features.vectors import vectors
from models.bundle import Bundle
from models.decide import Decision, decide
from models.ledger import Ledger
from models.playbook import Playbook
from models.reasons import Reason
from models.runs import ScoreRun, write_run
from models.score import Scores, answers, cases, explain, explainer, score

CHUNK = 5000


@dataclass(frozen=True)
class Scored:
    """A finished run and where its time went."""

    run: ScoreRun
    watch: Stopwatch
    actions: dict[str, int] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    spent: float = 0.0


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
    with watch.step("vectors"):
        table = vectors(checked, bundle.catalog, [cutoff], bundle.memory_days)
        out = opted_out(checked)
    speaker = explainer(bundle, shop.language, shop.currency)
    parts: list[tuple[Scores, list[tuple[Reason, ...]], float]] = []
    for start in range(0, table.num_rows, CHUNK):
        chunk = table.slice(start, CHUNK)
        with watch.step("scores"):
            scores = score(bundle, chunk, out, threads=2)
        with watch.step("reasons"):
            reasons, base = explain(scores, chunk, speaker, threads=2)
        parts.append((scores, reasons, base))
        tell(len(scores), 2 * table.num_rows)
    with watch.step("decisions"):
        decisions = decide(playbook, [case for scores, reasons, _ in parts for case in cases(scores, reasons)])
    run = ScoreRun(
        shop.name, bundle.id, cutoff, scored_at, table.num_rows,
        int(sum(scores.eligible.sum() for scores, _, _ in parts)), shop.language, shop.currency,
    )  # fmt: skip
    with watch.step("ledger"):
        write_run(ledger, run, _chunks(parts, decisions, run, tell))
    counts = Counter(decision.action for decision in decisions if decision.action != "no_action")
    refused = Counter(decision.why_not for decision in decisions if decision.action == "no_action")
    return Scored(run, watch, dict(counts), refused, round(sum(decision.cost for decision in decisions), 2))


def _chunks(
    parts: Sequence[tuple[Scores, list[tuple[Reason, ...]], float]], decisions: Sequence[Decision], run: ScoreRun,
    tell: Callable[[int, int], object],
) -> Iterator[list[dict[str, Any]]]:  # fmt: skip
    start = 0
    for scores, reasons, base in parts:
        of_chunk = decisions[start : start + len(scores)]
        yield answers(scores, reasons, base, of_chunk, run.scored_at, run.language)
        start += len(scores)
        tell(len(scores), 2 * len(decisions))
