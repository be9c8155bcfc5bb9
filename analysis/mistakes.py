"""What is wrong with a field of a configuration file, in words that hold no value: it may be a secret."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

NAME = r"^[a-z0-9]([a-z0-9.-]{0,48}[a-z0-9])?$"
_OBJECT = "has to be an object: write its fields below it, indented"
_WHOLE = "has to be a whole number"
_DURATION = "has to be a duration: write it like 15s or 5m"
_WORDS: Mapping[str, str] = {
    "missing": "is missing: set it",
    "extra_forbidden": "there is no such field: check its spelling, or remove it",
    "string_type": "has to be text: put it in quotes",
    "path_type": "has to be the path of a file",
    "tuple_type": "has to be a list: begin each entry with '- '",
    "too_short": "has too few entries: add one",
    "string_too_short": "is empty: set it",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _DURATION,
    "float_parsing": _DURATION,
}
_PATTERNS = {NAME: "a name has lower-case letters, digits, '-' and '.' only, and at most 50 of them"}


def mistake(error: ValidationError) -> tuple[tuple[int | str, ...], str]:
    """The place of the first one, and what is wrong there with the remedy."""
    first = error.errors(include_input=False, include_url=False)[0]
    context = first.get("ctx") or {}
    said = _WORDS.get(first["type"]) or str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "enum":
        said = f"is not known: write {context['expected']}"
    if first["type"] == "string_pattern_mismatch":
        said = _PATTERNS.get(context["pattern"], f"has to match {context['pattern']}")
    return tuple(part for part in first["loc"] if part != "[key]"), said


def unread(error: OSError | UnicodeDecodeError) -> str:
    """Why a file could not be read."""
    return (error.strerror if isinstance(error, OSError) else None) or "not UTF-8"


def dotted(location: Sequence[Any]) -> str:
    """A place as people write it: `targets[0].name`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")
