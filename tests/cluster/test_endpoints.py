"""EndpointSlices say which pods a Service reaches."""

from typing import Any

from tests.cluster.api import Api, always, eventually
from tests.cluster.objects import a_pod, a_service

LABEL = "kubernetes.io/service-name"


async def slices(api: Api, service: str = "shop") -> list[Any]:
    return await api.items("endpointslices", labelSelector=f"{LABEL}={service}")


async def shown(api: Api, service: str = "shop") -> dict[str, bool]:
    """Whether each pod of a Service is ready in its slices."""
    entries = [entry for found in await slices(api, service) for entry in found.get("endpoints") or ()]
    return {entry["targetRef"]["name"]: entry["conditions"]["ready"] for entry in entries}


async def conditions(api: Api) -> list[Any]:
    entries = [entry for found in await slices(api) for entry in found.get("endpoints") or ()]
    return [entry["conditions"] for entry in entries]


async def test_a_slice_names_the_ready_pods_and_belongs_to_the_service(api: Api) -> None:
    service = await api.create("services", a_service())
    pod = await api.create("pods", a_pod())
    await eventually(lambda: shown(api), {"one": True})
    (found,) = await slices(api)
    running = await api.get("pods", "one")
    assert found["addressType"] == "IPv4"
    assert found["metadata"]["labels"] == {
        LABEL: "shop",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert found["metadata"]["name"].startswith("shop-")
    assert found["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "name": "shop",
            "uid": service["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert found["ports"] == [{"name": "web", "protocol": "TCP", "port": 8080}]
    assert found["endpoints"] == [
        {
            "addresses": [running["status"]["podIP"]],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": running["spec"]["nodeName"],
            "targetRef": {"kind": "Pod", "namespace": "NS", "name": "one", "uid": pod["metadata"]["uid"]},
        }
    ]


async def test_a_pod_that_is_not_ready_is_listed_as_such(api: Api) -> None:
    await api.create("services", a_service())
    await api.create("pods", a_pod(annotations={"sandbox/never-ready": "true"}))
    await eventually(lambda: conditions(api), [{"ready": False, "serving": False, "terminating": False}])
    await api.merge("pods", "one", {"metadata": {"annotations": {"sandbox/never-ready": None}}})
    await eventually(lambda: shown(api), {"one": True})
    await api.merge("pods", "one", {"metadata": {"annotations": {"sandbox/never-ready": "true"}}})
    await eventually(lambda: shown(api), {"one": False})


async def test_a_pod_on_its_way_out_may_serve_but_is_not_ready(api: Api) -> None:
    await api.create("services", a_service())
    await api.create("pods", a_pod(finalizers=["example.com/hold"]))
    await eventually(lambda: shown(api), {"one": True})
    version = await api.version("endpointslices")
    await api.delete("pods", "one")
    async with api.watch("endpointslices", resourceVersion=version) as stream:
        event = await stream.next()
    assert [entry["conditions"] for entry in event["object"]["endpoints"]] == [
        {"ready": False, "serving": True, "terminating": True}
    ]
    await api.merge("pods", "one", {"metadata": {"finalizers": None}})


async def test_a_pod_that_is_gone_leaves_the_slice_in_place_and_empty(api: Api) -> None:
    await api.create("services", a_service())
    await api.create("pods", a_pod())
    await eventually(lambda: shown(api), {"one": True})
    (before,) = await slices(api)
    await api.delete("pods", "one")
    await eventually(lambda: _contents(api), [None])
    assert (await slices(api))[0]["metadata"]["uid"] == before["metadata"]["uid"]


async def _contents(api: Api) -> list[Any]:
    return [found["endpoints"] for found in await slices(api)]


async def test_a_service_without_pods_has_an_empty_slice(api: Api) -> None:
    await api.create("services", a_service())
    await eventually(lambda: _contents(api), [None])
    (found,) = await slices(api)
    assert (found["addressType"], found["ports"]) == ("IPv4", None)


async def test_a_changed_selector_or_label_changes_who_is_reached(api: Api) -> None:
    await api.create("services", a_service())
    await api.create("pods", a_pod("old", labels={"version": "1"}))
    await api.create("pods", a_pod("new", labels={"version": "2"}))
    await eventually(lambda: shown(api), {"old": True, "new": True})
    await api.merge("services", "shop", {"spec": {"selector": {"version": "2"}}})
    await eventually(lambda: shown(api), {"new": True})
    await api.merge("pods", "old", {"metadata": {"labels": {"version": "2"}}})
    await eventually(lambda: shown(api), {"old": True, "new": True})
    await api.merge("pods", "new", {"metadata": {"labels": {"app": "other"}}})
    await eventually(lambda: shown(api), {"old": True})


async def test_a_service_without_a_selector_gets_no_slice(api: Api) -> None:
    await api.create("services", a_service("manual", selector=None))
    await api.create("services", a_service())

    async def count() -> int:
        return len(await slices(api))

    await eventually(count, 1)

    async def manual() -> list[Any]:
        return await slices(api, "manual")

    await always(manual, [])


async def test_the_labels_of_a_service_are_on_its_slices(api: Api) -> None:
    service = a_service()
    service["metadata"]["labels"] = {"team": "web"}
    await api.create("services", service)

    async def team() -> list[Any]:
        return [found["metadata"]["labels"].get("team") for found in await slices(api)]

    await eventually(team, ["web"])


async def test_a_target_port_is_a_number_or_the_name_of_a_container_port(api: Api) -> None:
    await api.create("pods", a_pod())
    for name, target, expected in (("by-name", "http", [8080]), ("by-number", 9000, [9000])):
        await api.create("services", a_service(name, ports=[{"name": "web", "port": 80, "targetPort": target}]))

        async def ports(service: str = name) -> list[Any]:
            found = await slices(api, service)
            return [port["port"] for each in found for port in each.get("ports") or ()]

        await eventually(ports, expected)


async def test_a_slice_that_is_deleted_comes_back(api: Api) -> None:
    await api.create("services", a_service())
    await api.create("pods", a_pod())
    await eventually(lambda: shown(api), {"one": True})
    (found,) = await slices(api)
    await api.delete("endpointslices", found["metadata"]["name"])
    await eventually(lambda: shown(api), {"one": True})


async def test_slices_go_with_their_service(api: Api) -> None:
    await api.create("services", a_service())
    await eventually(lambda: _contents(api), [None])
    await api.delete("services", "shop")
    await eventually(lambda: _contents(api), [])


async def test_settled_slices_are_not_written(api: Api) -> None:
    await api.create("services", a_service())
    await api.create("pods", a_pod())
    await eventually(lambda: shown(api), {"one": True})

    async def versions() -> list[str]:
        return [found["metadata"]["resourceVersion"] for found in await slices(api)]

    before = await versions()
    await always(versions, before)
