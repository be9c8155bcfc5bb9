"""RFC 6902 as far as the controller uses it, so that a test can apply a patch and see it refused."""

import copy
from collections.abc import Iterable
from typing import Any

from rollout.models.kinds import Manifest


class RefusedError(ValueError):
    """A test did not hold, or a place was not there."""


def apply(manifest: Manifest, operations: Iterable[dict[str, Any]]) -> Manifest:
    """The manifest with all operations applied; raises RefusedError, and then nothing is."""
    target = copy.deepcopy(manifest)
    for operation in operations:
        *parents, last = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
        node: Any = target
        for step in parents:
            node = _child(node, step)
        _one(node, last, operation)
    return target


def _one(node: Any, last: str, operation: dict[str, Any]) -> None:
    key: Any = int(last) if isinstance(node, list) else last
    match operation["op"]:
        case "add":
            node[key] = copy.deepcopy(operation["value"])
        case "test":
            if _child(node, last) != operation["value"]:
                raise RefusedError(operation["path"])
        case "replace":
            _child(node, last)
            node[key] = copy.deepcopy(operation["value"])
        case "remove":
            _child(node, last)
            del node[key]
        case other:
            raise AssertionError(f"{other} is none of the operations the controller uses")


def _child(node: Any, step: str) -> Any:
    try:
        return node[int(step)] if isinstance(node, list) else node[step]
    except (KeyError, IndexError):
        raise RefusedError(step) from None
