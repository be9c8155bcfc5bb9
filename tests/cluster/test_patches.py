"""Conflicts, merge patches and JSON patches."""

from typing import Any

import pytest

from tests.cluster.api import STRATEGIC_PATCH, Api, at_rest
from tests.cluster.objects import a_deployment, a_map, a_ref, a_rollout, a_route

FAILED = "the server rejected our request due to an error in our request"
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


async def test_an_update_needs_the_current_version(api: Api) -> None:
    stale = await api.create("rollouts", a_rollout())
    await api.merge("rollouts", "shop", {"spec": {"replicas": 2}})
    answer = await api.put("rollouts", "shop", stale)
    assert answer.problem == (
        409,
        "Conflict",
        f'Operation cannot be fulfilled on rollouts.progressive.delivery "shop": {MODIFIED}',
    )
    assert answer.body["details"] == {"name": "shop", "group": "progressive.delivery", "kind": "rollouts"}


async def test_an_update_of_a_built_in_kind_without_a_version_overwrites(api: Api) -> None:
    await api.create("configmaps", a_map(data={"a": "1"}))
    assert (await api.put("configmaps", "m", a_map(data={"b": "1"}))).status == 200
    assert (await api.get("configmaps", "m"))["data"] == {"b": "1"}


@pytest.mark.parametrize(("plural", "body"), [("rollouts", a_rollout()), ("httproutes", a_route())])
async def test_an_update_of_a_custom_object_needs_a_version(api: Api, plural: str, body: Any) -> None:
    await api.create(plural, body)
    answer = await api.put(plural, "shop", body)
    assert answer.brief == (422, "Invalid")
    assert answer.causes == [
        ("FieldValueInvalid", "metadata.resourceVersion", "Invalid value: 0: must be specified for an update")
    ]


async def test_an_update_with_another_uid_is_a_conflict(api: Api) -> None:
    created = await api.create("rollouts", a_rollout())
    created["metadata"]["uid"] = "other"
    answer = await api.put("rollouts", "shop", created)
    assert answer.brief == (409, "Conflict")
    assert "Precondition failed: UID in precondition: other, UID in object meta: " in answer.body["message"]


