"""A refusal is read by a person: its sentences end once, whatever they quote."""

from __future__ import annotations

import pytest

from features.refusal import Refusal


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("driver is 'pric'. Did you mean 'price'?.", "driver is 'pric'. Did you mean 'price'?"),
        ("`from` cannot be read: there is no table orders!.", "`from` cannot be read: there is no table orders!"),
        ("the server says: not today..", "the server says: not today."),
        ("is it there?. It is not.", "is it there? It is not."),
        ("rows are bad ... all of them.", "rows are bad ... all of them."),
        ("a?.csv and ../b.csv are absent.", "a?.csv and ../b.csv are absent."),
    ],
)
def test_a_sentence_that_is_quoted_ends_once(what: str, told: str) -> None:
    refusal = Refusal("HF104", what, "Mend it.")

    assert (told, f"HF104 {told} Mend it.") == (refusal.what, str(refusal))
