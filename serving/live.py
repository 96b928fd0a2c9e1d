"""Live scores: one customer's posted events through the same vectors, model, reasons and playbook as the batch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from features.live_vectors import LiveVectors
from features.refusal import Refusal
from features.shop import Shop
from models.bundle import Bundle
from models.churn import one_row
from models.decide import decide
from models.playbook import Playbook
from models.score import answers, cases, explain, explainer, score
from serving.messages import EventsRequest
from serving.posted import posted_tables
from serving.present import Present

_AT_ONCE = 2
_MOST_WAITING = 30
_LIMITS_UNKNOWN = "budget and contact caps of the playbook bind a whole score run; here they are not counted"


class LiveScorer:
    """Scores posted events with one bundle; statements are prepared once."""

    def __init__(self, bundle: Bundle, shop: Shop, playbook: Playbook) -> None:
        self.bundle = bundle
        self.shop = shop
        self.playbook = playbook
        self._vectors = LiveVectors(bundle.catalog, bundle.memory_days, bundle.vector_references)
        self._explainer = explainer(bundle, shop.language, shop.currency)

    def answer(self, request: EventsRequest, now: datetime) -> dict[str, Any]:
        """The customer's answer as of the cut-off (default: today in the shop's time zone).

        Raises
        ------
        Refusal
            HF206 for a cut-off after today, HF604 for rows that cannot be used, HF609 with nothing before it.
        """
        today = now.astimezone(ZoneInfo(self.shop.time_zone)).date()
        cutoff: date = request.cutoff or today
        if cutoff > today:
            raise Refusal("HF206", f"the cut-off {cutoff} lies after today, {today}.", "Choose today or earlier.")
        posted = posted_tables(request, self.shop, self.bundle.catalog, cutoff)
        values = self._vectors.vector(posted.rows, cutoff)
        if values is None:
            raise Refusal(
                "HF609", f"nothing is known of this customer before the cut-off {cutoff}.",
                "Post at least one event of an earlier day, or a later cut-off.",
            )  # fmt: skip
        vectors = one_row(values)
        out = frozenset([posted.customer_id]) if posted.opted_out else frozenset[str]()
        scores = score(self.bundle, vectors, out)
        reasons, base = explain(scores, vectors, self._explainer)
        channels = {} if posted.channels is None else {posted.customer_id: posted.channels}
        decisions = decide(self.playbook, cases(scores, reasons, channels))
        if decisions[0].action != "no_action":
            posted.warnings.append(_LIMITS_UNKNOWN)
        [answer] = answers(scores, reasons, base, decisions, now, self.shop.language, posted.warnings)
        return answer


class LiveAnswers:
    """Answers to posted events, two computed at a time in threads of their own.

    Who waits may be cancelled, as the guard does at the deadline, and is then not computed; who finds too many waiting
    gets HF612. So however much is posted, the rest of the service keeps its threads.
    """

    def __init__(self, scorer: Callable[[], LiveScorer]) -> None:
        self._scorer = scorer
        self._threads = ThreadPoolExecutor(_AT_ONCE, "live-answers")
        self._under_way = 0

    async def of(self, request: EventsRequest, now: datetime) -> dict[str, Any]:
        """The answer as `LiveScorer.answer` gives it."""
        if self._under_way >= _AT_ONCE + _MOST_WAITING:
            raise Refusal("HF612", "as many posted customers as can be are being scored.", "Try again in a moment.")
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, request, now)
        finally:
            self._under_way -= 1

    def _answer(self, request: EventsRequest, now: datetime) -> dict[str, Any]:
        return self._scorer().answer(request, now)

    def close(self) -> None:
        """End the threads; what waits is not computed."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def follows_bundle(present: Present) -> Callable[[], LiveScorer]:
    """A function that gives the scorer of the bundle now in force; a new one is built when the bundle changes."""
    lock = threading.Lock()
    kept: list[LiveScorer] = []

    def scorer() -> LiveScorer:
        bundle = present.bundle()
        with lock:
            if not kept or kept[0].bundle is not bundle:
                kept[:] = [LiveScorer(bundle, present.shop, present.playbook)]
            return kept[0]

    return scorer
