"""Deployments, as whoever drives them depends on it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.cluster.api import Api, always, eventually, plain
from tests.cluster.objects import a_deployment, a_pod, a_template

COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")
NEVER_READY = {"metadata": {"labels": {"app": "shop"}, "annotations": {"sandbox/never-ready": "true"}}}


async def counts(api: Api) -> dict[str, int]:
    """The counts of the Deployment's status once it speaks of the current spec."""
    shop = await api.get("deployments", "shop")
    status = shop["status"]
    if status.get("observedGeneration") != shop["metadata"]["generation"]:
        return {"observedGeneration": -1}
    return {name: status[name] for name in COUNTS if name in status}


def settled(replicas: int) -> dict[str, int]:
    return dict.fromkeys(COUNTS[:4], replicas)


async def condition(api: Api, type_: str) -> Any:
    """Status and reason of a condition."""
    shop = await api.get("deployments", "shop")
    conditions = shop["status"].get("conditions", [])
    return next(((each["status"], each["reason"]) for each in conditions if each["type"] == type_), None)


async def images(api: Api) -> list[str]:
    """The images of the pods that are not on their way out, each once."""
    found = [pod for pod in await api.items("pods") if "deletionTimestamp" not in pod["metadata"]]
    return sorted({pod["spec"]["containers"][0]["image"] for pod in found})


async def pods(api: Api) -> int:
    return len(await api.items("pods"))


async def sizes(api: Api) -> dict[str, int]:
    """What each ReplicaSet wants, by image."""
    found = await api.items("replicasets")
    return {each["spec"]["template"]["spec"]["containers"][0]["image"]: each["spec"]["replicas"] for each in found}


async def spec(api: Api, **fields: Any) -> Any:
    """Change the Deployment's spec."""
    answer = await api.merge("deployments", "shop", {"spec": fields})
    assert answer.status == 200, answer.body
    return answer.body


async def test_a_deployment_reaches_its_size_and_says_so(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=3))
    await eventually(lambda: counts(api), settled(3))
    await eventually(lambda: condition(api, "Available"), ("True", "MinimumReplicasAvailable"))
    await eventually(lambda: condition(api, "Progressing"), ("True", "NewReplicaSetAvailable"))
    status = (await api.get("deployments", "shop"))["status"]
    assert status["observedGeneration"] == 1 or status["observedGeneration"] == 2


async def test_a_status_of_a_deployment_has_these_fields(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=1))
    await eventually(lambda: counts(api), settled(1))
    await eventually(lambda: condition(api, "Progressing"), ("True", "NewReplicaSetAvailable"))
    status = (await api.get("deployments", "shop"))["status"]
    assert status.keys() - {"terminatingReplicas"} == {"observedGeneration", "conditions", *COUNTS[:4]}
    assert {each["type"]: each["message"].split('"')[0] for each in status["conditions"]} == {
        "Available": "Deployment has minimum availability.",
        "Progressing": "ReplicaSet ",
    }
    for each in status["conditions"]:
        assert each.keys() == {"type", "status", "reason", "message", "lastUpdateTime", "lastTransitionTime"}


async def test_counts_of_zero_are_left_out_of_the_status(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=0))
    await eventually(lambda: condition(api, "Progressing"), ("True", "NewReplicaSetAvailable"))
    await eventually(lambda: counts(api), {})


async def test_objects_are_named_labelled_and_owned(api: Api) -> None:
    deployment = await api.create("deployments", a_deployment(replicas=1))
    await eventually(lambda: counts(api), settled(1))
    (replica_set,), (pod,) = await api.items("replicasets"), await api.items("pods")
    digest = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"shop-{digest}"
    assert replica_set["spec"]["selector"] == {"matchLabels": {"app": "shop", "pod-template-hash": digest}}
    assert replica_set["metadata"]["annotations"] == {
        "deployment.kubernetes.io/desired-replicas": "1",
        "deployment.kubernetes.io/max-replicas": "2",
        "deployment.kubernetes.io/revision": "1",
    }
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "uid": deployment["metadata"]["uid"]}
    assert replica_set["metadata"]["ownerReferences"] == [{**owner, "controller": True, "blockOwnerDeletion": True}]
    assert pod["metadata"]["name"].startswith(f"shop-{digest}-")
    assert pod["metadata"]["generateName"] == f"shop-{digest}-"
    assert pod["metadata"]["labels"] == {"app": "shop", "pod-template-hash": digest}
    assert pod["metadata"]["ownerReferences"][0]["uid"] == replica_set["metadata"]["uid"]
    shop = await api.get("deployments", "shop")
    assert shop["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}


async def test_scaling_needs_no_new_replicaset(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=2))
    await eventually(lambda: counts(api), settled(2))
    for replicas in (4, 1, 0):
        await spec(api, replicas=replicas)
        await eventually(lambda: pods(api), replicas)
    assert await sizes(api) == {"web:1": 0}


