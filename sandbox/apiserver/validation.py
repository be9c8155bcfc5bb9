"""Validation of an object against its schema, with Kubernetes' messages."""

import json
from collections.abc import Iterator
from typing import Any

from sandbox.apiserver.cel import CelError
from sandbox.apiserver.replies import Problem
from sandbox.apiserver.schema import MISSING, Schema

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def validate(schema: Schema, value: Any, old: Any = MISSING, path: str = "") -> Iterator[Problem]:
    """Yield what is wrong with `value`. What equals `old` is not judged again (ratcheting)."""
    if old is not MISSING and value == old and type(value) is type(old):
        return
    if value is None:
        if not schema.nullable and schema.type:
            yield _mistyped(schema, value, path)
        return
    if not _typed(schema, value):
        yield _mistyped(schema, value, path)
        return
    problems = list(_contents(schema, value, old, path))
    yield from problems
    yield from _scalars(schema, value, path)
    yield from _combinations(schema, value, path)
    if not any(problem.blocks for problem in problems):
        yield from _rules(schema, value, old, path)


def _typed(schema: Schema, value: Any) -> bool:
    if schema.int_or_string:
        return isinstance(value, int | str) and not isinstance(value, bool)
    if not schema.type:
        return True
    if isinstance(value, bool):
        return schema.type == "boolean"
    if schema.type == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[schema.type])


def type_name(value: Any) -> str:
    """Return the name of a value's type in JSON."""
    if value is None:
        return "null"
    return next(name for name, types in _TYPES.items() if isinstance(value, types) and _is(name, value))


def _is(name: str, value: Any) -> bool:
    return (name == "boolean") is isinstance(value, bool)


def _mistyped(schema: Schema, value: Any, path: str) -> Problem:
    wanted = "integer,string" if schema.int_or_string else schema.type
    return _bad(path, type_name(value), f'must be of type {wanted}: "{type_name(value)}"')


def _bad(path: str, value: Any, says: str) -> Problem:
    where = f"{path} in body" if path else "in body"
    return Problem(path, f"Invalid value: {shown(value)}: {where} {says}")


