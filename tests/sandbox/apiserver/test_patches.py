"""The three kinds of patches."""

# ruff: noqa: E501 - the tables below read best with one case a line

import copy
from typing import Any

import pytest

from sandbox.apiserver.patches import json_patch, merge_patch, strategic_patch
from sandbox.storage import ApiError

DOCUMENT: dict[str, Any] = {"a": {"b": [1, 2, 3]}, "x/y": {"~z": True}}

JSON_PATCHES: list[tuple[str, list[dict[str, Any]], Any]] = [
    ("add", [{"op": "add", "path": "/a/c", "value": 1}], {"b": [1, 2, 3], "c": 1}),
    ("insert", [{"op": "add", "path": "/a/b/1", "value": 9}], {"b": [1, 9, 2, 3]}),
    ("append", [{"op": "add", "path": "/a/b/-", "value": 9}], {"b": [1, 2, 3, 9]}),
    ("remove", [{"op": "remove", "path": "/a/b/0"}], {"b": [2, 3]}),
    ("replace", [{"op": "replace", "path": "/a/b/0", "value": {"n": 1}}], {"b": [{"n": 1}, 2, 3]}),
    ("replace nothing", [{"op": "replace", "path": "/a/c", "value": 1}], {"b": [1, 2, 3], "c": 1}),
    ("move", [{"op": "move", "from": "/a/b/0", "path": "/a/c"}], {"b": [2, 3], "c": 1}),
    ("copy", [{"op": "copy", "from": "/a/b", "path": "/a/c"}], {"b": [1, 2, 3], "c": [1, 2, 3]}),
    ("test", [{"op": "test", "path": "/a/b", "value": [1, 2, 3]}], {"b": [1, 2, 3]}),
    ("absent is null", [{"op": "test", "path": "/a/c", "value": None}], {"b": [1, 2, 3]}),
    ("escapes", [{"op": "test", "path": "/x~1y/~0z", "value": True}], {"b": [1, 2, 3]}),
]
FAILING: list[dict[str, Any]] = [
    {"op": "test", "path": "/a/b/0", "value": 2},
    {"op": "test", "path": "/x~1y/~0z", "value": 1},
    {"op": "test", "path": "/a/c", "value": 1},
    {"op": "remove", "path": "/a/c"},
    {"op": "replace", "path": "/a/b/7", "value": 1},
    {"op": "add", "path": "/q/r", "value": 1},
    {"op": "add", "path": "/a/b/7", "value": 1},
    {"op": "move", "from": "/a/c", "path": "/a/d"},
]


@pytest.mark.parametrize(("operations", "expected"), [c[1:] for c in JSON_PATCHES], ids=[c[0] for c in JSON_PATCHES])
def test_a_json_patch_does_its_operations(operations: list[dict[str, Any]], expected: Any) -> None:
    before = copy.deepcopy(DOCUMENT)
    assert json_patch(DOCUMENT, operations)["a"] == expected
    assert before == DOCUMENT


@pytest.mark.parametrize("operation", FAILING)
def test_an_operation_that_cannot_be_done_fails_the_whole_patch(operation: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        json_patch(DOCUMENT, [{"op": "add", "path": "/new", "value": 1}, operation])
    assert caught.value.status == 422


@pytest.mark.parametrize("operations", [{}, [{"op": "unheard", "path": "/a"}], [{"op": "add", "path": "/a"}], [1]])
def test_what_is_no_json_patch_is_a_bad_request(operations: Any) -> None:
    with pytest.raises(ApiError) as caught:
        json_patch(DOCUMENT, operations)
    assert caught.value.status == 400


def test_a_merge_patch_replaces_lists_and_null_removes() -> None:
    target = {"a": {"b": 1, "c": 2}, "l": [1, 2]}
    assert merge_patch(target, {"a": {"b": None, "d": {"e": None, "f": 1}}, "l": [3]}) == {
        "a": {"c": 2, "d": {"f": 1}},
        "l": [3],
    }


STRATEGIC: list[tuple[str, Any, Any, Any]] = [
    ("by key", {"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "2"}, {"name": "B"}]},
     {"env": [{"name": "B"}, {"name": "A", "value": "2"}]}),
    ("ports", {"ports": [{"port": 80, "name": "a"}]}, {"ports": [{"port": 80, "targetPort": 1}]},
     {"ports": [{"port": 80, "name": "a", "targetPort": 1}]}),
    ("delete", {"env": [{"name": "A"}, {"name": "B"}]}, {"env": [{"name": "A", "$patch": "delete"}]},
     {"env": [{"name": "B"}]}),
    ("replace list", {"env": [{"name": "A"}]}, {"env": [{"$patch": "replace"}, {"name": "B"}]}, {"env": [{"name": "B"}]}),
    ("replace map", {"m": {"a": 1}}, {"m": {"$patch": "replace", "b": 1}}, {"m": {"b": 1}}),
    ("retain keys", {"m": {"a": 1, "b": 2}}, {"m": {"$retainKeys": ["b"], "b": 3}}, {"m": {"b": 3}}),
    ("atomic", {"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
    ("primitives", {"finalizers": ["a"]}, {"finalizers": ["b"]}, {"finalizers": ["a", "b"]}),
    ("less primitives", {"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, {"finalizers": ["b"]}),
    ("null", {"m": {"a": 1}}, {"m": None}, {}),
    ("order hint", {"env": [{"name": "A"}]}, {"$setElementOrder/env": [{"name": "A"}], "env": [{"name": "A", "value": "1"}]},
     {"env": [{"name": "A", "value": "1"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("target", "patch", "expected"), [c[1:] for c in STRATEGIC], ids=[c[0] for c in STRATEGIC])
def test_a_strategic_patch_merges_lists_by_their_keys(target: Any, patch: Any, expected: Any) -> None:
    assert strategic_patch(target, patch) == expected
