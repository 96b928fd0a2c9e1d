"""The page for people who open the service in a browser."""

from __future__ import annotations


def page() -> str:
    """HTML that says what this is and where to look."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Holdfast</title><h1>Holdfast</h1>'
        "<p>Who is leaving, why, and what to do about it.</p>"
        "<p>Programs find every address in <code>/openapi.json</code> (an API key is needed).</p></html>"
    )
