"""The preview of labels as a page: one HTML file that needs nothing else, for those who choose a horizon."""

from __future__ import annotations

from pathlib import Path

from training.label_preview import LabelPreview, interval_of
from training.paper import write_page
from training.picture import HEIGHT, Mark, Picture, bars_of, words_of


def write_label_page(path: Path, found: LabelPreview) -> None:
    """Write the page; what was there goes on until the new one is whole."""
    write_page(path, "label.html", found=found, pictures=pictures(found), interval_of=interval_of)


def pictures(found: LabelPreview) -> tuple[Picture, ...]:
    """Who churned by cut-off, and by horizon with those who come back; those there are."""
    drawn = [_by_cutoff(found)] if any(count.churn_share is not None for count in found.cutoffs) else []
    return (*drawn, _by_horizon(found)) if found.horizons else tuple(drawn)


def _by_cutoff(found: LabelPreview) -> Picture:
    known = [count for count in found.cutoffs if count.churn_share is not None]
    shares = [count.churn_share or 0.0 for count in known]
    intervals = [interval_of(count) for count in known]
    labels = [
        f"{count.cutoff}: {count.churned:,} of {count.eligible:,} churned, {share:.1%}"
        for count, share in zip(known, shares, strict=True)
    ]
    mean = sum(shares) / len(shares)
    top = max(high for _, high in filter(None, intervals))
    return Picture(
        "Share that churned, by cut-off",
        f"Of those eligible at a cut-off between {min(shares):.1%} and {max(shares):.1%} churned within"
        f" {found.definition.horizon_days} days. The stroke over a bar is its 95% interval.",
        bars_of(shares, labels, intervals=intervals),
        words_of([f"{count.cutoff:%d %b %y}" for count in known], 7),
        across=(Mark(round(HEIGHT - mean / top * HEIGHT, 2), f"mean: {mean:.1%}"),),
    )  # fmt: skip


def _by_horizon(found: LabelPreview) -> Picture:
    shares = [one.churn_share for one in found.horizons]
    back = [one.back_within_active for one in found.horizons]
    days = found.definition.active_within_days
    labels = [f"{one.horizon_days} days: {one.churn_share:.1%} churned" for one in found.horizons]
    labels = [
        label if of is None else f"{label}, {of:.0%} of them back within {days} more"
        for label, of in zip(labels, back, strict=True)
    ]
    said = "Over all cut-offs at which the horizon's labels are known."
    if any(of is not None for of in back):
        said += f" The darker part came back within {days} more days, where that is known: they had only paused."
    return Picture(
        "Share that churned, by horizon", said, bars_of(shares, labels, [of or 0.0 for of in back]),
        words_of([f"{one.horizon_days} days: {one.churn_share:.1%}" for one in found.horizons], len(shares)),
    )  # fmt: skip