@pytest.mark.parametrize("plural", ["rollouts", "deployments"])
async def test_a_merge_patch_with_a_stale_version_is_a_conflict(api: Api, plural: str) -> None:
    created = await api.create(plural, a_rollout() if plural == "rollouts" else a_deployment(paused=True))
    await at_rest(api, plural, "shop")
    fenced: dict[str, Any] = {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 0}}
    answer = await api.merge(plural, "shop", fenced)
    assert answer.brief == (409, "Conflict")
    assert answer.body["message"].endswith(MODIFIED)
    current = await api.get(plural, "shop")
    fenced["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
    assert (await api.merge(plural, "shop", fenced)).status == 200
    assert created["metadata"]["uid"] == current["metadata"]["uid"]


async def test_a_json_patch_that_writes_a_stale_version_is_a_conflict(api: Api) -> None:
    created = await api.create("httproutes", a_route(a_ref(weight=1)))
    fence = {"op": "replace", "path": "/metadata/resourceVersion", "value": created["metadata"]["resourceVersion"]}
    weight = {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 7}
    assert (await api.json_patch("httproutes", "shop", fence, weight)).status == 200
    answer = await api.json_patch("httproutes", "shop", fence, {**weight, "value": 8})
    assert answer.brief == (409, "Conflict")
    assert answer.body["message"].endswith(MODIFIED)


async def test_a_json_patch_that_tests_a_stale_version_has_failed(api: Api) -> None:
    created = await api.create("rollouts", a_rollout())
    fence = {"op": "test", "path": "/metadata/resourceVersion", "value": created["metadata"]["resourceVersion"]}
    replicas = {"op": "replace", "path": "/spec/replicas", "value": 7}
    assert (await api.json_patch("rollouts", "shop", fence, replicas)).status == 200
    answer = await api.json_patch("rollouts", "shop", fence, replicas)
    assert answer.problem == (422, "Invalid", FAILED)


async def test_a_stale_status_patch_is_a_conflict(api: Api) -> None:
    created = await api.create("rollouts", a_rollout())
    version = {"resourceVersion": created["metadata"]["resourceVersion"]}
    status = {"metadata": version, "status": {"message": "hello"}}
    assert (await api.merge("rollouts", "shop", status, "status")).status == 200
    assert (await api.merge("rollouts", "shop", status, "status")).brief == (409, "Conflict")
    assert (await api.put("rollouts", "shop", {**created, "status": {"message": "x"}}, "status")).status == 409


async def test_a_stale_patch_that_also_breaks_the_schema_is_refused_for_one_of_both(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    twice = [{"name": "shop"}, {"name": "shop"}]
    answer = await api.merge("rollouts", "shop", {"metadata": {"resourceVersion": "1"}, "spec": {"services": twice}})
    assert answer.brief == (409, "Conflict")
    answer = await api.merge("rollouts", "shop", {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": -1}})
    assert answer.brief == (409, "Conflict")


async def test_a_merge_patch_replaces_lists_and_null_removes(api: Api) -> None:
    await api.create("rollouts", a_rollout(analysis={"checks": [{"name": "restarts", "restarts": {"max": 0}}]}))
    steps = [{"weight": 5}, {"weight": 50}]
    patch = {"spec": {"replicas": None, "analysis": None, "strategy": {"canary": {"steps": steps}}}}
    answer = await api.merge("rollouts", "shop", patch)
    assert answer.status == 200
    expected = a_rollout(replicas=None, strategy={"canary": {"steps": steps}})["spec"]
    assert answer.body["spec"] == expected


async def test_a_merge_patch_of_metadata_is_by_key(api: Api) -> None:
    await api.create("configmaps", a_map(labels={"a": "1", "b": "2"}, annotations={"x": "1"}))
    patch = {"metadata": {"labels": {"a": None, "c": "3"}, "annotations": {"x": None, "y": None}}}
    answer = await api.merge("configmaps", "m", patch)
    assert answer.body["metadata"]["labels"] == {"b": "2", "c": "3"}
    assert "annotations" not in answer.body["metadata"]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        pytest.param([{"op": "add", "path": "/data/b", "value": "2"}], {"a": "1", "b": "2"}, id="add"),
        pytest.param([{"op": "add", "path": "/data/a", "value": "2"}], {"a": "2"}, id="add what is there"),
        pytest.param([{"op": "replace", "path": "/data/a", "value": "2"}], {"a": "2"}, id="replace"),
        pytest.param([{"op": "replace", "path": "/data/b", "value": "2"}], {"a": "1", "b": "2"}, id="replace nothing"),
        pytest.param([{"op": "remove", "path": "/data/a"}], None, id="remove"),
        pytest.param([{"op": "move", "from": "/data/a", "path": "/data/b"}], {"b": "1"}, id="move"),
        pytest.param([{"op": "copy", "from": "/data/a", "path": "/data/b"}], {"a": "1", "b": "1"}, id="copy"),
        pytest.param([{"op": "test", "path": "/data/a", "value": "1"}], {"a": "1"}, id="test"),
        pytest.param([{"op": "test", "path": "/data/b", "value": None}], {"a": "1"}, id="test of nothing"),
        pytest.param([{"op": "add", "path": "/data/x~1y~0z", "value": "2"}], {"a": "1"}, id="a bad key"),
    ],
)
async def test_a_json_patch_does_its_operations(api: Api, operations: list[Any], expected: Any) -> None:
    await api.create("configmaps", a_map(data={"a": "1"}))
    answer = await api.json_patch("configmaps", "m", *operations)
    if "x~1y~0z" in str(operations):
        assert answer.brief == (422, "Invalid")  # a key of data has no slash: the path was understood
        return
    assert (answer.status, answer.body.get("data")) == (200, expected)


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param({"op": "test", "path": "/data/a", "value": "2"}, id="test of another value"),
        pytest.param({"op": "test", "path": "/data/b", "value": "1"}, id="test of nothing"),
        pytest.param({"op": "test", "path": "/spec/x/y", "value": "1"}, id="test of nothing in nothing"),
        pytest.param({"op": "remove", "path": "/data/b"}, id="remove nothing"),
        pytest.param({"op": "add", "path": "/other/b", "value": "1"}, id="add to nothing"),
        pytest.param({"op": "move", "from": "/data/b", "path": "/data/c"}, id="move nothing"),
        pytest.param({"op": "replace", "path": "/other/b", "value": "1"}, id="replace in nothing"),
        pytest.param({"op": "copy", "from": "/other/b", "path": "/data/c"}, id="copy from nothing"),
    ],
)
async def test_an_operation_that_cannot_be_done_fails_the_whole_patch(api: Api, operation: Any) -> None:
    created = await api.create("configmaps", a_map(data={"a": "1"}))
    first = {"op": "replace", "path": "/data/a", "value": "3"}
    answer = await api.json_patch("configmaps", "m", first, operation)
    assert answer.problem == (422, "Invalid", FAILED)
    assert answer.body["details"] == {}
    assert await api.get("configmaps", "m") == created


