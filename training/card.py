"""The model card: what the bundle predicts, from what, how well, and what it must not be used for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from features.catalog import Catalog
from features.checked import CheckedTables
from features.shop import Shop
from models.definition import ChurnDefinition
from models.segments import Segmenter
from training.judge import Judgment
from training.plan import Plan
from training.study import Study
from training.tune import Tuned


def model_card(
    shop: Shop, study: Study, checked: CheckedTables, catalog: Catalog, definition: ChurnDefinition,
    segmenter: Segmenter, judgment: Judgment, planned: Plan, tuned: Tuned,
) -> dict[str, Any]:  # fmt: skip
    """The card as plain data; aggregates only, nothing of any one customer."""
    found = judgment.as_dict("")
    del found["bundle"]
    return {
        "predicts": definition.told,
        "definition": asdict(definition),
        "shop": shop.name,
        "data": {
            "fingerprint": checked.fingerprint,
            "first_day": str(checked.first_day),
            "known_until": str(checked.known_until),
            "tables": {report.table: report.used for report in checked.reports},
            "quarantined": {report.table: report.quarantined for report in checked.reports},
        },
        "features": {"columns": len(catalog.features), "families": sorted({f.family for f in catalog.features})},
        "judged": found,
        "tuned": tuned.as_dict(),
        "refitted": f"The champion is fitted on {_all(planned)} as the judged models were on what was known before them: by"
        " settings found the same way, with a calibration of its own; it was not itself judged.",
        "segments": [asdict(segment) for segment in segmenter.segments],
        "study": study.model_dump(mode="json"),
        "intended_use": "Ordering and explaining retention work for existing customers of this shop.",
        "not_for": "Decisions on credit, prices, employment, insurance or anything with legal effect for a person.",
        "misuse": [
            "Taking the probability for a verdict on a person: of 100 customers it gives 40 %, 60 stay.",
            "Withholding service from those it holds lost, or raising prices for those it holds safe.",
            "Using it for another shop, another time or other customers than it was judged on.",
            "Reading reasons as causes: they say what the model looked at, not what would change if acted on.",
        ],
        "objections": [
            "Any customer may object to being profiled: set profiling_opt_out in the table customers. From the next run on"
            " they have no probability, reasons, segment or action, and the next training does not learn from them.",
            "Consent to be contacted is kept by channel in customers.consent, and the playbook heeds it.",
            "Whoever is to be forgotten is taken out of the tables: the next check, training and run know nothing of them."
            " Neither the bundle nor this card holds anything of any one person; the ledger's earlier runs do.",
        ],
        "limits": [
            *(
                ["Silence is not always leaving: some customers pause and come back."]
                if definition.is_of_silence
                else []
            ),
            *(
                []
                if planned.is_in_time
                else ["Judged on random fifths, not on later days: how it fares in time is not known."]
            ),
            "Effects of actions are assumptions of the playbook until control groups have measured them.",
            "Attributes of the customers table are taken as they are now, not as they were at the cut-off.",
            *_limits_of_value(judgment),
            *_limits_of_horizons(definition, planned),
        ],
    }


def _limits_of_value(judgment: Judgment) -> list[str]:
    if judgment.value is None:
        return ["Lifetime value assumes a constant chance of staying; what is spent was not at hand to judge it by."]
    days = judgment.value["days"]
    return [
        f"Lifetime value was judged over {days} days; beyond them spend is taken to go on as it did, and its interval to"
        " stay in proportion. Growth is not carried on, a changed season or assortment not foreseen.",
        "Lifetime value is spend, not margin.",
    ]


def _limits_of_horizons(definition: ChurnDefinition, planned: Plan) -> list[str]:
    if not planned.further:
        return []
    days, own = ", ".join(map(str, planned.further)), definition.horizon_days
    return [
        f"Over {days} days there are probabilities alone; bands, reasons, value and actions rest on {own} days. Each has a"
        f" model of its own, fitted with the settings found for {own} days. Where two horizons contradict each other, the one"
        " farther from these gives way."
    ]


def _all(planned: Plan) -> str:
    return f"all {len(planned.cutoffs)} matured cut-offs" if planned.is_in_time else "all rows"
