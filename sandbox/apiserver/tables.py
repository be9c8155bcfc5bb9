"""Rows and columns for `kubectl get`."""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from sandbox.apiserver.builtin_columns import BUILTIN_COLUMNS
from sandbox.apiserver.convert import outward
from sandbox.apiserver.registry import Column, Resource
from sandbox.changes import Object

_NAME = {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}
_AGE = Column(name="Age", type="date", path=".metadata.creationTimestamp")
_STEP = re.compile(
    r"""\.((?:\\.|[^.\[\\])+)|\[(\d+|\*)\]"""
    r"""|\[\?\(@\.(\w+)\s*==\s*["']([^"']*)["']\)\]|\['([^']+)'\]"""
)


def table(resource: Resource, objects: Iterable[Object], meta: Object, include: str) -> Object:
    """Return a metav1.Table. `include` says what each row carries: Metadata (default), Object or None."""
    columns, cells = _columns(resource)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": [_NAME, *columns],
        "rows": [_row(resource, obj, cells, include) for obj in objects],
    }


def _row(resource: Resource, obj: Object, cells: Callable[[Object], list[Any]], include: str) -> Object:
    row: Object = {"cells": [obj["metadata"]["name"], *cells(obj)]}
    if include == "Object":
        row["object"] = outward(resource, obj)
    elif include != "None":
        row["object"] = partial(obj)
    return row


def partial(obj: Object) -> Object:
    """Return the metadata of an object alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _columns(resource: Resource) -> tuple[list[Object], Callable[[Object], list[Any]]]:
    if resource.kind.plural in BUILTIN_COLUMNS and not resource.columns:
        named, cells = BUILTIN_COLUMNS[resource.kind.plural]
        return [_definition(Column(name=name, type=type_, path="")) for name, type_ in named], _aged(cells)
    columns = resource.columns or (_AGE,)
    return [_definition(column) for column in columns], lambda obj: [cell(column, obj) for column in columns]


def _aged(cells: Callable[[Object], tuple[Any, ...]]) -> Callable[[Object], list[Any]]:
    return lambda obj: [*cells(obj), age(obj["metadata"].get("creationTimestamp"))]


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def cell(column: Column, obj: Object) -> Any:
    """Return what a column shows of an object."""
    found = find(obj, column.path)
    if not found:
        return None if column.type != "date" else "<unknown>"
    if column.type == "date":
        return age(found[0])
    if column.type == "string":
        return ",".join(_text(each) for each in found)
    return found[0]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def find(obj: Any, path: str) -> list[Any]:
    """Return what a simple JSONPath (`.a.b[0]`, `[*]`, `[?(@.type=="X")]`) selects."""
    found = [obj]
    for step in _STEP.finditer(path):
        found = [each for node in found for each in _step(node, step)]
    return [each for each in found if each is not None]


def _step(node: Any, step: re.Match[str]) -> list[Any]:
    field, index, key, value, quoted = step.groups()
    name = quoted or (field or "").replace("\\.", ".")
    if name:
        return [node[name]] if isinstance(node, dict) and name in node else []
    if not isinstance(node, list):
        return []
    if key:
        return [each for each in node if isinstance(each, dict) and str(each.get(key)) == value]
    return node if index == "*" else node[int(index) : int(index) + 1]


def age(timestamp: str | None) -> str:
    """Return how long ago that was, as kubectl prints it."""
    if not timestamp:
        return "<unknown>"
    then = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
    return human((datetime.now(UTC) - then).total_seconds())


def human(seconds: float) -> str:
    """Return a duration in two units at most: 45s, 3m20s, 5h12m, 3d4h, 12d."""
    s = max(int(seconds), 0)
    for limit, text in _SCALES:
        if s < limit:
            return text(s)
    return f"{s // 31536000}y"


def _pair(s: int, unit: int, letter: str, rest: int, rest_letter: str) -> str:
    more = s % unit // rest
    return f"{s // unit}{letter}{more}{rest_letter}" if more else f"{s // unit}{letter}"


_SCALES: tuple[tuple[int, Callable[[int], str]], ...] = (
    (120, lambda s: f"{s}s"),
    (600, lambda s: _pair(s, 60, "m", 1, "s")),
    (3 * 3600, lambda s: f"{s // 60}m"),
    (8 * 3600, lambda s: _pair(s, 3600, "h", 60, "m")),
    (48 * 3600, lambda s: f"{s // 3600}h"),
    (8 * 86400, lambda s: _pair(s, 86400, "d", 3600, "h")),
    (730 * 86400, lambda s: f"{s // 86400}d"),
)
