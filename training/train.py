"""The training job: tables to a judged, calibrated, explained bundle in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from features.behavior import catalog_of
from features.catalog import Catalog
from features.checked import CheckedTables
from features.console import Stopwatch, progress
from features.references import VectorReferences
from features.shop import Shop
from features.store import Store
from features.vectors import vectors
from models.bundle import Bundle
from models.encode import encode
from models.habits import ValueColumn
from training.baselines import baselines_of
from training.card import model_card
from training.champion import against_champion
from training.fit_categories import fit_categories
from training.fit_churn import fit_champion, fit_split
from training.fit_segments import fit_segments
from training.fit_value import fit_lifetime, fit_references, fit_relationship, value_column
from training.fit_vector_references import fit_vector_references
from training.judge import Judgment, judge
from training.labels import churn_labels
from training.panel import Panel, build_panel
from training.plan import Plan, plan
from training.population import eligible_rows
from training.study import Study, flat


@dataclass(frozen=True)
class Trained:
    """What one training gave: the bundle (id as registered), the judgment, and the panel it rests on."""

    bundle: Bundle
    judgment: Judgment
    panel: Panel


@dataclass(frozen=True)
class Prepared:
    """The plan and its panel, and what its vectors are made of: catalog, references, levels of each categorical column."""

    plan: Plan
    panel: Panel
    catalog: Catalog
    value: ValueColumn
    references: VectorReferences
    categories: Mapping[str, tuple[str, ...]]


def prepare_panel(shop: Shop, checked: CheckedTables, study: Study, store: Store | None, watch: Stopwatch) -> Prepared:
    """Vectors and labels at every cut-off of the plan.

    The references are those of the first judged cut-off, so that nothing judged took part in them. The levels are
    those seen at the earliest cut-off and later ones alike: they name values, and tell nothing of the label.

    Raises
    ------
    Refusal
        HF207 where nothing tells who churned; HF301 to HF303 where there is too little to learn from.
    """
    memory_days, threads = study.vectors.memory_days, study.vectors.threads
    planned = plan(checked, study)
    with watch.step("references"):
        references = fit_vector_references(checked, planned.first_judged, memory_days, study.fit.seed, threads)
    catalog = study.churn.meant.in_catalog(catalog_of(shop, checked, references)).learnable
    value = value_column(catalog, study)
    with watch.step("vectors"):
        table = vectors(checked, catalog, planned.cutoffs, memory_days, store, threads, references)
    with watch.step("labels"):
        categories = fit_categories(catalog, table)
        X = encode(table, catalog.names, categories)
        labels = churn_labels(checked, table, study.churn.meant)
        eligible = eligible_rows(checked, table, X, catalog.names, study)
        panel = build_panel(table, X, labels, eligible, study.minimums, study.fit.seed, planned.is_in_time)
    return Prepared(planned, panel, catalog, value, references, categories)


def fit_bundle(
    shop: Shop, study: Study, checked: CheckedTables, store: Store | None, watch: Stopwatch,
    champion: Bundle | None = None,
) -> Trained:  # fmt: skip
    """Judge, beside the champion where there is one, then fit everything a bundle holds; nothing is registered."""
    prepared = prepare_panel(shop, checked, study, store, watch)
    panel, catalog, categories = prepared.panel, prepared.catalog, prepared.categories
    planned, definition = prepared.plan, study.churn.meant
    with watch.step("judge"), progress("judging", len(planned.splits)) as done:
        judgment = judge(panel, planned.splits, catalog, study.fit, baselines_of(definition.kind), done)
        comparable = champion is not None and champion.definition == definition and judgment.is_in_time
        if champion is not None and comparable:  # of folds it has seen every label
            beside = against_champion(champion, checked, judgment.judged, store)
            judgment = replace(judgment, against_champion=beside)
    last = judgment.judged[-1]
    with watch.step("fit"):
        _, platt = fit_split(panel, planned.final, catalog, study.fit)
        model = fit_champion(panel, platt, catalog, categories, study.fit)
    with watch.step("segments"):
        newest = panel.X[panel.at(planned.cutoffs[-1])]
        segmenter = fit_segments(
            newest, catalog, model.gain(), study.segments, study.fit.seed, champion.segmenter if champion else None
        )
    base_rate = float(np.mean([j.churned.mean() for j in judgment.judged]))
    value = prepared.value
    lifetime = fit_lifetime(judgment.judged, catalog.names, value, study)
    bundle = Bundle(
        definition=definition,
        memory_days=study.vectors.memory_days,
        trained_until=planned.cutoffs[-1],
        catalog=catalog,
        model=model,
        segmenter=segmenter,
        relationship=fit_relationship(last, catalog.names, value, study),
        lifetime=lifetime,
        value=value,
        references=fit_references(catalog, model, panel.X, last, base_rate, study),
        vector_references=prepared.references,
        card=model_card(shop, study, checked, catalog, definition, segmenter, judgment, planned),
    )
    return Trained(bundle, judgment, panel)


def register(shop: Shop, study: Study, checked: CheckedTables, store: Store, trained: Trained, watch: Stopwatch) -> str:
    """Log the run with plots and bundle, register it as challenger; the bundle's id."""
    with watch.step("import mlflow"):
        from training import plots
        from training.registry import Registry
    with watch.step("plots"):
        rows = np.random.default_rng(study.fit.seed).permutation(len(trained.panel.X))[:1500]
        figures = {
            "lift_and_gains": plots.lift_and_gains(trained.judgment.judged),
            "reliability": plots.reliability(trained.judgment.judged),
            "reasons": plots.reasons_beeswarm(trained.bundle.model, trained.bundle.catalog, trained.panel.X[rows]),
            "segments": plots.segments_map(trained.bundle.segmenter),
        }
    with watch.step("register"):
        judgment = trained.judgment.as_dict("")
        bundle_id = Registry(store).register(
            shop.name, trained.bundle, flat(study.model_dump(mode="json")), _metrics(judgment), judgment, figures,
            {"data_fingerprint": checked.fingerprint, "catalog_fingerprint": trained.bundle.catalog.fingerprint,
             "grade": judgment["grade"], "known_until": str(checked.known_until)},
        )  # fmt: skip
        plots.plt.close("all")
    return bundle_id


def _metrics(judgment: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for model, measures in judgment["models"].items():
        for measure, values in measures.items():
            found[f"{model}.{measure}"] = values["value"]
    for other, differences in judgment["paired"].items():
        for name, values in differences.items():
            found[f"against_{other}.{name}"] = values["value"]
    return found
