"""A bundle: everything needed to score, fitted together and versioned together, as plain data.

    bundle/  bundle.json   definition, catalog, categories, references, segments, relationship, value, golden rows
             model.txt     the calibrated LightGBM model
             model_56_days.txt        the same over a further horizon; one for each that the study asks for
             value.txt     the LightGBM model of expected spend; absent where another is used
             vector_references.json   what the vectors need to know of others; absent where they need nothing
             interval.txt  how sure each probability is; absent in bundles of older versions
             drift_reference.json     what the shop looked like then; absent in bundles of older versions
             card.json     how it was judged
             card.html     the same as a page for people; absent in bundles of an older Holdfast
             sums.json     SHA-256 of the other files, checked before anything is parsed

Nothing is unpickled. A malformed model text can abort the process, so a bundle is first loaded in a child
process (`python -m models.bundle DIR`) when it is published.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lightgbm.basic import LightGBMError

from features.catalog import Catalog
from features.checked import CheckedTables
from features.references import VectorReferences
from features.refusal import Refusal
from features.store import Store
from features.vectors import vectors
from models.churn import ChurnModel
from models.definition import ChurnDefinition
from models.drift_reference import DriftReference
from models.habits import ValueColumn
from models.interval import IntervalModel
from models.lifetime import LifetimeModel
from models.next_purchase import NextPurchase
from models.relationship import Relationship
from models.segments import Segmenter

FORMAT = 4
_FILES = ("bundle.json", "card.json", "model.txt")
_VECTOR_REFERENCES = "vector_references.json"
_INTERVAL = "interval.txt"
_DRIFT_REFERENCE = "drift_reference.json"
_CARD_PAGE = "card.html"
_VALUE = "value.txt"
_FURTHER = (_VECTOR_REFERENCES, _INTERVAL, _VALUE, _DRIFT_REFERENCE, _CARD_PAGE)
"""Files that a bundle may lack."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class References:
    """What a score needs to know of others, fitted in training.

    Attributes
    ----------
    typical
        Median of each numeric column among eligible customers.
    probability_quantiles
        101 quantiles of the probability among eligible customers, for percentiles.
    band_edges
        Probabilities from which the risk is medium and high.
    base_rate
        Mean over the judged cut-offs of the share of churners; folds are judged as one.
    direction
        Of a numeric column 1 where higher values push towards leaving, -1 where lower ones do.
    """

    typical: Mapping[str, float]
    probability_quantiles: tuple[float, ...]
    band_edges: tuple[float, float]
    base_rate: float
    direction: Mapping[str, float] = field(default_factory=dict)

    def percentile(self, probability: Floats) -> Floats:
        """Share of customers at lower risk, in [0, 1], shape as given."""
        grid = np.linspace(0, 1, len(self.probability_quantiles))
        return np.interp(probability, self.probability_quantiles, grid)

    def band(self, probability: Floats) -> npt.NDArray[np.str_]:
        """low, medium or high, shape as given."""
        return np.array(["low", "medium", "high"])[np.searchsorted(self.band_edges, probability, side="right")]


@dataclass(frozen=True)
class Bundle:
    """Loaded and verified; immutable.

    Attributes
    ----------
    further_horizons
        By days the model of each horizon that is told besides `definition.horizon_days`; none where no other was asked
        for. Their probabilities are told through `models.horizons.in_order`.
    """

    definition: ChurnDefinition
    memory_days: int
    trained_until: date
    catalog: Catalog
    model: ChurnModel
    segmenter: Segmenter
    relationship: Relationship
    lifetime: LifetimeModel
    references: References
    next_purchase: NextPurchase | None = None
    value: ValueColumn = field(default_factory=ValueColumn)
    vector_references: VectorReferences | None = None
    interval: IntervalModel | None = None
    drift_reference: DriftReference | None = None
    card: Mapping[str, Any] = field(default_factory=dict)
    card_page: str = field(default="", repr=False)
    id: str = "churn/unregistered"
    further_horizons: Mapping[int, ChurnModel] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"<Bundle {self.id}: {self.definition.kind} churn within {self.definition.horizon_days} days,"
            f" {len(self.catalog.features)} columns, trained on what was known until {self.trained_until}>"
        )

    def vectors(self, checked: CheckedTables, cutoffs: Sequence[date], store: Store | None = None) -> pa.Table:
        """The vectors that this bundle scores: its columns, its memory, its references (see `features.vectors`)."""
        return vectors(checked, self.catalog, cutoffs, self.memory_days, store, references=self.vector_references)

    def write(self, folder: Path) -> None:
        """Write the bundle's files into `folder`, which must not exist."""
        folder.mkdir(parents=True)
        (folder / "model.txt").write_bytes(self.model.text.encode())
        content = {
            "format": FORMAT,
            "definition": asdict(self.definition),
            "memory_days": self.memory_days,
            "trained_until": self.trained_until.isoformat(),
            "catalog": self.catalog.as_dict(),
            "categories": {name: list(levels) for name, levels in self.model.categories.items()},
            "segmenter": self.segmenter.as_dict(),
            "relationship": self.relationship.as_dict(),
            "lifetime": self.lifetime.as_dict(),
            "next_purchase": self.next_purchase.as_dict() if self.next_purchase else None,
            "value": asdict(self.value),
            "references": asdict(self.references),
            "golden": self._golden(),
        }
        if self.further_horizons:
            content["further_horizons_days"] = list(self.further_horizons)
        (folder / "bundle.json").write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        (folder / "card.json").write_text(json.dumps(self.card, indent=1, default=str), encoding="utf-8")
        names = [*_FILES]
        further = {
            _VECTOR_REFERENCES: _as_text(self.vector_references),
            _INTERVAL: self.interval.text if self.interval else "",
            _VALUE: self.lifetime.spend.text,
            _DRIFT_REFERENCE: _as_text(self.drift_reference),
            _CARD_PAGE: self.card_page,
            **{_model_file(days): model.text for days, model in self.further_horizons.items()},
        }
        for name in (name for name, text in further.items() if text):
            names.append(name)
            (folder / name).write_bytes(further[name].encode())
        sums = {name: _sha256(folder / name) for name in names}
        (folder / "sums.json").write_text(json.dumps(sums, indent=1))

    def _golden(self) -> dict[str, Any]:
        """Made-up rows with the answers they must give: all missing, all zero, all typical."""
        typical = [self.references.typical.get(name, 0.0) for name in self.model.features]
        X = np.array([[np.nan] * len(typical), [0.0] * len(typical), typical])
        rows = [[None if np.isnan(x) else float(x) for x in row] for row in X]
        golden: dict[str, Any] = {"rows": rows, "probabilities": self.model.probability(X).tolist()}
        if self.further_horizons:
            further = self.further_horizons.items()
            golden["further_horizons"] = {str(days): model.probability(X).tolist() for days, model in further}
        return golden


