"""Consent: who objects to being profiled, and by which channels a customer may be contacted.

`customers.consent` holds the allowed channels, in any names a shop uses, apart by commas, semicolons or blanks:
`email, sms`. One word may stand for all of them (ALL) or for none (NONE). Nothing at all means that the customer was
not asked, and forbids nothing. What an action needs is its `channel` in playbook.toml.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow.parquet as pq

from features.checked import CheckedTables

NONE = frozenset(
    """none no n not never nothing false 0 0.0 off out optout optedout noconsent refused denied declined withdrawn
    revoked unsubscribed except but nein keine keiner keines aucun aucune non ninguno ninguna nessuno nessuna geen nee
    nenhum 无 否 没有 拒绝 不同意""".split()  # noqa: SIM905 - a table of words reads better than a list
)
"""Words that forbid every channel, whatever stands beside them."""
ALL = frozenset(
    """all any every everything yes y true 1 1.0 on ja oui si sí sì sim alle tous toutes todo todos tutti
    是 全部 同意""".split()  # noqa: SIM905
)
"""Words that allow every channel, where nothing stands beside them."""


def same_channel(name: str) -> str:
    """A channel's name as it is compared: `E-Mail`, `e_mail` and `email` are one."""
    return re.sub(r"[\s_-]", "", name.casefold())


def channels_of(consent: str | None) -> frozenset[str] | None:
    """The channels that a consent allows, as `same_channel` writes them; None where all are, or nothing is said.

    What is given but names no channel (`-`, `[]`) allows none: in doubt nobody is contacted.
    """
    if consent is None or not consent.strip():
        return None
    words = frozenset(same_channel(word).strip(".") for word in re.findall(r"[\w.-]+", consent)) - {""}
    if words & NONE:
        return frozenset()
    return None if len(words) == 1 and words <= ALL else words


def opted_out(checked: CheckedTables) -> frozenset[str]:
    """The ids of the customers whose `profiling_opt_out` is set."""
    return frozenset(customer for customer, flag in _of_customers(checked, "profiling_opt_out") if flag == 1)


def allowed_channels(checked: CheckedTables) -> dict[str, frozenset[str]]:
    """The channels allowed by each customer whose consent leaves any out; who is not among them allows every channel."""
    stated = ((customer, channels_of(consent)) for customer, consent in _of_customers(checked, "consent"))
    return {customer: channels for customer, channels in stated if channels is not None}


def _of_customers(checked: CheckedTables, column: str) -> list[tuple[str, Any]]:
    """(customer id, value) of a column of the customers table; nothing where the shop does not map it."""
    if column not in checked.columns.get("customers", ()):
        return []
    table = pq.read_table(checked.path("customers"), columns=["customer_id", column])
    return list(zip(*(table.column(name).to_pylist() for name in ("customer_id", column)), strict=True))
