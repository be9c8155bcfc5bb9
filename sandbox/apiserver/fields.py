"""Who owns which field: metadata.managedFields as Kubernetes keeps it (FieldsV1)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver.listkeys import child, is_atomic, is_set, key, keys_of
from sandbox.apiserver.schema import Schema
from sandbox.changes import Object

Fields = dict[str, Any]  # {"f:spec": {"f:replicas": {}}}; a leaf is {}; "." is the object itself

_UNOWNED = frozenset(
    {"name", "namespace", "generateName", "uid", "resourceVersion", "generation", "creationTimestamp"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"}
)


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Who writes, how, and when."""

    manager: str
    operation: str  # Update or Apply
    api_version: str
    subresource: str
    time: str

    def owns(self, entry: Object) -> bool:
        """Whether that entry of managedFields is this writer's."""
        mine = (self.manager, self.operation, self.api_version, self.subresource)
        return mine == (
            entry.get("manager"),
            entry.get("operation"),
            entry.get("apiVersion"),
            entry.get("subresource", ""),
        )

    def entry(self, fields: Fields) -> Object:
        """Return its entry of managedFields."""
        entry = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        return {**entry, "subresource": self.subresource} if self.subresource else entry


def record(old: Object, new: Object, writer: Writer, schema: Schema | None) -> None:
    """Write into `new` that `writer` has made it of `old` ({} if it is new)."""
    changed, removed = differences(ownable(old), ownable(new), schema)
    _mark_new(changed, ownable(old), ownable(new), custom=schema is not None)
    if changed or removed:
        entries = new["metadata"].get("managedFields") or []
        new["metadata"]["managedFields"] = [entry for entry in _updated(entries, writer, changed, removed) if entry]


def _updated(entries: list[Object], writer: Writer, changed: Fields, removed: Fields) -> Iterator[Object]:
    for entry in entries:
        left = without(entry.get("fieldsV1") or {}, removed)
        if writer.owns(entry):
            left = union(left, changed)
            yield writer.entry(left) if left else {}
        elif left := without(left, changed):
            yield {**entry, "fieldsV1": left}
    if changed and not any(writer.owns(entry) for entry in entries):
        yield writer.entry(changed)


# Parts of built-in kinds that are there even when they are empty, so that nobody has made them.
_GIVEN = frozenset({"f:spec", "f:status", "f:template", "f:strategy", "f:containers", "f:loadBalancer"})


def _mark_new(changed: Fields, old: Any, new: Any, *, custom: bool) -> None:
    """Whoever updates owns the objects and lists that it makes, too; an apply owns what it names alone."""
    for part, inside in changed.items():
        if not inside or not part.startswith("f:"):
            continue
        before, after = (node.get(part[2:]) if isinstance(node, dict) else None for node in (old, new))
        if before is None and part != "f:metadata" and (custom or part not in _GIVEN):
            inside["."] = {}
        _mark_inside(inside, before, after, custom=custom)


def _mark_inside(inside: Fields, before: Any, after: Any, *, custom: bool) -> None:
    if isinstance(after, dict):
        _mark_new(inside, before, after, custom=custom)
        return
    for part, fields in inside.items():
        if part.startswith("k:"):
            wanted = json.loads(part[2:])
            items = [
                next((each for each in node or () if wanted.items() <= {**_TCP, **each}.items()), None)
                for node in (before, after)
            ]
            _mark_new(fields, *items, custom=custom)


_TCP = {"protocol": "TCP"}


def ownable(obj: Object) -> Object:
    """Return the part of an object that can be owned."""
    body = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")}
    meta = {key: value for key, value in obj.get("metadata", {}).items() if key not in _UNOWNED}
    return {**body, "metadata": meta} if meta else body


def all_fields(value: Any, schema: Schema | None, name: str = "") -> Fields:
    """Return every field of a value."""
    if isinstance(value, dict) and value and not is_atomic(name, schema):
        return {f"f:{k}": all_fields(v, child(schema, k), k) for k, v in value.items()}
    if is_set(name, value, schema):
        return {_value(item): {} for item in value}
    keys = keys_of(name, value, schema)
    if keys:
        element = schema.element if schema else None
        return {_item(item, keys): {".": {}, **all_fields(item, element)} for item in value}
    return {}


