"""Finalizers, owners and namespaces: what goes when."""

from typing import Any

from tests.cluster.api import Api, always, eventually
from tests.cluster.objects import a_deployment, a_map, a_pod, a_rollout, owned_by

HOLD = "example.com/hold"


async def left(api: Api, *plurals: str) -> list[str]:
    """The names of what there is."""
    return [each["metadata"]["name"] for plural in plurals for each in await api.items(plural)]


async def let_go(api: Api, plural: str, name: str) -> None:
    """Take the finalizers away."""
    assert (await api.merge(plural, name, {"metadata": {"finalizers": None}})).status == 200


async def test_a_finalizer_holds_an_object_until_it_is_taken_away(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    await api.merge("rollouts", "shop", {"metadata": {"finalizers": [HOLD]}})
    answer = await api.delete("rollouts", "shop")
    assert (answer.status, answer.body["kind"]) == (200, "Rollout")
    held = await api.get("rollouts", "shop")
    assert held["metadata"]["deletionTimestamp"]
    assert held["metadata"]["deletionGracePeriodSeconds"] == 0
    await let_go(api, "rollouts", "shop")
    assert (await api.read("rollouts", "shop")).status == 404


async def test_an_object_that_goes_can_still_be_written(api: Api) -> None:
    await api.create("configmaps", a_map(finalizers=[HOLD, "example.com/other"]))
    await api.delete("configmaps", "m")
    answer = await api.merge("configmaps", "m", {"data": {"a": "b"}, "metadata": {"finalizers": [HOLD]}})
    assert (answer.status, answer.body["data"], answer.body["metadata"]["finalizers"]) == (200, {"a": "b"}, [HOLD])
    again = await api.delete("configmaps", "m")
    assert (again.status, again.body["metadata"]["deletionTimestamp"]) == (
        200,
        answer.body["metadata"]["deletionTimestamp"],
    )
    await let_go(api, "configmaps", "m")


async def test_an_object_that_goes_gets_no_new_finalizer(api: Api) -> None:
    await api.create("configmaps", a_map(finalizers=[HOLD]))
    await api.delete("configmaps", "m")
    answer = await api.merge("configmaps", "m", {"metadata": {"finalizers": [HOLD, "example.com/new"]}})
    assert answer.brief == (422, "Invalid")
    assert set(answer.causes) == {
        (
            "FieldValueForbidden",
            "metadata.finalizers",
            "Forbidden: no new finalizers can be added if the object is being deleted, "
            'found new finalizers []string{"example.com/new"}',
        )
    }
    await let_go(api, "configmaps", "m")


async def test_a_deletion_cannot_be_taken_back(api: Api) -> None:
    await api.create("configmaps", a_map(finalizers=[HOLD]))
    await api.delete("configmaps", "m")
    answer = await api.merge("configmaps", "m", {"metadata": {"deletionTimestamp": None}})
    assert answer.body["metadata"]["deletionTimestamp"]
    await let_go(api, "configmaps", "m")


async def test_the_write_that_lets_an_object_go_is_not_what_its_deletion_shows(api: Api) -> None:
    await api.create("configmaps", a_map(finalizers=[HOLD]))
    await api.delete("configmaps", "m")
    version = await api.version("configmaps")
    async with api.watch("configmaps", resourceVersion=version) as stream:
        answer = await api.merge("configmaps", "m", {"metadata": {"finalizers": None, "labels": {"last": "words"}}})
        event = await stream.next()
    assert (answer.body["metadata"].get("finalizers"), answer.body["metadata"]["labels"]) == (None, {"last": "words"})
    assert (event["type"], event["object"]["metadata"]["finalizers"]) == ("DELETED", [HOLD])
    assert "labels" not in event["object"]["metadata"]


async def test_what_is_owned_goes_with_its_owner_down_to_the_last(api: Api) -> None:
    top = await api.create("configmaps", a_map("top"))
    middle = await api.create("configmaps", a_map("middle", ownerReferences=owned_by(top)))
    await api.create("configmaps", a_map("bottom", ownerReferences=owned_by(middle)))
    await api.create("configmaps", a_map("other"))
    await api.delete("configmaps", "top")
    await eventually(lambda: left(api, "configmaps"), ["other"])


async def test_a_custom_object_owns_too(api: Api) -> None:
    rollout = await api.create("rollouts", a_rollout())
    await api.create("configmaps", a_map("owned", ownerReferences=owned_by(rollout)))
    await api.delete("rollouts", "shop")
    await eventually(lambda: left(api, "configmaps"), [])


async def test_one_of_two_owners_keeps_an_object_and_the_dead_reference_goes(api: Api) -> None:
    one, two = await api.create("configmaps", a_map("one")), await api.create("configmaps", a_map("two"))
    await api.create("configmaps", a_map("shared", ownerReferences=owned_by(one, two)))
    await api.delete("configmaps", "one")

    async def owners() -> list[str]:
        shared = await api.get("configmaps", "shared")
        return [each["name"] for each in shared["metadata"]["ownerReferences"]]

    await eventually(owners, ["two"])


async def test_an_owner_of_another_life_is_no_owner(api: Api) -> None:
    old = await api.create("configmaps", a_map("owner"))
    await api.delete("configmaps", "owner")
    await api.create("configmaps", a_map("owner"))
    await api.create("configmaps", a_map("late", ownerReferences=owned_by(old)))
    await eventually(lambda: left(api, "configmaps"), ["owner"])


async def test_in_the_foreground_the_owner_goes_last(api: Api) -> None:
    top = await api.create("configmaps", a_map("top"))
    await api.create("configmaps", a_map("held", finalizers=[HOLD], ownerReferences=owned_by(top)))
    await api.delete("configmaps", "top", {"propagationPolicy": "Foreground"})

    async def marked() -> bool:
        return "deletionTimestamp" in (await api.get("configmaps", "held"))["metadata"]

    await eventually(marked)
    waiting = await api.get("configmaps", "top")
    assert waiting["metadata"]["finalizers"] == ["foregroundDeletion"]
    await always(lambda: left(api, "configmaps"), ["held", "top"])
    await let_go(api, "configmaps", "held")
    await eventually(lambda: left(api, "configmaps"), [])


async def test_what_does_not_block_is_not_waited_for(api: Api) -> None:
    top = await api.create("configmaps", a_map("top"))
    await api.create("configmaps", a_map("held", finalizers=[HOLD], ownerReferences=owned_by(top, block=False)))
    await api.delete("configmaps", "top", {"propagationPolicy": "Foreground"})
    await eventually(lambda: left(api, "configmaps"), ["held"])
    await let_go(api, "configmaps", "held")


async def test_an_orphan_deletion_leaves_what_was_owned(api: Api) -> None:
    top = await api.create("configmaps", a_map("top"))
    await api.create("configmaps", a_map("kept", ownerReferences=owned_by(top)))
    await api.delete("configmaps", "top", {"propagationPolicy": "Orphan"})
    await eventually(lambda: left(api, "configmaps"), ["kept"])
    assert "ownerReferences" not in (await api.get("configmaps", "kept"))["metadata"]


async def test_a_propagation_can_be_asked_for_in_the_query(api: Api) -> None:
    top = await api.create("configmaps", a_map("top"))
    await api.create("configmaps", a_map("kept", ownerReferences=owned_by(top)))
    await api.delete("configmaps", "top", propagationPolicy="Orphan")
    await eventually(lambda: left(api, "configmaps"), ["kept"])
    answer = await api.delete("configmaps", "kept", {"propagationPolicy": "Sideways"})
    assert answer.status == 422


async def test_a_deployment_takes_its_pods_with_it_in_the_foreground(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=2))

    async def pods() -> int:
        return len(await left(api, "pods"))

    await eventually(pods, 2)
    await api.delete("deployments", "shop", {"propagationPolicy": "Foreground"})
    await eventually(lambda: left(api, "deployments", "replicasets", "pods"), [])


