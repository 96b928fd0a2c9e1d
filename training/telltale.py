"""Whether one column tells alone who left: statistics that a column drawn at random passes once in a million shops.

Two bars stand together. The effect must be one that what was known beforehand does not reach: whole behaviour vectors
seldom reach an AUC of 0.9, a single honest attribute does not come near. And chance must not explain it: every p-value
is divided by the number of columns looked at (Bonferroni), and AUCs are of customers whose own answer was not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom, norm, spearmanr

from training.auc_variance import auc_variance
from training.measures import auc

Values = npt.NDArray[np.float64] | npt.NDArray[np.object_]
Flags = npt.NDArray[np.bool_]

CHANCE = 1e-6
"""How often, over all columns of a shop, a random one may raise an alarm."""
TOO_GOOD = 0.9
AT_LEAST = 0.8  # where even the lower limit of the AUC must lie
PURE = 0.9
REPEATS = 0.98
HOW = ("total", "repeats", "presence", "alone", "level")
"""The kinds of evidence, the plainest first."""
AS_A_TOTAL = 0.95  # rank correlation
_FEWEST = 10
_BINS = 20
_LEVELS = 50
_SEED = 7


@dataclass(frozen=True)
class Telltale:
    """Evidence that a column knows who left: how, the figure, what it may be at most, and in words.

    `how` is one of HOW.
    """

    how: str
    measured: float
    most: float
    told: str


def telltale(values: Values, left: Flags, columns: int, outcome: str) -> Telltale | None:
    """The plainest evidence that a column tells who left, or None.

    Parameters
    ----------
    values
        Shape (customers,): floats with NaN, or texts with None, where there is no value.
    columns
        How many columns are looked at in all, for the correction.
    outcome
        What `left` means, to be told: "churned within 28 days of 2017-12-01".
    """
    if min(left.sum(), (~left).sum()) < _FEWEST:
        return None
    for look in (_repeats, _presence, alone, _level):
        if found := look(values, left, columns, outcome):
            return found
    return None


def alone(values: Values, left: Flags, columns: int, outcome: str, most: float = TOO_GOOD) -> Telltale | None:
    """Evidence that the AUC of a column alone is above `most`, or None."""
    value = auc_alone(values, left)
    lower, chance = auc_limits(value, left, columns)
    if value < most or lower < most - (TOO_GOOD - AT_LEAST) or chance > CHANCE / columns:
        return None
    return Telltale("alone", round(value, 4), most, f"it tells alone who {outcome}, with an AUC of {value:.3f}")


def grows_with_the_future(
    values: npt.NDArray[np.float64], before: npt.NDArray[np.float64], to_the_end: npt.NDArray[np.float64], total: str
) -> Telltale | None:
    """Evidence that a number is a total to the end of the tables rather than to an earlier day, or None.

    It must go with the total to the end all but perfectly, and leave less than half as much unexplained as the total up
    to the earlier day does. What was said beforehand, like a wanted frequency, goes with both about alike.
    """
    there = ~np.isnan(values)
    if there.sum() < 30 or len(np.unique(values[there])) < 5 or not (to_the_end[there] != before[there]).any():
        return None
    late, early = (_rank_correlation(values[there], other[there]) for other in (to_the_end, before))
    if late < AS_A_TOTAL or 1 - late > (1 - early) / 2:
        return None
    return Telltale(
        "total", round(late, 4), AS_A_TOTAL,
        f"it goes with {total} up to the end of the tables (rank correlation {late:.3f}), less with what was known before"
        f" ({early:.3f})",
    )  # fmt: skip


def auc_alone(values: Values, left: Flags) -> float:
    """The AUC of a column alone, of customers whose own answer was not used: by groups of values, or by its order."""
    found = _out_of_fold_auc(_groups(values), left)
    if values.dtype != object:
        there = ~_missing(values)
        if min(left[there].sum(), (~left[there]).sum()) >= _FEWEST and there.mean() > 0.5:
            by_order = _auc(left[there], np.asarray(values[there], float))
            found = max(found, by_order, 1 - by_order)
    return found


def auc_limits(value: float, left: Flags, columns: int) -> tuple[float, float]:
    """The lower limit of an AUC (99.9 %, corrected for the columns), and its p-value by chance."""
    churned, stayed = int(left.sum()), int((~left).sum())
    lower = value - norm.isf(1e-3 / columns) * np.sqrt(auc_variance(value, churned, stayed))
    by_chance = np.sqrt((churned + stayed + 1) / (12 * churned * stayed))
    return float(lower), float(2 * norm.sf((value - 0.5) / by_chance))


def _repeats(values: Values, left: Flags, columns: int, outcome: str) -> Telltale | None:
    groups = _groups(values)
    if len(np.unique(groups)) != 2 or max(left.mean(), 1 - left.mean()) > 0.95:
        return None
    one = groups == groups[0]
    agreeing = float(max((one == left).mean(), (one != left).mean()))
    if agreeing < REPEATS or auc_limits(agreeing, left, columns)[1] > CHANCE / columns:
        return None
    return Telltale(
        "repeats", round(agreeing, 4), REPEATS, f"it agrees for {agreeing:.1%} of the customers with who {outcome}"
    )


def _presence(values: Values, left: Flags, columns: int, outcome: str) -> Telltale | None:
    """Whether nearly all who have a value left, or nearly all who have none."""
    missing = _missing(values)
    for side, who in ((~missing, "with"), (missing, "without")):
        count, gone = int(side.sum()), int(left[side].sum())
        if count < _FEWEST or count == len(left) or gone / count < PURE or left[~side].mean() > 0.6:
            continue
        if _chance_of(side, left) <= CHANCE / columns:
            return Telltale(
                "presence", round(gone / count, 4), PURE,
                f"of {count:,} customers {who} a value {gone:,} {outcome}, of the others {left[~side].mean():.0%}",
            )  # fmt: skip
    return None


def _level(values: Values, left: Flags, columns: int, outcome: str) -> Telltale | None:
    """Whether nearly everyone of one level of a text left."""
    if left.mean() > 0.5 or values.dtype != object:
        return None
    levels = _levels(values)
    for level in levels:
        side = np.asarray(values == level)
        count, gone = int(side.sum()), int(left[side].sum())
        if count >= _FEWEST and gone / count >= PURE and _chance_of(side, left) <= CHANCE / columns / len(levels):
            return Telltale(
                "level", round(gone / count, 4), PURE,
                f"of {count:,} customers with {level!r} {gone:,} {outcome}, of the others {left[~side].mean():.0%}",
            )  # fmt: skip
    return None


def _chance_of(side: Flags, left: Flags) -> float:
    """The chance that so many or more of a side, drawn at random, left."""
    return float(hypergeom.sf(left[side].sum() - 1, len(left), left.sum(), side.sum()))


def _missing(values: Values) -> Flags:
    if values.dtype == object:
        return np.asarray([value is None for value in values], bool)
    return np.asarray(np.isnan(np.asarray(values, float)), bool)


def _levels(values: Values) -> list[object]:
    """The values that enough customers have, where there are few different ones."""
    there = values[~_missing(values)].astype(str)
    levels, counts = np.unique(there, return_counts=True)
    kept = [level for level, count in zip(levels.tolist(), counts, strict=True) if count >= _FEWEST]
    return kept if len(levels) <= 10 * _LEVELS else []


def _groups(values: Values) -> npt.NDArray[np.int64]:
    """Groups of like values: twentieths of numbers, the most frequent texts; a missing value is a group of its own."""
    missing = _missing(values)
    groups = np.full(len(values), -1, np.int64)
    if missing.all():
        return groups
    if values.dtype == object:
        _, codes, counts = np.unique(values[~missing].astype(str), return_inverse=True, return_counts=True)
        order = np.argsort(np.argsort(-counts, kind="stable"), kind="stable")
        groups[~missing] = np.minimum(order[codes], _LEVELS)
    else:
        there = np.asarray(values[~missing], float)
        edges = np.unique(np.quantile(there, np.arange(1, _BINS) / _BINS))
        groups[~missing] = np.searchsorted(edges, there, side="right")
    return groups


def _out_of_fold_auc(groups: npt.NDArray[np.int64], left: Flags) -> float:
    """AUC of the share who left in one's group, counted among the other half of the customers."""
    half = np.random.default_rng(_SEED).permutation(len(left)) % 2
    share = np.empty(len(left))
    codes = np.unique(groups, return_inverse=True)[1]
    for fold in (0, 1):
        others = half != fold
        count = np.bincount(codes[others], minlength=codes.max() + 1)
        gone = np.bincount(codes[others], left[others].astype(float), minlength=codes.max() + 1)
        base = left[others].mean()
        share[~others] = ((gone + 2 * base) / (count + 2))[codes[~others]]
    return _auc(left, share)


def _auc(left: Flags, ranked: npt.NDArray[np.float64]) -> float:
    return float(auc(left.astype(float), ranked, np.ones((1, len(left))))[0])


def _rank_correlation(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    if len(np.unique(other)) < 2:
        return 0.0
    return abs(float(spearmanr(one, other).statistic))
