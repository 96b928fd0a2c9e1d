"""The service's description: one OpenAPI 3.1 document of every address, made from the table of addresses."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from features.refusal import CODES
from serving.addresses import ADDRESSES, ANY_KEY, OPEN, Address
from serving.examples import EXAMPLES
from serving.messages import ProblemDetails
from serving.problems import MEDIA_TYPE, status_of

_REFERENCE = "#/components/schemas/{model}"
_EVERY_ADDRESS = ("HF606", "HF611", "HF612", "HF613")
_WITH_KEY = ("HF601", "HF602")
_FROM_LEDGER = ("HF501", "HF503")


def description() -> dict[str, Any]:
    """The OpenAPI document, as plain data."""
    models = {model for address in ADDRESSES for model in (address.body, address.gives) if model} | {ProblemDetails}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for address in ADDRESSES:
        if address.listed:
            paths.setdefault(address.path, {})[address.method.lower()] = _operation(address)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast",
            "version": "1",
            "summary": "Who is leaving, why, what each is worth, and what to do about it.",
            "description": "Every failure is application/problem+json with a code that stays the same.",
        },
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(address: Address) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{address.method.lower()} {address.path}").strip("_"),
        "summary": address.summary,
        "parameters": _parameters(address),
        "responses": {"200": _success(address), **_failures(address)},
        "security": [] if address.scope == OPEN else [{"key": []}, {"bearer": []}],
    }
    if address.scope not in (OPEN, ANY_KEY):
        operation["description"] = f"Needs a key with the scope `{address.scope}`."
    if address.body:
        operation["requestBody"] = {"required": True, "content": {"application/json": _content(address.body)}}
    return operation


def _parameters(address: Address) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": "1228"}
        for name in re.findall(r"{(\w+)}", address.path)
    ]
    if address.query:
        for name, schema in address.query.model_json_schema()["properties"].items():
            told = schema.pop("description", "")
            found.append({
                "name": name, "in": "query", "required": False, "schema": schema,
                **({"description": told} if told else {}),
            })  # fmt: skip
    return found


def _success(address: Address) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for kind in address.media_types:
        json = kind == "application/json"
        plain = {"schema": {"type": "object" if json else "string"}}
        content[kind] = _content(address.gives) if address.gives and json else plain
    return {"description": address.summary, "content": content}


def _failures(address: Address) -> dict[str, Any]:
    codes = set(address.refusals) | set(_EVERY_ADDRESS)
    if address.scope != OPEN:
        codes |= set(_WITH_KEY)
    if address.gives:
        codes |= set(_FROM_LEDGER)
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(status_of(code), []).append(code)
    return {
        str(status): {
            "description": "; ".join(f"{code}: {CODES[code]}" for code in of_status),
            "content": {MEDIA_TYPE: _content(ProblemDetails)},
        }
        for status, of_status in sorted(by_status.items())
    }


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}, "example": EXAMPLES[model]}
