from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.models.kinds import Manifest
from rollout.traffic.patch import json_patch, pointer
from tests.traffic.json_patch import RefusedError, apply

JSON = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b/c", "d~e", "~1"]), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b/c", "d~e", "~1"]), JSON)


@given(before=OBJECTS, after=OBJECTS)
def test_a_patch_makes_the_one_into_the_other(before: Manifest, after: Manifest) -> None:
    assert apply(before, json_patch(before, after)) == after


@given(before=OBJECTS, after=OBJECTS)
def test_each_value_that_is_taken_away_was_tested_right_before(before: Manifest, after: Manifest) -> None:
    patch = json_patch(before, after)
    for position, operation in enumerate(patch):
        if operation["op"] in ("replace", "remove"):
            test = patch[position - 1]
            assert (test["op"], test["path"]) == ("test", operation["path"])
            apply(before, [test])


@given(manifest=OBJECTS)
def test_equal_manifests_need_no_patch(manifest: Manifest) -> None:
    assert json_patch(manifest, manifest) == ()
    assert json_patch(manifest, manifest, resource_version="7") == ()


def test_keys_are_escaped_as_json_pointers_want_it() -> None:
    assert pointer(("metadata", "annotations", "a/b~c")) == "/metadata/annotations/a~1b~0c"


def test_backends_are_replaced_as_a_whole_and_rules_one_by_one() -> None:
    before = {"rules": [{"name": "a", "backendRefs": [{"weight": 1}]}, {"backendRefs": [{"weight": 1}, {"weight": 0}]}]}
    after = {"rules": [{"name": "b", "backendRefs": [{"weight": 1}]}, {"backendRefs": [{"weight": 1}, {"weight": 2}]}]}
    assert json_patch(before, after) == (
        {"op": "test", "path": "/rules/0/name", "value": "a"},
        {"op": "replace", "path": "/rules/0/name", "value": "b"},
        {"op": "test", "path": "/rules/1/backendRefs", "value": [{"weight": 1}, {"weight": 0}]},
        {"op": "replace", "path": "/rules/1/backendRefs", "value": [{"weight": 1}, {"weight": 2}]},
    )


def test_a_list_of_another_length_is_replaced_as_a_whole() -> None:
    assert json_patch({"rules": [1, 2]}, {"rules": [1]}) == (
        {"op": "test", "path": "/rules", "value": [1, 2]},
        {"op": "replace", "path": "/rules", "value": [1]},
    )


def test_a_map_that_is_missing_is_added_with_its_entry() -> None:
    before: Manifest = {"metadata": {"name": "shop"}}
    assert json_patch(before, {"metadata": {"name": "shop", "annotations": {"a/b": "1"}}}) == (
        {"op": "add", "path": "/metadata/annotations", "value": {"a/b": "1"}},
    )


@pytest.mark.parametrize("field", ["annotations", "labels"])
def test_the_last_entry_of_a_shared_map_goes_without_those_that_others_added_meanwhile(field: str) -> None:
    patch = json_patch({"metadata": {field: {"ours": "1"}}}, {"metadata": {}})
    assert apply({"metadata": {field: {"ours": "1", "theirs": "2"}}}, patch) == {"metadata": {field: {"theirs": "2"}}}
    with pytest.raises(RefusedError):
        apply({"metadata": {field: {"ours": "2"}}}, patch)


def test_a_resource_version_is_a_precondition_for_everything() -> None:
    assert json_patch({"a": 1}, {"a": 1, "b": 2}, resource_version="7") == (
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/b", "value": 2},
    )


@pytest.mark.parametrize(
    ("value", "other"), [(None, 0), (1, "1"), ({}, []), ([], {"a": 1}), ({"a": 1}, 3), ([1], [[1]])]
)
def test_a_value_of_another_type_is_replaced(value: Any, other: Any) -> None:
    assert apply({"a": value}, json_patch({"a": value}, {"a": other})) == {"a": other}
