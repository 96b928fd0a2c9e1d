"""Paper: pages that are one HTML file, with nothing from elsewhere and no script, in the look of the house."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

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
