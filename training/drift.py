"""Drift: a score run's customers beside those that its bundle learned from, by column, driver and probability.

The distance is the population stability index, sum of (p - q) ln(p / q) over bins (Jeffreys 1946; Siddiqi 2006), with
half a customer added to each bin. With n and m customers and B bins it is, where nothing has changed, about (1/n + 1/m)
times a chi-square variable of B - 1 degrees of freedom (Yurdakul and Naranjo 2020), which gives its p-value; the same
customers seen twice differ less, so that the value is on the safe side. A shop that stays as it is still differs from
month to month. A column has drifted where its distance is beyond chance (Holm 1979, over all columns) and lies by
`psi_watch` above the largest one between cut-offs that the bundle has seen while it learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import gammaincc, ndtr

from features.catalog import Catalog, Feature
from models.bundle import Bundle
from models.drift_reference import DriftReference, Spread, counts
from models.reasons import drivers_of
from models.score import Scores
from training.severity import Severity
from training.study import MonitorSettings

Floats = npt.NDArray[np.float64]
_MOST_EXPLAINED = 2000
LEADING = 3
"""How many of the strongest pushes towards leaving are told as reasons."""


@dataclass(frozen=True)
class ColumnDrift:
    """One column then and now.

    Attributes
    ----------
    gain_share
        Of all that the model's splits gain, the share that this column's do.
    p_value
        Of the index, after Holm over all columns.
    missing_before, missing, unseen
        Shares of customers; `unseen` are those with a level that training had not, None where there are no levels.
    grows
        Whether it is a length of time that grows by itself as a shop gets older; it is told and counts for nothing.
    """

    name: str
    driver: str
    gain_share: float
    psi: float
    usual_psi: float
    p_value: float
    mean_before: float | None
    mean: float | None
    missing_before: float
    missing: float
    unseen: float | None
    grows: bool
    state: Severity


@dataclass(frozen=True)
class DriverDrift:
    """One driver then and now: mean push in log-odds, and the share of customers for whom it is a leading reason."""

    driver: str
    push_before: float
    push: float
    usual_shift: float
    p_value: float
    leading_before: float
    leading: float
    state: Severity


@dataclass(frozen=True)
class ProbabilityDrift:
    """The churn probability then and now; `before` and `now` are shares of customers by bin, whose upper ends are `edges`."""

    psi: float
    usual_psi: float
    p_value: float
    mean_before: float
    mean: float
    edges: tuple[float, ...]
    before: tuple[float, ...]
    now: tuple[float, ...]
    state: Severity


@dataclass(frozen=True)
class Drift:
    """A run's eligible customers against the reference: columns and drivers in the catalog's order."""

    customers: int
    reference_customers: int
    reference_cutoffs: tuple[date, ...]
    probability: ProbabilityDrift
    columns: tuple[ColumnDrift, ...]
    drivers: tuple[DriverDrift, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**asdict(self), "reference_cutoffs": [str(day) for day in self.reference_cutoffs]}


def drift_of(bundle: Bundle, table: pa.Table, scored: Scores, rules: MonitorSettings) -> Drift | None:
    """The drift of a run's eligible customers; None where its bundle keeps no reference, or nobody is eligible.

    Parameters
    ----------
    table
        The run's vectors, with what `scored` was scored from, row by row.
    """
    reference = bundle.drift_reference
    if reference is None or not scored.eligible.any():
        return None
    X, eligible = scored.X[scored.eligible], table.filter(pa.array(scored.eligible))
    return Drift(
        len(X), reference.customers, reference.cutoffs,
        _probability(reference, scored.churn_probability[scored.eligible], rules),
        _columns(bundle, reference, eligible, X, rules),
        _drivers(bundle, reference, X, rules),
    )  # fmt: skip


def psi(before: Floats, now: Floats) -> float:
    """The population stability index between two sets of counts over the same bins."""
    p, q = ((side + 0.5) / (side.sum() + 0.5 * len(side)) for side in (before, now))
    return float(((q - p) * np.log(q / p)).sum())


def chance_of(index: float, bins: int, before: float, now: float) -> float:
    """How probable so large an index is where nothing has changed, with so many customers then and now."""
    noise = 1 / max(before, 1) + 1 / max(now, 1)
    return float(gammaincc(max(bins - 1, 1) / 2, index / noise / 2))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number (Holm 1979), in the order given, each at most 1."""
    order = np.argsort(p_values, kind="stable")
    left = np.arange(len(p_values), 0, -1)
    adjusted = np.minimum(np.maximum.accumulate(np.asarray(p_values, float)[order] * left), 1.0)
    found = np.empty(len(p_values))
    found[order] = adjusted
    return [float(p) for p in found]


def pushes_by_driver(catalog: Catalog, pushes: Floats) -> Mapping[str, Floats]:
    """The pushes of each driver's columns summed, shape (rows,), by driver."""
    drivers, member = drivers_of(catalog)
    return dict(zip(drivers, (pushes @ member).T, strict=True))


