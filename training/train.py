"""The training job: tables to a judged, calibrated, explained bundle in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from features.behavior import catalog_of
from features.catalog import Catalog
from features.checked import CheckedTables
from features.console import Stopwatch, progress
from features.references import VectorReferences
from features.refusal import Refusal
from features.shop import Shop
from features.snapshot import day_number
from features.store import Store
from features.vectors import vectors
from models.bundle import Bundle
from models.churn import ChurnModel
from models.encode import encode
from models.habits import ValueColumn
from training.baselines import baselines_of
from training.card import model_card
from training.card_page import card_page
from training.champion import against_champion
from training.examine import examine
from training.fit_categories import fit_categories
from training.fit_churn import churn_model, fit_split
from training.fit_drift_reference import fit_drift_reference
from training.fit_horizons import fit_horizons, horizon_panels
from training.fit_interval import fit_interval
from training.fit_lifetime import fit_lifetime
from training.fit_next_purchase import fit_next_purchase, judge_next_purchase, rhythms
from training.fit_references import fit_references
from training.fit_relationship import fit_relationship
from training.fit_segments import fit_segments
from training.fit_vector_references import fit_vector_references
from training.foreknowledge import refuse_foreknowledge
from training.grade import beside_champion
from training.judge import Judgment, judge
from training.judge_horizons import judge_horizons
from training.labels import churn_labels
from training.names import require_attributes
from training.panel import Panel, build_panel
from training.plan import Plan, plan, require_both_kinds
from training.population import eligible_rows
from training.spending import KnownCustomers, known_customers
from training.study import Study, flat
from training.tune import Tuned, tune_plan
from training.value_column import value_column


@dataclass(frozen=True)
class Trained:
    """What one training gave: the bundle (id as registered), the judgment, the panel it rests on, and its settings."""

    bundle: Bundle
    judgment: Judgment
    panel: Panel
    tuned: Tuned


@dataclass(frozen=True)
class Prepared:
    """The plan and its panel, and what its vectors are made of: catalog, references, levels of each categorical column.

    `known` are the customers whose value is learned, eligible or not; `further` the panels of further horizons, by days.
    """

    plan: Plan
    panel: Panel
    further: Mapping[int, Panel]
    known: KnownCustomers
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
        HF104 where the study names what the shop has not; HF207 where nothing tells who churned; HF301 to HF303 where
        there is too little to learn from.
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
        known = known_customers(checked, table, X, labels, eligible, study.fit.seed)
        further = horizon_panels(checked, study.churn.meant, panel, planned, study.minimums)
        require_both_kinds(planned, panel, further)
    return Prepared(planned, panel, further, known, catalog, value, references, categories)


@threadpool_limits.wrap(limits=1)  # on a busy machine threads that wait for each other cost far more than they bring
def fit_bundle(
    shop: Shop, study: Study, checked: CheckedTables, store: Store | None, watch: Stopwatch,
    champion: Bundle | None = None,
) -> Trained:  # fmt: skip
    """Judge, beside the champion where there is one, then fit everything a bundle holds; nothing is registered.

    Raises
    ------
    Refusal
        As `prepare_panel`, and HF212 to HF215 of a column that knows who left.
    """
    require_attributes(checked, study.judge.slices)
    prepared = prepare_panel(shop, checked, study, store, watch)
    panel, catalog, categories = prepared.panel, prepared.catalog, prepared.categories
    planned, definition = prepared.plan, study.churn.meant
    with watch.step("leaks"):
        refuse_foreknowledge(checked, study, planned.cutoffs)
    with watch.step("tune"):
        tuned = tune_plan(panel, planned, catalog, study)
    with watch.step("judge"), progress("judging", len(planned.splits)) as done:
        fits = [found.settings for found in tuned[:-1]]
        judgment = judge(panel, planned.splits, catalog, fits, baselines_of(definition.kind), study.judge.profit, done)
        comparable = champion is not None and champion.definition == definition and judgment.is_in_time
        if champion is not None and comparable:  # of folds it has seen every label
            try:
                beside = against_champion(champion, checked, judgment.judged, store)
            except Refusal as refusal:  # these tables do not bring what it looks at
                beside = {"bundle": champion.id, "not_told": refusal.what}
            letter, because = beside_champion(judgment.grade, judgment.grade_because, beside)
            judgment = replace(judgment, against_champion=beside, grade=letter, grade_because=because)
    last = judgment.judged[-1]
    with watch.step("fit"):
        fitted = fit_split(panel, planned.final, catalog, tuned[-1].settings)
        model = churn_model(fitted, catalog, categories)
    further_models: Mapping[int, ChurnModel] = {}
    if planned.further:
        with watch.step("further horizons"):
            told = judge_horizons(definition, panel, prepared.further, planned, judgment.judged, catalog, fits[-1])
            judgment = replace(judgment, further_horizons=told)
            further_models = fit_horizons(prepared.further, planned, catalog, categories, tuned[-1].settings)
    with watch.step("interval"):
        interval = fit_interval(panel, catalog, tuned[-1].settings, fitted.platt.slope, study.interval.fits)
    with watch.step("segments"):
        newest = panel.X[panel.at(planned.cutoffs[-1])] if planned.is_in_time else panel.X
        segmenter = fit_segments(
            newest, catalog, model.gain(), study.segments, study.fit.seed, champion.segmenter if champion else None
        )
    base_rate = float(np.mean([j.churned.mean() for j in judgment.judged]))
    with watch.step("drift reference"):
        settled = day_number(checked.first_day) + study.vectors.memory_days
        drift_reference = fit_drift_reference(panel, judgment, catalog, model, settled, study.fit.seed)
    value = prepared.value
    with watch.step("value"):
        lifetime, valued = fit_lifetime(checked, planned, panel, prepared.known, judgment.judged, catalog, value, study)
        seen = rhythms(checked, prepared.known, catalog.names) if planned.is_in_time else None
        next_purchase = fit_next_purchase(seen, checked.known_until) if seen else None
        if valued:
            on_time = judge_next_purchase(seen, planned.splits, checked.known_until) if seen else {}
            judgment = replace(judgment, value={**valued.as_dict(), "total": lifetime.total, "next_purchase": on_time})
    bundle = Bundle(
        definition=definition,
        memory_days=study.vectors.memory_days,
        trained_until=planned.cutoffs[-1],
        catalog=catalog,
        model=model,
        segmenter=segmenter,
        relationship=fit_relationship(last, catalog.names, value, study),
        lifetime=lifetime,
        next_purchase=next_purchase,
        value=value,
        references=fit_references(catalog, model, panel.X, last, base_rate, study),
        vector_references=prepared.references,
        interval=interval,
        drift_reference=drift_reference,
        further_horizons=further_models,
    )
    with watch.step("examine"):
        further = examine(shop, study, checked, bundle, judgment, panel, planned, fits[-1])
        judgment = replace(judgment, further=further)
    card = model_card(shop, study, checked, catalog, definition, segmenter, judgment, planned, tuned[-1])
    bundle = replace(bundle, card=card)
    bundle = replace(bundle, card_page=card_page(bundle))
    return Trained(bundle, judgment, panel, tuned[-1])


def register(shop: Shop, study: Study, checked: CheckedTables, store: Store, trained: Trained, watch: Stopwatch) -> str:
    """Log the run with plots and bundle, register it as challenger; the bundle's id."""
    with watch.step("import mlflow"):
        from training import plots
        from training.registry import Registry
    with watch.step("plots"):
        rows = np.random.default_rng(study.fit.seed).permutation(len(trained.panel.X))[:1500]
        figures = {
            "lift_and_gains": plots.lift_and_gains(trained.judgment.curves["gains"]),
            "reliability": plots.reliability(trained.judgment.curves["reliability"]),
            "reasons": plots.reasons_beeswarm(trained.bundle.model, trained.bundle.catalog, trained.panel.X[rows]),
            "segments": plots.segments_map(trained.bundle.segmenter),
        }
    with watch.step("register"):
        judgment = trained.judgment.as_dict("")
        bundle_id = Registry(store).register(
            shop.name, trained.bundle, _parameters(study, trained.tuned), _metrics(judgment), judgment, figures,
            {"data_fingerprint": checked.fingerprint, "catalog_fingerprint": trained.bundle.catalog.fingerprint,
             "grade": judgment["grade"], "known_until": str(checked.known_until)},
        )  # fmt: skip
        plots.plt.close("all")
    return bundle_id


def _parameters(study: Study, tuned: Tuned) -> dict[str, Any]:
    """The study as it was asked, and what was found and fitted with under `tuned`."""
    return flat(study.model_dump(mode="json")) | flat({"tuned": tuned.as_dict()})


def _metrics(judgment: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    for model, measures in judgment["models"].items():
        for measure, values in measures.items():
            found[f"{model}.{measure}"] = values["value"]
    for other, differences in judgment["paired"].items():
        for name, values in differences.items():
            found[f"against_{other}.{name}"] = values["value"]
    for horizon in judgment["further_horizons"]:
        for measure, values in horizon["measures"].items():
            found[f"over_{horizon['horizon_days']}_days.{measure}"] = values["value"]
    value = judgment["value"] or {"models": {}, "chosen": ""}
    for model, measures in value["models"].items():
        for measure, values in measures.items():
            found[f"value.{model}.{measure}"] = values["value"]
    if value["chosen"]:
        kept = value["models"][value["chosen"]]
        found |= {f"value.{measure}": values["value"] for measure, values in kept.items()}
        found |= {f"value.coverage_{where}": share for where, share in value["coverage"].items()}
    return found
