"""Dry runs answer as if, and store nothing."""

from tests.cluster.api import Api, plain
from tests.cluster.objects import a_deployment, a_map, a_rollout
from tests.cluster.test_validation import TYPO, WHERE

DRY = {"dryRun": "All"}


async def test_a_create_that_is_only_tried_answers_as_if(api: Api) -> None:
    answer = await api.post("deployments", a_deployment(replicas=None), **DRY)
    assert (answer.status, answer.body["spec"]["replicas"]) == (201, 1)
    assert answer.body["metadata"]["uid"]
    assert "resourceVersion" not in answer.body["metadata"]
    assert await api.items("deployments") == []


async def test_a_tried_write_changes_nothing(api: Api) -> None:
    before = await api.create("rollouts", a_rollout())
    merged = await api.merge("rollouts", "shop", {"spec": {"replicas": 4}}, **DRY)
    assert (merged.body["spec"]["replicas"], merged.body["metadata"]["generation"]) == (4, 2)
    assert merged.body["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    put = await api.put("rollouts", "shop", {**before, "spec": {**before["spec"], "replicas": 5}}, **DRY)
    assert put.body["spec"]["replicas"] == 5
    scaled = await api.merge("rollouts", "shop", {"spec": {"replicas": 6}}, "scale", **DRY)
    assert scaled.body["spec"] == {"replicas": 6}
    status = await api.merge("rollouts", "shop", {"status": {"message": "x"}}, "status", **DRY)
    assert status.body["status"] == {"message": "x"}
    applied = await api.apply("rollouts", a_rollout(replicas=7), force="true", **DRY)
    assert applied.body["spec"]["replicas"] == 7
    assert await api.get("rollouts", "shop") == before


async def test_a_tried_deletion_deletes_nothing(api: Api) -> None:
    before = await api.create("configmaps", a_map())
    assert (await api.delete("configmaps", "m", **DRY)).status == 200
    assert (await api.delete("configmaps", "m", {"dryRun": ["All"]})).status == 200
    assert plain(await api.get("configmaps", "m")) == plain(before)


async def test_what_is_tried_is_validated(api: Api) -> None:
    assert (await api.post("deployments", a_deployment(replicas=-1), **DRY)).brief == (422, "Invalid")
    await api.create("configmaps", a_map())
    assert (await api.post("configmaps", a_map(), **DRY)).brief == (409, "AlreadyExists")


async def test_a_strict_dry_run_names_an_unknown_field_of_a_pod(api: Api) -> None:
    answer = await api.post("deployments", TYPO, fieldValidation="Strict", **DRY)
    assert answer.brief == (400, "BadRequest")
    assert WHERE in answer.body["message"]


async def test_an_unknown_kind_of_dry_run_is_refused(api: Api) -> None:
    answer = await api.post("configmaps", a_map(), dryRun="Some")
    assert answer.brief == (422, "Invalid")
