"""Reading the TOML files a person keeps: strict keys, errors that name file, key and allowed keys."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from features.refusal import Refusal, did_you_mean
from features.store import file_refusal


class Settings(BaseModel):
    """A frozen section of a settings file; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


S = TypeVar("S", bound=Settings)


def read_toml(path: Path, kind: type[S]) -> S:
    """The file at `path` as a `kind`.

    Raises
    ------
    Refusal
        HF101 absent, HF106 not readable, HF102 not TOML, HF103 unknown key, HF104 bad value.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refusal("HF101", f"{path.absolute()} is not there.",
            "Name the shop's folder with --shop, or write the files of a shop with: holdfast init DIR",
        ) from None  # fmt: skip
    except OSError as error:
        raise file_refusal(error) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refusal("HF102", f"{path}: {error}.", "Mend the file at that place.") from None
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise _refusal(path, kind, content, error) from None


def plainly(message: str) -> str:
    """Pydantic's message without the name of the type that it may begin with."""
    return re.sub("^(Value error, |[A-Z][a-z]+ (?=should))", "", message)


def _refusal(path: Path, kind: type[BaseModel], content: dict[str, Any], error: ValidationError) -> Refusal:
    # A key with a typo is also a missing one: the typo is what to tell.
    first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
    place = [str(part) for part in first["loc"]]
    key = ".".join(place)
    if first["type"] == "extra_forbidden":
        known = _known_keys(kind, place[:-1])
        return Refusal("HF103", f"{path.name}: unknown key {key!r}.", did_you_mean(place[-1], known))
    got: Any = content
    for part in first["loc"]:
        got = _part(got, part)
    said = plainly(first["msg"])
    shown = f"{key}: " if isinstance(got, dict) else f"{key} is {got!r}; "  # a whole table would bury what is said
    detail = f"{path.name}: {shown if place else ''}{said}."
    if first["type"] == "missing":
        detail = f"{path.name}: {key} is missing."
    return Refusal("HF104", detail, "Mend it; holdfast init writes a commented example.")


def _part(content: Any, part: str | int) -> Any:
    if isinstance(content, list) and isinstance(part, int):
        return content[part] if part < len(content) else None
    return content.get(part) if isinstance(content, dict) else None


def _known_keys(kind: Any, place: list[str]) -> list[str]:
    """The keys allowed at `place` below a settings class, through dicts, lists and optionals."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if not place:
            return [field.alias or name for name, field in kind.model_fields.items()]
        field = kind.model_fields.get(place[0])
        return _known_keys(field.annotation, place[1:]) if field else []
    inner = [arg for arg in get_args(kind) if arg not in (type(None), ...)]
    if not inner:
        return []
    below = place[1:] if place and (place[0].isdigit() or getattr(kind, "__origin__", None) is dict) else place
    return _known_keys(inner[-1], below)
