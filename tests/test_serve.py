"""`holdfast serve` says before it starts what would keep it from being reached."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from by_hand import TinyShop, purchases

from features.refusal import Refusal
from serving.commands import serve

ROOT = Path(__file__).parents[1]


def test_a_port_that_is_taken_is_refused_by_its_number_with_another_to_choose(tiny_shop: TinyShop) -> None:
    shop = tiny_shop(purchases()).folder
    shutil.copy(ROOT / "models" / "playbook.toml", shop)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            Refusal, match=rf"HF108 port {port} of 127\.0\.0\.1 .* in use\. .* --port {port % 65535 + 1}$"
        ):
            serve(shop, port)
    with pytest.raises(Refusal, match="HF401"):  # free again, it goes on to ask for a bundle
        serve(shop, port)


def test_an_address_that_is_none_of_this_machines_is_refused(tiny_shop: TinyShop) -> None:
    shop = tiny_shop(purchases()).folder
    shutil.copy(ROOT / "models" / "playbook.toml", shop)

    with pytest.raises(Refusal, match=r"HF108 port 3000 of 192\.0\.2\.1 cannot be listened on"):
        serve(shop, 3000, "192.0.2.1")