def _value(item: Any) -> str:
    return "v:" + json.dumps(item)


def _item(item: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    named = dict(zip(keys, key(dict(item), keys), strict=True))
    return "k:" + json.dumps(named, separators=(",", ":"), sort_keys=True)


def differences(old: Any, new: Any, schema: Schema | None, name: str = "") -> tuple[Fields, Fields]:
    """Return the fields that were set or changed, and those that went."""
    changed: Fields = {}
    removed: Fields = {}
    before, after = _parts(old, schema, name), _parts(new, schema, name)
    for part in (part for part in after if part not in before):
        inside = all_fields(after[part], *_inside(schema, part))
        changed[part] = {".": {}, **inside} if part.startswith("k:") else inside
    for part in before:
        if part not in after:
            removed[part] = {}
            continue
        if before[part] == after[part] and type(before[part]) is type(after[part]):
            continue
        set_, gone = _difference(before[part], after[part], *_inside(schema, part))
        changed |= {part: set_} if set_ is not None else {}
        removed |= {part: gone} if gone else {}
    return changed, removed


def _difference(old: Any, new: Any, schema: Schema | None, name: str) -> tuple[Fields | None, Fields]:
    if not _parts(old, schema, name) or not _parts(new, schema, name):
        return all_fields(new, schema, name), {}
    changed, removed = differences(old, new, schema, name)
    return changed or None, removed


def _parts(value: Any, schema: Schema | None, name: str) -> dict[str, Any]:
    """Return what a value is made of, by the names FieldsV1 has for it; nothing if it is one value."""
    if isinstance(value, dict):
        return {} if is_atomic(name, schema) else {f"f:{k}": v for k, v in value.items()}
    if is_set(name, value, schema):
        return {_value(item): item for item in value}
    keys = keys_of(name, value, schema)
    return {_item(item, keys): item for item in value} if keys else {}


def _inside(schema: Schema | None, part: str) -> tuple[Schema | None, str]:
    if part.startswith(("k:", "v:")):
        return (schema.element if schema else None), ""
    return child(schema, part[2:]), part[2:]


def without(fields: Fields, taken: Fields) -> Fields:
    """Return `fields` less `taken`; a leaf of `taken` takes everything below it."""
    left: Fields = {}
    for part, inside in fields.items():
        if part not in taken:
            left[part] = inside
        elif taken[part] and inside:
            rest = without(inside, taken[part])
            if rest and rest != {".": {}}:
                left[part] = rest
    return left


def beyond(fields: Fields, kept: Fields) -> Fields:
    """Return `fields` without those that `kept` names itself; naming an object does not name what is in it."""
    left: Fields = {}
    for part, inside in fields.items():
        rest = beyond(inside, kept.get(part, {}))
        if part not in kept or (rest and rest != {".": {}}):
            left[part] = rest
    return left


def union(one: Fields, other: Fields) -> Fields:
    """Return both."""
    return {
        part: union(one.get(part, {}), other.get(part, {}))
        for part in [*one, *(part for part in other if part not in one)]
    }


def printed(part: str) -> str:
    """Return a part of a path as messages print it: `.name`, `[name="web"]`, `[="value"]`."""
    if part.startswith("f:"):
        return f".{part[2:]}"
    if part.startswith("v:"):
        return f"[={part[2:]}]"
    named = json.loads(part[2:]) if part.startswith("k:") else {}
    return "[" + ",".join(f"{name}={json.dumps(value)}" for name, value in named.items()) + "]"


def shared(one: Fields, other: Fields, path: str = "") -> Iterator[str]:
    """Yield the paths of the leaves that both have, as messages print them."""
    for part in one.keys() & other.keys():
        where = path + printed(part)
        if one[part] and other[part]:
            yield from shared(one[part], other[part], where)
        elif part != ".":
            yield where