async def test_a_deployment_that_leaves_orphans_leaves_running_pods(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=2))

    async def pods() -> int:
        return len(await left(api, "pods"))

    await eventually(pods, 2)
    await api.delete("deployments", "shop", {"propagationPolicy": "Orphan"})
    await eventually(lambda: left(api, "deployments"), [])
    await always(pods, 2)
    (replica_set,) = await api.items("replicasets")
    assert "ownerReferences" not in replica_set["metadata"]


async def test_a_namespace_goes_when_the_last_of_its_objects_has(api: Api) -> None:
    space = f"{api.namespace}-going"
    there = Api(api.url, space, api.session)
    await api.create("namespaces", {"metadata": {"name": space}})
    await there.create("configmaps", a_map("held", finalizers=[HOLD]))
    await there.create("configmaps", a_map("a"))
    await there.create("pods", a_pod())
    answer = await api.delete("namespaces", space)
    assert answer.status == 200

    async def phase() -> Any:
        return (await there.read("namespaces", space)).body.get("status", {}).get("phase")

    await eventually(lambda: left(there, "configmaps", "pods"), ["held"])
    assert await phase() == "Terminating"
    refused = await there.post("configmaps", a_map("late"))
    assert refused.problem == (
        403,
        "Forbidden",
        f'configmaps "late" is forbidden: unable to create new content in namespace {space} '
        "because it is being terminated",
    )
    assert refused.causes == [("NamespaceTerminating", "metadata.namespace", f"namespace {space} is being terminated")]
    await let_go(there, "configmaps", "held")

    async def gone() -> int:
        return (await there.read("namespaces", space)).status

    await eventually(gone, 404)
