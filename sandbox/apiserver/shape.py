"""Fitting an object to its schema: unknown fields away, defaults in."""

import copy
from typing import Any

from sandbox.apiserver.schema import MISSING, Schema

_ALWAYS = frozenset({"apiVersion", "kind", "metadata"})


def prune(schema: Schema, value: Any, path: str = "", *, root: bool = True) -> list[str]:
    """Remove in place what the schema does not know; return the paths of what was removed.

    Nulls that mean the same as nothing go without a word.
    """
    if isinstance(value, dict):
        return _prune_object(schema, value, path, root=root)
    if isinstance(value, list) and schema.element is not None:
        element = schema.element
        return [p for n, item in enumerate(value) for p in prune(element, item, f"{path}[{n}]", root=False)]
    return []


def _prune_object(schema: Schema, value: dict[str, Any], path: str, *, root: bool) -> list[str]:
    known, removed = schema.properties, []
    exempt = _ALWAYS if root or schema.embedded else frozenset()
    for key in tuple(value):
        where = f"{path}.{key}" if path else key
        child = known.get(key) or schema.values
        if value[key] is None and child is not None and child.null_is_absent:
            del value[key]
            continue
        if key in exempt and (key == "metadata" or key not in known):
            continue
        if child is not None:
            removed += prune(child, value[key], where, root=False)
        elif not schema.open:
            del value[key]
            removed.append(where)
    return removed


def fill(schema: Schema, value: Any) -> None:
    """Set in place the defaults of absent fields, and remove nulls where none is allowed."""
    if isinstance(value, dict):
        _fill_object(schema, value)
    elif isinstance(value, list) and schema.element is not None:
        for item in value:
            fill(schema.element, item)


def _fill_object(schema: Schema, value: dict[str, Any]) -> None:
    for key, child in schema.properties.items():
        if child.default is not MISSING and (key not in value or (value[key] is None and not child.nullable)):
            value[key] = copy.deepcopy(child.default)
        if key in value and value[key] is None and not child.nullable and child.type:
            del value[key]
        if key in value:
            fill(child, value[key])
    if schema.values is not None:
        for key in value.keys() - schema.properties.keys():
            fill(schema.values, value[key])
