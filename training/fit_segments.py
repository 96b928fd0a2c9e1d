"""Fitting segments: k-means on scaled behaviour, the number by stability and silhouette, names from the centroids."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import count

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from features.catalog import Catalog
from models.segments import Segment, Segmenter
from training.study import SegmentSettings

Floats = npt.NDArray[np.float64]
_REFITS = 8
_SAME = 1.0  # spreads between centroids within which a segment is the former one
_NEARLY = 0.05  # stabilities this near are told apart by silhouette

Words = tuple[bool, tuple[str, str], tuple[str, str]]
# column: logged, and how a segment far above or far below the middle of it is called
_WORDS: dict[str, Words] = {
    "usual_purchase_days_per_28d": (True, ("frequent visitors", "频繁到访"), ("rare visitors", "很少到访")),
    "usual_spend_per_28d": (True, ("big spenders", "高消费"), ("small spenders", "低消费")),
    "spend_per_purchase_day_182d": (True, ("big baskets", "大单"), ("small baskets", "小单")),
    "visit_trend_56d_182d": (False, ("picking up", "逐渐活跃"), ("fading", "逐渐减少")),
    "gap_irregularity": (False, ("irregular", "不规律"), ("regular", "规律")),
    "categories_182d": (True, ("wide choice", "品类广"), ("few categories", "品类少")),
    "discount_share_182d": (False, ("bargain hunters", "爱折扣"), ("full-price buyers", "全价购买")),
    "weekend_share": (False, ("weekend shoppers", "周末购物"), ("weekday shoppers", "平日购物")),
    "engagements_91d": (True, ("engaged", "互动多"), ("hardly engaged", "互动少")),
    "contract_price_per_30d": (True, ("dear contracts", "高价合同"), ("cheap contracts", "低价合同")),
    "days_since_first_contract": (True, ("long-standing", "老客户"), ("newcomers", "新客户")),
    "contract_terms": (True, ("often renewed", "多次续约"), ("seldom renewed", "很少续约")),
    "auto_renewing_share": (False, ("renewing by themselves", "自动续约"), ("renewing by hand", "手动续约")),
}
_MONEY = ("usual_spend_per_28d", "contract_price_per_30d")
_MOST_GIVEN = 6


def fit_segments(
    X: Floats, catalog: Catalog, gain: Mapping[str, float], settings: SegmentSettings, seed: int,
    before: Segmenter | None = None,
) -> Segmenter:  # fmt: skip
    """A segmenter over the behaviour columns that this catalog has, numbered from the biggest spenders down.

    Where it has none of them, over the numbers given by the shop that the model looks at most. Segments near those of
    `before`, the one now in use, keep their id and names; others get ids that none had in `before` or those before it.

    Parameters
    ----------
    gain
        By column how much the churn model gains by it.
    """
    varied = [name for j, name in enumerate(catalog.names) if len(np.unique(X[~np.isnan(X[:, j]), j])) > 2]
    told = {name for j, name in enumerate(catalog.names) if not np.isnan(X[:, j]).all()}
    every = {name: words for name, words in _words(catalog, gain, varied).items() if name in told}
    features = tuple(every)
    columns = X[:, [catalog.names.index(name) for name in features]]
    numbers = count(before.last_number + 1 if before else 1)
    if not features or len(np.unique(np.nan_to_num(columns), axis=0)) <= settings.fewest:
        if before and not before.features:
            return before
        number = next(numbers)
        everybody = Segment(f"S{number}", "all customers", "全部客户", 1.0, {})
        return Segmenter((), (), (), (), ((),), (everybody,), number)
    logged = tuple(every[name][0] for name in features)
    plain = np.where(np.array(logged), np.log1p(np.maximum(columns, 0)), columns)
    center = np.nanmedian(plain, axis=0)
    spread = np.nanquantile(plain, 0.84, axis=0) - np.nanquantile(plain, 0.16, axis=0)
    scale = np.where(spread > 1e-9, spread / 2, 1.0)
    segmenter = Segmenter(features, logged, tuple(center.tolist()), tuple(scale.tolist()), (), ())
    Z = segmenter.scaled(columns)
    fitted = _best_number(Z, settings, seed)
    first = next((features.index(name) for name in _MONEY if name in features), 0)
    order = np.argsort(-fitted.cluster_centers_[:, first], kind="stable")
    centroids = fitted.cluster_centers_[order]
    labels = np.argsort(order)[fitted.labels_]
    kept = _kept(segmenter, centroids, before)
    segments = []
    for k, (en, zh) in enumerate(_names([every[name][1:] for name in features], centroids)):
        profile = {name: _median(columns[labels == k, j]) for j, name in enumerate(features)}
        same = kept.get(k)
        known = (same.id, same.en, same.zh) if same else (f"S{next(numbers)}", en, zh)
        if any(known[1] == other.en for other in segments):  # a former name that now fits another group too
            known = (known[0], f"{known[1]} ({known[0]})", f"{known[2]}（{known[0]}）")
        segments.append(Segment(*known, float((labels == k).mean()), profile))
    return Segmenter(
        features, logged, segmenter.center, segmenter.scale,
        tuple(tuple(row) for row in centroids.tolist()), tuple(segments), next(numbers) - 1,
    )  # fmt: skip


def _median(values: Floats) -> float:
    """Of the known values; 0 where none is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0


