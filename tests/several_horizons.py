"""Churn definitions of every kind over 28 days, to be asked over other horizons too."""

from __future__ import annotations

from models.definition import ChurnDefinition

OWN = 28
DEFINITIONS = {
    "silence": ChurnDefinition("silence", OWN, 91),
    "contract": ChurnDefinition("contract", OWN, grace_days=14),
    "does": ChurnDefinition("event", OWN, 91, event_kinds=("cancel",)),
    "does not": ChurnDefinition("event", OWN, 91, event_kinds=("visit",), event="does_not"),
}
FALLING = {"silence", "does not"}
"""Those of which fewer leave the longer the horizon is."""
