"""The playbook: the one that init writes is sound, and mistakes are told by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.refusal import Refusal
from models.playbook import read_playbook

DEFAULT = (Path(__file__).parents[1] / "models" / "playbook.toml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    (folder / "playbook.toml").write_text(text, encoding="utf-8")
    return folder


def test_the_default_playbook_answers_every_tier(tmp_path: Path) -> None:
    found = read_playbook(written(tmp_path, DEFAULT))

    assert {"key_top", "key", "ordinary", "small"} == {tier for action in found.actions for tier in action.tiers}
    assert 0.02 <= found.control.universal_share <= 0.05


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "margin_share",
            "margin_shar",
            r"HF103 playbook.toml: unknown key 'value.margin_shar'. Did you mean 'margin_share'",
        ),
        ("cost = 8.0", "price = 8.0", r"HF103 playbook.toml: unknown key 'actions.0.price'"),
        (
            '"going_quiet", "price"',
            '"going_quite"',
            r"HF104 .* unknown driver 'going_quite'. Did you mean 'going_quiet'\? Mend it",
        ),
        ("[0.08, 0.18, 0.30]", "[0.3, 0.18, 0.08]", r"HF104 .* must be \[low, likely, high\]"),
        ('"miss_you_message"', '"price_offer"', r"HF104 .* action name 'price_offer' is taken"),
        (
            '["key_top", "key"]',
            '["vip"]',
            r"HF104 playbook.toml: actions.0.tiers.0 is 'vip'; should be 'key_top'",
        ),
        ("per_run = 2500.0", "per_run = -1", r"HF104 playbook.toml: budget.per_run is -1"),
        ('channel = "email"', 'channel = "e mail"', r"HF104 playbook.toml: actions.2.channel is 'e mail'"),
        ('channel = "email"', 'channel = "none"', r"HF104 .* it must name one channel, like email; leave it out"),
    ],
)
def test_a_mistake_is_told_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in DEFAULT
    with pytest.raises(Refusal, match=message):
        read_playbook(written(tmp_path, DEFAULT.replace(old, new, 1)))
