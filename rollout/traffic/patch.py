"""The difference between two manifests as a JSON patch that fails when what it replaces was changed meanwhile."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from rollout.models.kinds import Manifest

Operation: TypeAlias = dict[str, Any]
_Path: TypeAlias = tuple[str, ...]

# Lists whose entries have no meaning one by one: weights only count beside each other.
_WHOLE = frozenset({"backendRefs"})
# Shared with everybody: never removed as a whole, only key by key. The API server drops one that is empty.
_SHARED = frozenset({("metadata", "annotations"), ("metadata", "labels")})


def json_patch(before: Manifest, after: Manifest, *, resource_version: str | None = None) -> tuple[Operation, ...]:
    """RFC 6902 operations that make `before` into `after`; none when they are equal.

    Every `replace` and `remove` follows a `test` for exactly the value it takes away, so that the patch is refused
    when somebody changed that, and not when they changed anything else. Maps are compared key by key and lists of
    equal length entry by entry; other lists, and every `backendRefs`, are replaced as a whole. With
    `resource_version`, the patch is refused also when anything at all was changed since that version.

    The last annotation or label leaves an empty map behind, which means the same as none.
    """
    operations = tuple(_changes(before, after, ()))
    if not operations or resource_version is None:
        return operations
    return ({"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version}, *operations)


def _changes(before: Any, after: Any, path: _Path) -> Iterator[Operation]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _map_changes(before, after, path)
    elif _entry_by_entry(before, after, path):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _changes(old, new, (*path, str(index)))
    else:
        yield {"op": "test", "path": pointer(path), "value": before}
        yield {"op": "replace", "path": pointer(path), "value": after}


def _map_changes(before: dict[str, Any], after: dict[str, Any], path: _Path) -> Iterator[Operation]:
    for key, old in before.items():
        place = (*path, key)
        if key in after:
            yield from _changes(old, after[key], place)
        elif place in _SHARED and isinstance(old, dict):
            yield from _map_changes(old, {}, place)
        else:
            yield {"op": "test", "path": pointer(place), "value": old}
            yield {"op": "remove", "path": pointer(place)}
    for key, new in after.items():
        if key not in before:
            yield {"op": "add", "path": pointer((*path, key)), "value": new}


def _entry_by_entry(before: Any, after: Any, path: _Path) -> bool:
    lists = isinstance(before, list) and isinstance(after, list) and len(before) == len(after)
    return lists and path[-1] not in _WHOLE


def pointer(path: tuple[str, ...]) -> str:
    """The JSON pointer (RFC 6901) to this place."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
