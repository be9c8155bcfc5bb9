"""Server-side apply: what a manager says it wants, merged into what is there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox.apiserver.fields import Fields, Writer, all_fields, beyond, differences, ownable, shared, union, without
from sandbox.apiserver.listkeys import child, is_atomic, is_set, key, keys_of
from sandbox.apiserver.schema import Schema
from sandbox.changes import Object
from sandbox.storage import ApiError


def apply(current: Object, wanted: Object, writer: Writer, schema: Schema | None, *, force: bool) -> Object:
    """Return `current` ({} if there is none) with what `writer` wants; raises 409 for fields that others own.

    What the writer has applied before and no longer wants goes, unless somebody else owns it too.
    """
    entries = current.get("metadata", {}).get("managedFields") or []
    mine, others = _ownership(entries, writer)
    asked = all_fields(ownable(wanted), schema)
    kept = removed(current, beyond(beyond(mine, asked), others), schema)
    result: Object = merged(kept, {k: v for k, v in wanted.items() if k != "metadata"}, schema)
    result["metadata"] = merged(kept.get("metadata", {}), _meta(wanted), None)
    changed, gone = differences(ownable(kept), ownable(result), schema)
    if not force:
        _refuse_conflicts(entries, writer, changed)
    taken = union(changed, gone)
    left = [_less(entry, taken) if not writer.owns(entry) else writer.entry(asked) for entry in entries]
    if not any(writer.owns(entry) for entry in entries):
        left.append(writer.entry(asked))
    result["metadata"]["managedFields"] = [entry for entry in left if entry["fieldsV1"]]
    return result


def _less(entry: Object, taken: Fields) -> Object:
    return {**entry, "fieldsV1": without(entry.get("fieldsV1") or {}, taken)}


def _meta(wanted: Object) -> Object:
    return {k: v for k, v in wanted.get("metadata", {}).items() if k != "managedFields"}


def _ownership(entries: list[Object], writer: Writer) -> tuple[Fields, Fields]:
    mine: Fields = {}
    others: Fields = {}
    for entry in entries:
        fields = entry.get("fieldsV1") or {}
        if writer.owns(entry):
            mine = fields
        else:
            others = union(others, fields)
    return mine, others


def _refuse_conflicts(entries: list[Object], writer: Writer, changed: Fields) -> None:
    found = {
        _named(entry): sorted(shared(entry.get("fieldsV1") or {}, changed))
        for entry in entries
        if not writer.owns(entry)
    }
    conflicts = {manager: paths for manager, paths in sorted(found.items()) if paths}
    if not conflicts:
        return
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager}", "field": path}
        for manager, paths in conflicts.items()
        for path in paths
    ]
    raise ApiError(409, "Conflict", _says(conflicts, len(causes)), {"causes": causes})


def _named(entry: Object) -> str:
    """Return a manager as messages name it: who applies is known by name alone."""
    named = f'"{entry["manager"]}"'
    if entry.get("subresource"):
        named += f' with subresource "{entry["subresource"]}"'
    return named if entry["operation"] == "Apply" else f"{named} using {entry['apiVersion']}"


def _says(conflicts: Mapping[str, Sequence[str]], count: int) -> str:
    if count == 1:
        ((manager, (path,)),) = conflicts.items()
        return f"Apply failed with 1 conflict: conflict with {manager}: {path}"
    listed = (
        f"conflicts with {manager}:" + "".join(f"\n- {path}" for path in paths) for manager, paths in conflicts.items()
    )
    return f"Apply failed with {count} conflicts: " + "\n".join(listed)


def merged(base: Any, patch: Any, schema: Schema | None, name: str = "") -> Any:
    """Return `patch` laid over `base`: objects by field, keyed lists by key, everything else replaced."""
    if isinstance(base, dict) and isinstance(patch, dict) and not is_atomic(name, schema):
        laid = {k: merged(base.get(k), v, child(schema, k), k) for k, v in patch.items()}
        return {**base, **laid}
    if is_set(name, base, schema) and isinstance(patch, list):
        return [*base, *(item for item in patch if item not in base)]
    keys = keys_of(name, patch or base, schema)
    if keys and isinstance(base, list) and isinstance(patch, list) and keys_of(name, base, schema) == keys:
        element = schema.element if schema else None
        items = {key(item, keys): item for item in base}
        for item in patch:
            items[key(item, keys)] = merged(items.get(key(item, keys)), item, element)
        return list(items.values())
    return patch


def removed(value: Any, fields: Fields, schema: Schema | None, name: str = "") -> Any:
    """Return `value` without `fields`."""
    if isinstance(value, dict):
        left = {}
        for k, v in value.items():
            inside = fields.get(f"f:{k}")
            if inside is None:
                left[k] = v
            elif inside:
                left[k] = removed(v, inside, child(schema, k), k)
        return left
    if is_set(name, value, schema):
        return [item for item in value if not all_fields([item], schema, name).keys() & fields.keys()]
    keys = keys_of(name, value, schema)
    return list(_left(value, fields, keys, schema)) if keys else value


def _left(items: list[Object], fields: Fields, keys: tuple[str, ...], schema: Schema | None) -> Iterator[Object]:
    element = schema.element if schema else None
    for item in items:
        (part,) = all_fields([item], Schema(list_type="map", list_keys=keys, items=Schema))
        inside = fields.get(part) or {}
        if "." not in inside:
            yield removed(item, inside, element)