def leading_shares(pushes: Mapping[str, Floats]) -> dict[str, float]:
    """By driver the share of rows in which it is among the strongest pushes towards leaving."""
    by_driver = np.stack(list(pushes.values()), axis=1)
    ranked = np.argsort(-by_driver, axis=1, kind="stable")[:, :LEADING]
    leads = np.zeros(by_driver.shape, bool)
    np.put_along_axis(leads, ranked, True, axis=1)
    shares = (leads & (by_driver > 0)).mean(axis=0)
    return dict(zip(pushes, map(float, shares), strict=True))


def grows_by_itself(feature: Feature) -> bool:
    """Whether a column is the age of a customer's time with the shop: a shop that goes on has older customers."""
    return feature.driver == "tenure" and feature.unit == "days"


def _between(spread: Spread, values: Floats, customers: int) -> tuple[float, float]:
    """The index of these values against the reference, and its p-value."""
    now = counts(values, spread.edges).astype(float)
    index = psi(np.array(spread.shares) * customers, now)
    return index, chance_of(index, len(spread.shares), customers, len(values))


def _state(index: float, usual: float, p_value: float, rules: MonitorSettings) -> Severity:
    if p_value >= rules.significance or index - usual < rules.psi_watch:
        return "ok"
    return "alarm" if index - usual >= rules.psi_alarm else "watch"


def _probability(reference: DriftReference, probability: Floats, rules: MonitorSettings) -> ProbabilityDrift:
    spread = reference.probability
    index, p_value = _between(spread, probability, reference.customers)
    now = counts(probability, spread.edges) / len(probability)
    return ProbabilityDrift(
        round(index, 4), spread.usual_psi, p_value, spread.mean or 0.0, round(float(probability.mean()), 6), spread.edges,
        spread.shares[:-1], tuple(round(float(share), 6) for share in now[:-1]),
        _state(index, spread.usual_psi, p_value, rules),
    )  # fmt: skip


def _columns(
    bundle: Bundle, reference: DriftReference, table: pa.Table, X: Floats, rules: MonitorSettings
) -> tuple[ColumnDrift, ...]:
    gain = bundle.model.gain()
    whole = sum(gain.values()) or 1.0
    features = [feature for feature in bundle.catalog.features if feature.name in reference.columns]
    values = {name: X[:, j] for j, name in enumerate(bundle.model.features)}
    between = {f.name: _between(reference.columns[f.name], values[f.name], reference.customers) for f in features}
    adjusted = holm([p_value for _, p_value in between.values()])
    found = []
    for feature, p_value in zip(features, adjusted, strict=True):
        name, spread, column = feature.name, reference.columns[feature.name], values[feature.name]
        index, grows = between[name][0], grows_by_itself(feature)
        missing = float(np.isnan(column).mean())
        levels, unseen = bundle.model.categories.get(name), None
        if levels is not None:
            unseen = round(missing - table.column(name).null_count / len(X), 6)
        known = column[~np.isnan(column)]
        found.append(
            ColumnDrift(
                name, feature.driver, round(gain[name] / whole, 6), round(index, 4), spread.usual_psi, p_value,
                spread.mean, round(float(known.mean()), 6) if len(known) and levels is None else None,
                spread.missing, round(missing, 6), unseen, grows,
                "ok" if grows else _state(index, spread.usual_psi, p_value, rules),
            )
        )  # fmt: skip
    return tuple(found)


def _drivers(bundle: Bundle, reference: DriftReference, X: Floats, rules: MonitorSettings) -> tuple[DriverDrift, ...]:
    rows = np.random.default_rng(0).permutation(len(X))[:_MOST_EXPLAINED]
    now = pushes_by_driver(bundle.catalog, bundle.model.contributions(X[rows])[0])
    leading = leading_shares(now)
    names = [driver for driver in now if driver in reference.drivers]
    shifts, p_values = [], []
    for driver in names:
        before, pushes = reference.drivers[driver], now[driver]
        shift = float(pushes.mean()) - before.push
        error = np.sqrt(before.deviation**2 / max(reference.customers, 1) + pushes.var() / len(rows))
        shifts.append(shift)
        p_values.append(float(2 * ndtr(-abs(shift) / error)) if error > 0 else 1.0)
    found = []
    for driver, shift, p_value in zip(names, shifts, holm(p_values), strict=True):
        before = reference.drivers[driver]
        drifted = p_value < rules.significance and abs(shift) - before.usual_shift >= rules.push_shift
        found.append(
            DriverDrift(
                driver, before.push, round(before.push + shift, 6), before.usual_shift, p_value,
                before.leading, round(leading[driver], 6), "watch" if drifted else "ok",
            )
        )  # fmt: skip
    return tuple(found)
