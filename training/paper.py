"""Paper: pages that are one HTML file, with nothing from elsewhere and no script, in the look of the house."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from features.store import written_whole

_PAGES = Path(__file__).parent / "pages"


def rendered(template: str, **content: Any) -> str:
    """The HTML of a template of training/pages; whatever the content holds is shown as text."""
    pages = Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template(template).render(**content)


def write_page(path: Path, template: str, **content: Any) -> None:
    """Write such a page; what was there goes on until the new one is whole."""
    text = rendered(template, **content)
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8")