async def test_a_pod_that_is_deleted_is_replaced(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=2))
    await eventually(lambda: counts(api), settled(2))
    first = (await api.items("pods"))[0]["metadata"]["name"]
    await api.delete("pods", first)

    async def there() -> bool:
        return first in [pod["metadata"]["name"] for pod in await api.items("pods")]

    await eventually(there, False)
    await eventually(lambda: counts(api), settled(2))


async def test_a_rolling_update_ends_with_the_new_template(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=3))
    await eventually(lambda: counts(api), settled(3))
    await spec(api, template=a_template("web:2"))
    await eventually(lambda: counts(api), settled(3))
    await eventually(lambda: images(api), ["web:2"])
    assert await sizes(api) == {"web:1": 0, "web:2": 3}
    shop = await api.get("deployments", "shop")
    assert shop["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"


async def test_a_rolling_update_stops_at_pods_that_do_not_become_ready(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=4))
    await eventually(lambda: counts(api), settled(4))
    await spec(api, template={**a_template("web:2"), **NEVER_READY})
    stuck = {"replicas": 5, "updatedReplicas": 2, "readyReplicas": 3, "availableReplicas": 3, "unavailableReplicas": 2}
    await eventually(lambda: counts(api), stuck)
    await always(lambda: sizes(api), {"web:1": 3, "web:2": 2})


async def test_a_template_that_returns_reuses_its_replicaset_with_the_next_revision(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=1))
    await eventually(lambda: counts(api), settled(1))
    for image in ("web:2", "web:1"):
        await spec(api, template=a_template(image))
        await eventually(lambda: counts(api), settled(1))
        await eventually(lambda: images(api), [image])
    assert len(await api.items("replicasets")) == 2
    shop = await api.get("deployments", "shop")
    assert shop["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


async def test_recreate_starts_the_new_pods_when_the_old_ones_are_gone(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=2, strategy={"type": "Recreate"}))
    await eventually(lambda: counts(api), settled(2))
    version = await api.version("pods")
    await spec(api, template=a_template("web:2"))
    await eventually(lambda: images(api), ["web:2"])
    await eventually(lambda: counts(api), settled(2))
    seen: list[tuple[str, str]] = []
    async with api.watch("pods", resourceVersion=version, timeoutSeconds="1") as stream:
        while not seen or seen[-1] != ("ADDED", "web:2"):
            event = await stream.next()
            seen.append((event["type"], event["object"]["spec"]["containers"][0]["image"]))
    assert seen.count(("DELETED", "web:1")) == 2


async def test_a_paused_deployment_is_scaled_but_not_rolled(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=2))
    await eventually(lambda: counts(api), settled(2))
    await spec(api, paused=True)
    await eventually(lambda: condition(api, "Progressing"), ("Unknown", "DeploymentPaused"))
    await spec(api, template=a_template("web:2"), replicas=3)
    await eventually(lambda: pods(api), 3)
    await always(lambda: sizes(api), {"web:1": 3})
    observed = await counts(api)
    assert observed["readyReplicas"] in (2, 3)
    await spec(api, paused=False)
    await eventually(lambda: images(api), ["web:2"])
    await eventually(lambda: condition(api, "Progressing"), ("True", "NewReplicaSetAvailable"))


async def test_a_paused_new_deployment_has_no_pods(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=2, paused=True))
    await eventually(lambda: condition(api, "Progressing"), ("Unknown", "DeploymentPaused"))
    await always(lambda: sizes(api), {})


async def test_a_deployment_without_progress_exceeds_its_deadline(api: Api) -> None:
    template = {**a_template(), **NEVER_READY}
    await api.create("deployments", a_deployment(replicas=1, template=template, progressDeadlineSeconds=1))
    await eventually(lambda: condition(api, "Progressing"), ("False", "ProgressDeadlineExceeded"))
    assert await condition(api, "Available") == ("False", "MinimumReplicasUnavailable")


async def test_pods_are_available_only_after_min_ready_seconds(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=1, minReadySeconds=2))
    ready = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "unavailableReplicas": 1}
    await eventually(lambda: counts(api), ready)
    await eventually(lambda: counts(api), settled(1))