def load_bundle(folder: Path, bundle_id: str = "churn/unregistered") -> Bundle:
    """The bundle in `folder`, every file's checksum and the golden answers verified.

    Raises
    ------
    Refusal
        HF402 where a file is absent, altered or answers differently; HF403 for a format of a newer Holdfast.
    """
    try:
        sums = json.loads((folder / "sums.json").read_text())
        for name in {*_FILES, *sums}:
            if _sha256(folder / name) != sums[name]:
                raise Refusal("HF402", f"{folder}: {name} is not what was published.", "Publish the bundle again.")
        content = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        names = (*_FURTHER, *map(_model_file, content.get("further_horizons_days", ())))
        further = {name: (folder / name).read_bytes().decode() for name in names if name in sums}
        if content["format"] > FORMAT:
            raise Refusal(
                "HF403", f"{folder} has format {content['format']}; this Holdfast reads up to {FORMAT}.",
                "Update Holdfast.",
            )  # fmt: skip
        return _verified(folder, content, further, card, bundle_id)
    except KeyError as error:
        raise Refusal("HF402", f"{folder}: {error} is missing.", "Publish the bundle again.") from None
    except (OSError, ValueError, TypeError, AttributeError, LightGBMError) as error:
        raise Refusal("HF402", f"{folder}: {error}.", "Publish the bundle again.") from None


def card_of(folder: Path) -> dict[str, Any]:
    """The card of the bundle in `folder`, without loading the model; empty where there is none that can be read."""
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def _verified(
    folder: Path, content: Mapping[str, Any], further: Mapping[str, str], card: Mapping[str, Any], bundle_id: str
) -> Bundle:
    of_others, of_shop = further.get(_VECTOR_REFERENCES), further.get(_DRIFT_REFERENCE)
    catalog = Catalog.from_dict(content["catalog"])
    categories = {name: tuple(levels) for name, levels in content["categories"].items()}
    bundle = Bundle(
        definition=ChurnDefinition.from_dict(content["definition"]),
        memory_days=content["memory_days"],
        trained_until=date.fromisoformat(content["trained_until"]),
        catalog=catalog,
        model=ChurnModel((folder / "model.txt").read_bytes().decode(), catalog.names, categories),
        segmenter=Segmenter.from_dict(content["segmenter"]),
        relationship=Relationship.from_dict(content["relationship"]),
        lifetime=LifetimeModel.from_dict(content["lifetime"], further.get(_VALUE, "")),
        next_purchase=NextPurchase.from_dict(content["next_purchase"]) if content.get("next_purchase") else None,
        value=ValueColumn(**content.get("value", {})),
        references=References(
            content["references"]["typical"],
            tuple(content["references"]["probability_quantiles"]),
            tuple(content["references"]["band_edges"]),
            content["references"]["base_rate"],
            content["references"].get("direction", {}),
        ),
        vector_references=VectorReferences.from_dict(json.loads(of_others)) if of_others else None,
        interval=IntervalModel(further[_INTERVAL], catalog.names) if _INTERVAL in further else None,
        drift_reference=DriftReference.from_dict(json.loads(of_shop)) if of_shop else None,
        card=card,
        card_page=further.get(_CARD_PAGE, ""),
        id=bundle_id,
        further_horizons={
            days: ChurnModel(further[_model_file(days)], catalog.names, categories)
            for days in content.get("further_horizons_days", ())
        },
    )
    golden = content["golden"]
    rows = np.array(golden["rows"], dtype=float)
    answers = [(bundle.model, golden["probabilities"])]
    answers += [(model, golden["further_horizons"][str(days)]) for days, model in bundle.further_horizons.items()]
    if not all(np.allclose(model.probability(rows), known, rtol=0, atol=1e-9) for model, known in answers):
        raise Refusal("HF402", f"{folder}: the model answers its golden rows differently.", "Publish it again.")
    return bundle


def _model_file(horizon_days: int) -> str:
    """The file of a further horizon's model."""
    return f"model_{int(horizon_days)}_days.txt"


def _as_text(reference: VectorReferences | DriftReference | None) -> str:
    return json.dumps(reference.as_dict(), ensure_ascii=False) if reference else ""


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    try:
        load_bundle(Path(sys.argv[1]))
    except Refusal as refusal:
        sys.exit(str(refusal))
