"""Consent: what a customer has allowed is read alike however a shop writes it, and in doubt nobody is contacted."""

from __future__ import annotations

from pathlib import Path

import pytest
from by_hand import checked_by_hand
from hypothesis import given
from hypothesis import strategies as st

from features.consent import ALL, NONE, allowed_channels, channels_of, opted_out, same_channel


@pytest.mark.parametrize(
    ("consent", "channels"),
    [
        (None, None), ("", None), ("  ", None), ("yes", None), ("TRUE", None), ("1.0", None), ("alle", None), ("是", None),
        ("email", {"email"}), ("Email; SMS", {"email", "sms"}), ("email phone", {"email", "phone"}),
        ("E-Mail, e_mail,email", {"email"}), ("['email', 'sms']", {"email", "sms"}), ("邮件、短信", {"邮件", "短信"}),
        ("yes, email", {"yes", "email"}),
        ("none", set()), ("No", set()), ("false", set()), ("0", set()), ("0.0", set()), ("nein", set()), ("aucun", set()),
        ("无", set()), ("opt-out", set()), ("do not contact", set()), ("no email", set()), ("all except email", set()),
        ("-", set()), ("[]", set()), ("n/a", set()),
    ],
)  # fmt: skip
def test_a_consent_is_taken_at_its_word(consent: str | None, channels: set[str] | None) -> None:
    assert channels == channels_of(consent)


names = st.sampled_from(["email", "sms", "phone", "mail", "post", "WeChat", "e-mail", "短信"])


@given(st.lists(names, min_size=1, max_size=5), st.sampled_from([",", ";", " ", ", ", " ; ", "，", "、"]), st.randoms())
def test_order_case_repeats_and_what_lies_between_change_nothing(channels: list[str], between: str, random) -> None:
    turned = [name.swapcase() for name in channels] * 2
    random.shuffle(turned)

    assert (
        frozenset(map(same_channel, channels)) == channels_of(between.join(channels)) == channels_of(" ".join(turned))
    )


@given(st.lists(names, max_size=4), st.sampled_from(sorted(NONE)), st.integers(0, 4))
def test_a_word_that_forbids_is_never_outvoted(channels: list[str], word: str, place: int) -> None:
    assert channels_of(", ".join([*channels[:place], word, *channels[place:]])) == frozenset()


def test_no_word_both_allows_and_forbids() -> None:
    assert not NONE & ALL
    assert all(word == same_channel(word) for word in NONE | ALL)


def test_of_a_shops_customers_those_are_named_who_left_a_channel_out(tmp_path: Path) -> None:
    said = {"all": "yes", "unasked": None, "email": "email", "nobody": "none"}
    rows = [{"customer_id": customer, "consent": consent} for customer, consent in said.items()]
    checked = checked_by_hand(tmp_path, {"customers": [*rows, {"customer_id": "objects", "profiling_opt_out": 1}]})

    assert {"email": frozenset({"email"}), "nobody": frozenset()} == allowed_channels(checked)
    assert {"objects"} == opted_out(checked)