async def test_lists_are_patched_by_position(api: Api) -> None:
    await api.create("httproutes", a_route(a_ref("a"), a_ref("b")))
    refs = "/spec/rules/0/backendRefs"
    operations = [
        {"op": "add", "path": f"{refs}/0", "value": a_ref("first")},
        {"op": "add", "path": f"{refs}/-", "value": a_ref("last")},
        {"op": "remove", "path": f"{refs}/1"},
        {"op": "test", "path": f"{refs}/1/name", "value": "b"},
        {"op": "add", "path": f"{refs}/1/weight", "value": 5},
    ]
    answer = await api.json_patch("httproutes", "shop", *operations)
    assert answer.status == 200, answer.body
    found = [(ref["name"], ref["weight"]) for ref in answer.body["spec"]["rules"][0]["backendRefs"]]
    assert found == [("first", 1), ("b", 5), ("last", 1)]
    beyond = {"op": "add", "path": f"{refs}/9", "value": a_ref("x")}
    assert (await api.json_patch("httproutes", "shop", beyond)).brief == (422, "Invalid")


async def test_a_test_compares_numbers_objects_and_lists_as_json(api: Api) -> None:
    created = await api.create("httproutes", a_route(a_ref(weight=100)))
    ref = created["spec"]["rules"][0]["backendRefs"][0]
    at = "/spec/rules/0/backendRefs"
    right = [
        {"op": "test", "path": f"{at}/0/weight", "value": 100},
        {"op": "test", "path": f"{at}/0", "value": dict(reversed(ref.items()))},
        {"op": "test", "path": at, "value": [ref]},
    ]
    assert (await api.json_patch("httproutes", "shop", *right)).status == 200
    for wrong in (
        {"op": "test", "path": f"{at}/0/weight", "value": "100"},
        {"op": "test", "path": f"{at}/0", "value": {**ref, "weight": 1}},
        {"op": "test", "path": at, "value": []},
        {"op": "test", "path": f"{at}/1", "value": ref},
    ):
        assert (await api.json_patch("httproutes", "shop", wrong)).brief == (422, "Invalid")


async def test_a_weight_is_moved_behind_tests_though_somebody_writes_the_status(api: Api) -> None:
    await api.create("httproutes", a_route(a_ref(weight=100)))
    await api.merge("httproutes", "shop", {"status": {"parents": []}}, "status")
    path = "/spec/rules/0/backendRefs/0"
    operations = [
        {"op": "test", "path": f"{path}/name", "value": "shop"},
        {"op": "test", "path": f"{path}/weight", "value": 100},
        {"op": "replace", "path": f"{path}/weight", "value": 90},
    ]
    answer = await api.json_patch("httproutes", "shop", *operations)
    assert (answer.status, answer.body["metadata"]["generation"]) == (200, 2)
    assert answer.body["spec"]["rules"][0]["backendRefs"][0]["weight"] == 90
    assert (await api.json_patch("httproutes", "shop", *operations)).problem == (422, "Invalid", FAILED)


@pytest.mark.parametrize("patch", [b"{}", b"[1]", b"{", b'[{"op": "unheard", "path": "/a"}]'])
async def test_what_is_no_json_patch_is_refused(api: Api, patch: bytes) -> None:
    await api.create("configmaps", a_map())
    path = api.path("configmaps", "m")
    answer = await api.raw("PATCH", path, patch, media="application/json-patch+json")
    assert answer.status in (400, 422)
    assert answer.body["kind"] == "Status"


async def test_a_strategic_patch_merges_containers_by_name_and_custom_objects_refuse_it(api: Api) -> None:
    template = {"spec": {"containers": [{"name": "web", "env": [{"name": "B", "value": "2"}]}]}}
    given = a_deployment()
    given["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "1"}]
    await api.create("deployments", given)
    path = api.path("deployments", "shop")
    answer = await api.raw("PATCH", path, {"spec": {"template": template}}, media=STRATEGIC_PATCH)
    container = answer.body["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "web:1"
    assert container["env"] == [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]  # what is new goes first
    await api.create("httproutes", a_route())
    answer = await api.raw("PATCH", api.path("httproutes", "shop"), {}, media=STRATEGIC_PATCH)
    assert answer.brief == (415, "UnsupportedMediaType")


async def test_a_patch_cannot_rename_or_move(api: Api) -> None:
    await api.create("configmaps", a_map())
    answer = await api.merge("configmaps", "m", {"metadata": {"name": "n"}})
    assert answer.brief in ((400, "BadRequest"), (422, "Invalid"))
    answer = await api.merge("configmaps", "m", {"metadata": {"namespace": "elsewhere"}})
    assert answer.brief == (400, "BadRequest")