@threadpool_limits.wrap(limits=1)  # on a busy machine threads that wait for each other cost far more than they bring
def _best_number(Z: Floats, settings: SegmentSettings, seed: int) -> KMeans:
    """k-means with the number whose clusters come back most alike on redrawn customers (mean adjusted Rand index)."""
    random = np.random.default_rng(seed)
    most = max(settings.fewest, min(settings.most, len(np.unique(Z, axis=0)) - 1))
    found = []
    for k in range(settings.fewest, most + 1):
        fitted = KMeans(k, n_init=4, random_state=seed).fit(Z)
        alike = []
        for _ in range(_REFITS):
            drawn = random.integers(0, len(Z), len(Z))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # of few customers fewer may be drawn than k
                other = KMeans(k, n_init=1, random_state=int(random.integers(2**31))).fit(Z[drawn])
            alike.append(adjusted_rand_score(fitted.labels_, other.predict(Z)))
        sample = random.permutation(len(Z))[:2000]
        found.append((float(np.mean(alike)), float(silhouette_score(Z[sample], fitted.labels_[sample])), fitted))
    best = max(stability for stability, _, _ in found)
    near = [entry for entry in found if entry[0] >= best - _NEARLY]
    return max(near, key=lambda entry: entry[1])[2]


def _kept(segmenter: Segmenter, centroids: Floats, before: Segmenter | None) -> dict[int, Segment]:
    """Which of the new centroids is which former segment: the matching of least distance, near ones only."""
    if before is None or before.features != segmenter.features or before.logged != segmenter.logged:
        return {}
    plain = np.array(before.centroids) * np.array(before.scale) + np.array(before.center)
    former = (plain - np.array(segmenter.center)) / np.array(segmenter.scale)
    distance = np.linalg.norm(centroids[:, None, :] - former[None], axis=2)
    pairs = zip(*linear_sum_assignment(distance), strict=True)
    return {int(new): before.segments[old] for new, old in pairs if distance[new, old] < _SAME}


def _words(catalog: Catalog, gain: Mapping[str, float], varied: Sequence[str]) -> dict[str, Words]:
    """The columns to tell customers apart by, and how the ends of each are called; given ones of more than two values."""
    found = {name: words for name, words in _WORDS.items() if name in catalog.names}
    if found:
        return found
    given = [f for f in catalog.features if f.family == "given" and f.unit != "category" and f.name in varied]
    for feature in sorted(given, key=lambda f: -gain[f.name])[:_MOST_GIVEN]:
        en, zh = feature.name.removeprefix("given_").replace("_", " "), feature.meaning_zh.partition("：")[2]
        found[feature.name] = (False, (f"high {en}", f"{zh}高"), (f"low {en}", f"{zh}低"))
    return found


def _names(words: Sequence[tuple[tuple[str, str], tuple[str, str]]], centroids: Floats) -> list[tuple[str, str]]:
    """Distinct names in both languages: the words of the columns that stand out most, as many as it takes."""
    ranked = [
        [words[j][0] if row[j] > 0 else words[j][1] for j in np.argsort(-np.abs(row), kind="stable")]
        for row in centroids
    ]
    found = []
    for k, mine in enumerate(ranked):
        count = 2
        while count < len(mine) and any(
            set(mine[:count]) == set(other[:count]) for i, other in enumerate(ranked) if i != k
        ):
            count += 1
        found.append((", ".join(en for en, _ in mine[:count]), "、".join(zh for _, zh in mine[:count])))
    return found
