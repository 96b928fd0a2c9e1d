"""Telling: a stored answer in the language of whoever reads it, whatever language the run was scored in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from features.catalog import DRIVERS, Feature
from models.bundle import Bundle
from models.decide import CONSIDERED, NO_ACTION_REASONS
from models.reasons import Explainer, ReasonFeature
from models.runs import ScoreRun
from models.score import explainer
from serving.speech import Speech


@dataclass(frozen=True)
class FeatureTold:
    """A column behind a reason in words: what it is, the customer's value, what is usual ("" where that is unknown)."""

    meaning: str
    value: str
    usual: str


@dataclass(frozen=True)
class Teller:
    """Says what answers hold by code: sentences, segments, actions, whys.

    Attributes
    ----------
    bundle
        The one that scored the run, or None where it is gone: sentences are then told as they were stored.
    """

    run: ScoreRun
    speech: Speech
    bundle: Bundle | None

    @cached_property
    def explainer(self) -> Explainer | None:
        """What says a value or a sentence in the reader's language; None where the bundle is gone."""
        return explainer(self.bundle, self.speech.language, self.run.currency) if self.bundle else None

    @cached_property
    def _features(self) -> Mapping[str, Feature]:
        return self.bundle.catalog.by_name if self.bundle else {}

    def driver(self, name: str) -> str:
        return str(getattr(DRIVERS[name], self.speech.language)) if name in DRIVERS else name

    def sentence(self, reason: Mapping[str, Any]) -> str:
        """A reason's sentence: stored in the run's language, else said anew of its first feature."""
        first = next(iter(reason["features"]), None)
        feature = self._features.get(first["name"]) if first else None
        if self.speech.language == self.run.language or self.explainer is None or feature is None or first is None:
            return str(reason["sentence"])
        return self.explainer.sentence(
            feature, ReasonFeature(first["name"], first["value"], first["usual"], first["push"])
        )

    def features(self, reason: Mapping[str, Any]) -> list[FeatureTold]:
        """The columns behind a reason, as far as the bundle that knows them is there."""
        told = []
        for shown in reason["features"]:
            feature = self._features.get(shown["name"])
            if feature is not None and self.explainer is not None:
                usual = shown["usual"]
                spoken = self.explainer.spoken
                unknown = self.speech.text("not known")
                told.append(
                    FeatureTold(
                        self.meaning(feature),
                        unknown if shown["value"] is None else spoken(shown["value"], feature.unit),
                        "" if usual is None else spoken(usual, feature.unit),
                    )
                )
        return told

    def meaning(self, feature: Feature) -> str:
        return feature.meaning_zh if self.speech.language == "zh" else feature.meaning

    def segment(self, answer: Mapping[str, Any]) -> str:
        """The name of an answer's segment; "" for who has none."""
        segment = answer["segment"]
        return self.segment_name(segment["id"], segment["name"]) if segment else ""

    def segment_name(self, segment_id: str, otherwise: str = "") -> str:
        names = self.run.labels.get("segments", {}).get(segment_id, {})
        return str(names.get(self.speech.language) or otherwise or segment_id)

    def action(self, name: str) -> str:
        """What an action is called in the playbook that the run followed."""
        if name == "no_action":
            return self.speech.text("No action")
        return str(self.run.labels.get("actions", {}).get(name, {}).get(self.speech.language) or name)

    def why_not(self, code: str) -> str:
        """Why there is no action."""
        return self._either(NO_ACTION_REASONS, code)

    def verdict(self, code: str) -> str:
        """What became of an action that was considered."""
        return self._either(CONSIDERED, code)

    def _either(self, texts: Mapping[str, tuple[str, str]], code: str) -> str:
        text = texts[code][self.speech.language == "zh"] if code in texts else code
        return text[:1].upper() + text[1:]

    def decided(self, answer: Mapping[str, Any]) -> str:
        """The decision in a few words: the action, or that there is none and why."""
        decision = answer["decision"]
        if decision["action"] != "no_action":
            return self.action(decision["action"])
        if decision["withheld"]:
            return self.speech.text("%(action)s, held back for comparison", action=self.action(decision["withheld"]))
        return self.why_not(decision["why_not"])
