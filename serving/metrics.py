"""Metrics: own counters with route templates as labels, added up over all workers."""

from __future__ import annotations

import os

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})

_requests = Histogram(
    "holdfast_request_seconds", "Time to answer, by method, address and HTTP status.", ["method", "address", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)  # fmt: skip
_refusals = Counter("holdfast_refusals", "Refusals told to clients, by code.", ["code"])


def count_request(method: str, address: str, status: int, seconds: float) -> None:
    """Count an answered request. `address` is a template: an id in a label would be kept for ever."""
    _requests.labels(method if method in _METHODS else "other", address, str(status)).observe(seconds)


def count_refusal(code: str) -> None:
    """Count a refusal."""
    _refusals.labels(code).inc()


def exposition() -> bytes:
    """All workers' metrics in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # set by `bentoml serve`
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