def shown(value: Any) -> str:
    """Return a value as messages print it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def shown_number(value: float) -> str:
    """Return a bound as messages print it."""
    return str(int(value)) if float(value).is_integer() else str(value)


def _contents(schema: Schema, value: Any, old: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, dict):
        yield from _object(schema, value, old if isinstance(old, dict) else MISSING, path)
    elif isinstance(value, list):
        yield from _sizes(path, len(value), schema.min_items, schema.max_items, "items")
        yield from _duplicates(schema, value, path)
        if schema.element is not None:
            before = _correlated(schema, old)
            for n, item in enumerate(value):
                yield from validate(schema.element, item, before.get(_key(schema, item), MISSING), f"{path}[{n}]")


def _object(schema: Schema, value: dict[str, Any], old: Any, path: str) -> Iterator[Problem]:
    yield from _sizes(path, len(value), schema.min_properties, schema.max_properties, "properties")
    for name in schema.required:
        if name not in value:
            yield Problem(_join(path, name), "Required value")
    for key, item in value.items():
        child = schema.properties.get(key) or schema.values
        if child is not None:
            before = old.get(key, MISSING) if old is not MISSING else MISSING
            yield from validate(child, item, before, _join(path, key))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _key(schema: Schema, item: Any) -> Any:
    if schema.list_type == "map" and isinstance(item, dict):
        return tuple(str(item.get(key)) for key in schema.list_keys)
    return None


def _correlated(schema: Schema, old: Any) -> dict[Any, Any]:
    """Return the old items by key: only maps tell which item is which."""
    if schema.list_type != "map" or not isinstance(old, list):
        return {}
    return {_key(schema, item): item for item in old}


def _duplicates(schema: Schema, value: list[Any], path: str) -> Iterator[Problem]:
    if schema.list_type not in ("map", "set"):
        return
    seen: set[str] = set()
    for n, item in enumerate(value):
        keyed = schema.list_type == "map" and isinstance(item, dict)
        key = {k: item[k] for k in schema.list_keys if k in item} if keyed else item
        text = shown(key)
        if text in seen:
            yield Problem(f"{path}[{n}]", f"Duplicate value: {text}")
        seen.add(text)


def _sizes(path: str, size: int, least: int | None, most: int | None, what: str) -> Iterator[Problem]:
    if least is not None and size < least:
        yield _bad(path, size, f"should have at least {least} {what}")
    if most is not None and size > most:
        yield Problem(path, f"Too many: {size}: must have at most {most} items")


def _scalars(schema: Schema, value: Any, path: str) -> Iterator[Problem]:
    if schema.enum and value not in schema.enum:
        supported = ", ".join(shown(choice) for choice in schema.enum)
        yield Problem(path, f"Unsupported value: {shown(value)}: supported values: {supported}")
    if isinstance(value, str):
        yield from _string(schema, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(schema, value, path)


def _string(schema: Schema, value: str, path: str) -> Iterator[Problem]:
    if schema.max_length is not None and len(value) > schema.max_length:
        yield Problem(path, f"Too long: may not be more than {schema.max_length} bytes")
    if schema.min_length is not None and len(value) < schema.min_length:
        yield _bad(path, value, f"should be at least {schema.min_length} chars long")
    if schema.expression and not schema.expression.search(value):
        yield _bad(path, value, f"should match '{schema.pattern}'")


def _number(schema: Schema, value: float, path: str) -> Iterator[Problem]:
    low, high = schema.minimum, schema.maximum
    if low is not None and (value <= low if schema.exclusive_minimum else value < low):
        word = "greater than" if schema.exclusive_minimum else "greater than or equal to"
        yield _bad(path, value, f"should be {word} {shown_number(low)}")
    if high is not None and (value >= high if schema.exclusive_maximum else value > high):
        word = "less than" if schema.exclusive_maximum else "less than or equal to"
        yield _bad(path, value, f"should be {word} {shown_number(high)}")
    if schema.multiple_of and value % schema.multiple_of:
        yield _bad(path, value, f"should be a multiple of {shown_number(schema.multiple_of)}")


def _combinations(schema: Schema, value: Any, path: str) -> Iterator[Problem]:
    for part in schema.all_of:
        yield from validate(part, value, path=path)
    if schema.any_of and not any(_fits(part, value) for part in schema.any_of):
        yield _bad(path, _brief(value), "must validate at least one schema (anyOf)")
    if schema.one_of and sum(_fits(part, value) for part in schema.one_of) != 1:
        yield _bad(path, _brief(value), "must validate one and only one schema (oneOf)")
    if schema.negated is not None and _fits(schema.negated, value):
        yield _bad(path, _brief(value), "must not validate the schema (not)")


def _fits(schema: Schema, value: Any) -> bool:
    return next(validate(schema, value), None) is None


def _brief(value: Any) -> Any:
    return type_name(value) if isinstance(value, dict | list) else value


def _rules(schema: Schema, value: Any, old: Any, path: str) -> Iterator[Problem]:
    for rule in schema.rules:
        if rule.transition and old is MISSING:
            continue
        try:
            holds = rule.holds(value, None if old is MISSING else old)
            says = "" if holds else rule.says(value, None if old is MISSING else old)
        except CelError as error:
            says = f"rule evaluation error: {error}"
        if says:
            kind = _KINDS.get(rule.reason, "Invalid value")
            where = path + rule.field_path
            shows = kind in ("Invalid value", "Duplicate value") and not isinstance(value, dict | list)
            yield Problem(where, f"{kind}: {shown(value)}: {says}" if shows else f"{kind}: {says}", rule=True)


_KINDS = {
    "FieldValueRequired": "Required value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueDuplicate": "Duplicate value",
}