async def test_revision_history_is_bounded(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=1, revisionHistoryLimit=1))
    for image in ("web:2", "web:3", "web:4"):
        await eventually(lambda: counts(api), settled(1))
        await spec(api, template=a_template(image))
    await eventually(lambda: sizes(api), {"web:3": 0, "web:4": 1})


async def test_an_orphaned_replicaset_and_its_pods_are_adopted(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=2))
    await eventually(lambda: counts(api), settled(2))
    before = {pod["metadata"]["uid"] for pod in await api.items("pods")}
    await api.delete("deployments", "shop", {"propagationPolicy": "Orphan"})

    async def gone() -> int:
        return (await api.read("deployments", "shop")).status

    await eventually(gone, 404)
    again = await api.create("deployments", a_deployment(replicas=2))
    await eventually(lambda: counts(api), settled(2))
    (replica_set,) = await api.items("replicasets")
    assert replica_set["metadata"]["ownerReferences"][0]["uid"] == again["metadata"]["uid"]
    assert {pod["metadata"]["uid"] for pod in await api.items("pods")} == before


async def test_a_pod_that_stops_matching_its_selector_is_let_go_and_replaced(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=1))
    await eventually(lambda: counts(api), settled(1))
    (pod,) = await api.items("pods")
    await api.merge("pods", pod["metadata"]["name"], {"metadata": {"labels": {"app": "other"}}})
    await eventually(lambda: pods(api), 2)
    released = await api.get("pods", pod["metadata"]["name"])
    assert released["metadata"].get("ownerReferences") is None


async def test_a_settled_deployment_is_not_written(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=1))
    await eventually(lambda: counts(api), settled(1))
    await eventually(lambda: condition(api, "Progressing"), ("True", "NewReplicaSetAvailable"))
    await always(lambda: counts(api), settled(1), turns=25)

    async def versions() -> list[str]:
        found = [*await api.items("deployments"), *await api.items("replicasets"), *await api.items("pods")]
        return [each["metadata"]["resourceVersion"] for each in found]

    before = await versions()
    await always(versions, before)


async def test_a_pod_runs_and_says_so(api: Api) -> None:
    await api.create("pods", a_pod())

    async def ready() -> bool:
        pod = await api.get("pods", "one")
        return {"Ready": "True"}.items() <= {
            each["type"]: each["status"] for each in pod["status"].get("conditions", ())
        }.items()

    await eventually(ready)
    pod = await api.get("pods", "one")
    assert pod["spec"]["nodeName"]
    status = pod["status"]
    assert (status["phase"], status["podIP"], status["podIPs"]) == (
        "Running",
        status["podIP"],
        [{"ip": status["podIP"]}],
    )
    (container,) = status["containerStatuses"]
    assert (container["name"], container["image"], container["ready"], container["restartCount"]) == (
        "web",
        "web:1",
        True,
        0,
    )


async def _phase(api: Api) -> Any:
    return (await api.get("pods", "one"))["status"]["phase"]


async def test_a_pod_goes_after_its_grace(api: Api) -> None:
    await api.create("pods", a_pod(finalizers=["example.com/hold"]))
    await eventually(lambda: _phase(api), "Running")
    answer = await api.delete("pods", "one")
    meta = answer.body["metadata"]
    assert (answer.status, answer.body["kind"], meta["deletionGracePeriodSeconds"]) == (200, "Pod", 30)
    grace = datetime.fromisoformat(meta["deletionTimestamp"]) - datetime.fromisoformat(meta["creationTimestamp"])
    assert grace >= timedelta(seconds=30)  # the moment at which the grace is over
    await api.merge("pods", "one", {"metadata": {"finalizers": None}})

    async def gone() -> int:
        return (await api.read("pods", "one")).status

    await eventually(gone, 404)


@pytest.mark.parametrize("grace", [0, 1])
async def test_a_pod_can_be_given_less_grace(api: Api, grace: int) -> None:
    await api.create("pods", a_pod())
    answer = await api.delete("pods", "one", {"gracePeriodSeconds": grace})
    assert answer.status == 200

    async def gone() -> int:
        return (await api.read("pods", "one")).status

    await eventually(gone, 404)


async def test_an_autoscaler_is_stored_as_it_is_written(api: Api) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    body = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 5},
    }
    created = await api.create("horizontalpodautoscalers", body)
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    assert plain(created)["spec"] == {"scaleTargetRef": target, "maxReplicas": 5, "minReplicas": 1, "metrics": [cpu]}
    moved = await api.merge("horizontalpodautoscalers", "shop", {"spec": {"scaleTargetRef": {"name": "other"}}})
    assert moved.body["spec"]["scaleTargetRef"] == {**target, "name": "other"}
