"""Patches: JSON patch (RFC 6902), merge patch (RFC 7396) and strategic merge patch."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.apiserver.listkeys import key, keys_of
from sandbox.apiserver.replies import bad_request
from sandbox.storage import ApiError

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

_FAILED = "the server rejected our request due to an error in our request"


class _Mismatch(Exception):  # noqa: N818 - a step that cannot be made, turned into 422 by json_patch
    pass


def json_patch(target: Any, operations: Any) -> Any:
    """Return `target` after all operations; raises 422 if one fails, a `test` included, and 400 for nonsense."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    result = copy.deepcopy(target)
    for operation in operations:
        try:
            result = _OPERATIONS[operation["op"]](result, operation)
        except _Mismatch as error:
            raise ApiError(422, "Invalid", _FAILED) from error
        except (KeyError, TypeError) as error:
            raise bad_request(f"error decoding patch: {operation!r}") from error
    return result


def _steps(pointer: str) -> list[str]:
    if pointer == "":
        return []
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _child(node: Any, step: str) -> Any:
    if isinstance(node, dict) and step in node:
        return node[step]
    if isinstance(node, list):
        return node[_position(step, len(node) - 1)]
    raise _Mismatch


def _position(step: str, last: int) -> int:
    if not step.isdigit() or int(step) > last:
        raise _Mismatch
    return int(step)


def _find(target: Any, pointer: str) -> Any:
    node = target
    for step in _steps(pointer):
        node = _child(node, step)
    return node


def _parent(target: Any, pointer: str) -> tuple[Any, str]:
    if not pointer.startswith("/"):
        raise _Mismatch
    *before, last = _steps(pointer)
    node = target
    for step in before:
        node = _child(node, step)
    return node, last


def _put(target: Any, pointer: str, value: Any) -> Any:
    if pointer == "":
        return value
    node, last = _parent(target, pointer)
    if isinstance(node, dict):
        node[last] = value
    elif isinstance(node, list):
        node.insert(len(node) if last == "-" else _position(last, len(node)), value)
    else:
        raise _Mismatch
    return target


def _add(target: Any, operation: Mapping[str, Any]) -> Any:
    return _put(target, operation["path"], copy.deepcopy(operation["value"]))


def _remove(target: Any, operation: Mapping[str, Any]) -> Any:
    return _cut(target, operation["path"])


def _cut(target: Any, pointer: str) -> Any:
    node, last = _parent(target, pointer)
    _child(node, last)
    del node[int(last) if isinstance(node, list) else last]
    return target


def _replace(target: Any, operation: Mapping[str, Any]) -> Any:
    value = copy.deepcopy(operation["value"])
    if operation["path"] == "":
        return value
    node, last = _parent(target, operation["path"])
    if isinstance(node, dict):
        node[last] = value  # as in Kubernetes, which sets what is absent, too
        return target
    _child(node, last)
    node[int(last)] = value
    return target


def _move(target: Any, operation: Mapping[str, Any]) -> Any:
    value = _find(target, operation["from"])
    return _put(_cut(target, operation["from"]), operation["path"], value)


def _copy(target: Any, operation: Mapping[str, Any]) -> Any:
    node, last = _parent(target, operation["from"])
    absent = isinstance(node, dict) and last not in node  # is copied as null, as in Kubernetes
    return _put(target, operation["path"], None if absent else copy.deepcopy(_child(node, last)))


def _test(target: Any, operation: Mapping[str, Any]) -> Any:
    wanted = operation.get("value")
    try:
        found = _find(target, operation["path"])
    except _Mismatch:
        # As in Kubernetes: an absent field equals null.
        found = None
    if not _equal(found, wanted):
        raise _Mismatch
    return target


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


_OPERATIONS: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def merge_patch(target: Any, patch: Any) -> Any:
    """Return `patch` laid over `target`; null removes."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def strategic_patch(target: Any, patch: Any, name: str = "") -> Any:
    """Return `patch` laid over `target`; lists with a natural key are merged by it, and `$patch` directives obeyed."""
    if isinstance(patch, list):
        return _strategic_list(target if isinstance(target, list) else [], patch, name)
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"}
    result = dict(target) if isinstance(target, dict) else {}
    kept = patch.get("$retainKeys")
    if kept is not None:
        result = {k: v for k, v in result.items() if k in kept}
    for field, value in patch.items():
        if field.startswith("$deleteFromPrimitiveList/"):
            primitive = field.partition("/")[2]
            result[primitive] = [each for each in result.get(primitive) or () if each not in value]
        elif not field.startswith("$"):
            _lay(result, field, value)
    return result


def _lay(result: dict[str, Any], field: str, value: Any) -> None:
    if value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
        result.pop(field, None)
    else:
        result[field] = strategic_patch(result.get(field), value, field)


def _strategic_list(target: list[Any], patch: list[Any], name: str) -> list[Any]:
    if {"$patch": "replace"} in patch:
        return [each for each in patch if each != {"$patch": "replace"}]
    if name == "finalizers":
        return [*target, *(each for each in patch if each not in target)]
    # One key only, as in Kubernetes' strategic merge (server-side apply has more).
    keys = keys_of(name, [*target, *patch], None)[:1]
    if not keys:
        return patch
    items = {key(item, keys): item for item in target}
    fresh: dict[tuple[Any, ...], Any] = {}
    for item in patch:
        if item.get("$patch") == "delete":
            items.pop(key(item, keys), None)
        else:
            place = items if key(item, keys) in items else fresh
            place[key(item, keys)] = strategic_patch(items.get(key(item, keys)), item)
    return [*fresh.values(), *items.values()]  # as in Kubernetes: what is new goes first
