"""The functions of CEL that schemas use, on plain JSON values."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any


class CelError(Exception):
    """A rule that cannot be compiled, or one that has no value for this object."""


@dataclass(frozen=True)
class TypeName:
    """What `type(value)` gives."""

    name: str


TYPES = {name: TypeName(name) for name in ("int", "uint", "double", "string", "bool", "list", "map", "null_type")}
_PYTHON = {int: "int", float: "double", str: "string", bool: "bool", list: "list", dict: "map", type(None): "null_type"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def type_of(value: Any) -> TypeName:
    """Return the CEL type of a value."""
    return TypeName(_PYTHON.get(type(value), type(value).__name__))


def no_overload(name: str, *values: Any) -> CelError:
    """Return the error for a function or operator applied to the wrong types."""
    return CelError(f"no such overload: {name}({', '.join(type_of(value).name for value in values)})")


def equal(left: Any, right: Any) -> bool:
    """Compare as CEL does: numbers by value, a bool never equals a number."""
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def duration(text: str) -> timedelta:
    """Parse a duration such as `1h30m`; raises CelError."""
    sign = -1 if text.startswith("-") else 1
    parts = text.lstrip("-")
    if parts != "0" and not re.fullmatch(f"(?:{_DURATION.pattern})+", parts):
        raise CelError(f"invalid duration: {text!r}")
    return sign * timedelta(seconds=sum(float(n) * _SECONDS[unit] for n, unit in _DURATION.findall(parts)))


def timestamp(text: str) -> datetime:
    """Parse RFC 3339; raises CelError."""
    try:
        parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise CelError(f"invalid timestamp: {text!r}") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def search(text: str, pattern: str) -> bool:
    """Whether `pattern` occurs in `text`; raises CelError for an invalid pattern."""
    try:
        return re.search(pattern, text) is not None
    except re.error as error:
        raise CelError(f"invalid pattern: {pattern!r}: {error}") from error


def _integer(value: Any) -> int:
    try:
        return int(value.total_seconds()) if isinstance(value, timedelta) else int(value)
    except ValueError as error:
        raise CelError(f"cannot convert to int: {value!r}") from error


def _number(value: Any) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise CelError(f"cannot convert to double: {value!r}") from error


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found[0] if found else ""


def _split(text: str, separator: str, limit: int = -1) -> list[str]:
    if separator == "":
        return list(text)
    return text.split(separator, limit - 1) if limit > 0 else text.split(separator)


def _sorted(values: list[Any]) -> bool:
    return all(a <= b for a, b in pairwise(values))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "size": len,
    "int": _integer,
    "uint": _integer,
    "double": _number,
    "string": _text,
    "bool": lambda value: value in (True, "true"),
    "duration": duration,
    "timestamp": timestamp,
    "dyn": lambda value: value,
    "type": type_of,
    "matches": search,
}

METHODS: Mapping[str, Callable[..., Any]] = {
    "size": len,
    "matches": search,
    "contains": lambda text, part: part in text,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "lowerAscii": str.lower,
    "upperAscii": str.upper,
    "trim": str.strip,
    "split": _split,
    "replace": str.replace,
    "substring": lambda text, start, end=None: text[start:end],
    "charAt": lambda text, at: text[at : at + 1],
    "indexOf": lambda value, part: value.find(part) if isinstance(value, str) else _index(value, part),
    "join": lambda values, separator="": separator.join(values),
    "find": _find,
    "findAll": lambda text, pattern: [found[0] for found in re.finditer(pattern, text)],
    "min": min,
    "max": max,
    "sum": sum,
    "isSorted": _sorted,
    "getHours": lambda value: int(value.total_seconds() // 3600),
    "getMinutes": lambda value: int(value.total_seconds() // 60),
    "getSeconds": lambda value: int(value.total_seconds()),
    "getMilliseconds": lambda value: int(value.total_seconds() * 1000),
}


def _index(values: list[Any], wanted: Any) -> int:
    return next((n for n, value in enumerate(values) if equal(value, wanted)), -1)
