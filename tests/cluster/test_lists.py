"""Lists: order, pages, selectors."""

from typing import Any

import pytest

from tests.backends import Backend
from tests.cluster.api import Api, eventually, names
from tests.cluster.objects import a_map, a_route


async def some_maps(api: Api, *wanted: str) -> None:
    for name in wanted:
        await api.create("configmaps", a_map(name))


async def test_a_list_is_in_the_order_of_names_and_has_a_version(api: Api) -> None:
    await some_maps(api, "b", "a", "c")
    listed = (await api.read("configmaps")).body
    assert (listed["kind"], listed["apiVersion"], names(listed)) == ("ConfigMapList", "v1", ["a", "b", "c"])
    assert listed["metadata"].keys() == {"resourceVersion"}
    newest = max(int(item["metadata"]["resourceVersion"]) for item in listed["items"])
    assert int(listed["metadata"]["resourceVersion"]) >= newest


async def test_items_of_a_list_of_built_in_kinds_do_not_repeat_their_kind(api: Api) -> None:
    await some_maps(api, "a")
    (item,) = await api.items("configmaps")
    assert item.keys() == {"metadata"}
    await api.create("httproutes", a_route())
    (route,) = await api.items("httproutes")
    assert (route["apiVersion"], route["kind"]) == ("gateway.networking.k8s.io/v1", "HTTPRoute")


async def test_an_empty_list_is_a_list(api: Api) -> None:
    for plural in ("configmaps", "httproutes", "rollouts"):
        assert (await api.read(plural)).body["items"] == []


async def test_a_list_is_paged_and_every_page_is_of_the_same_moment(api: Api) -> None:
    await some_maps(api, "a", "b", "c")
    first = (await api.read("configmaps", limit="2")).body
    await api.delete("configmaps", "c")
    second = (await api.read("configmaps", limit="2", **{"continue": first["metadata"]["continue"]})).body
    assert [names(page) for page in (first, second)] == [["a", "b"], ["c"]]
    assert first["metadata"]["remainingItemCount"] == 1
    assert second["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


async def test_a_page_of_a_selection_does_not_say_how_many_remain(api: Api) -> None:
    for name in "abc":
        await api.create("configmaps", a_map(name, labels={"app": "x"}))
    first = (await api.read("configmaps", limit="2", labelSelector="app=x")).body
    assert first["metadata"].keys() == {"resourceVersion", "continue"}
    rest = {"limit": "2", "labelSelector": "app=x", "continue": first["metadata"]["continue"]}
    assert names((await api.read("configmaps", **rest)).body) == ["c"]


async def test_a_page_of_a_compacted_list_is_gone(api: Api, backend: Backend) -> None:
    await some_maps(api, "a", "b")
    first = (await api.read("configmaps", limit="1")).body
    await some_maps(api, "c")
    await backend.compact()
    rest = {"limit": "1", "continue": first["metadata"]["continue"]}

    async def gone() -> Any:
        return (await api.read("configmaps", **rest)).brief

    await eventually(gone, (410, "Expired"))
    answer = await api.read("configmaps", **rest)
    assert answer.body["message"].startswith(
        "The provided continue parameter is too old to display a consistent list result. "
    )
    rest["continue"] = answer.body["metadata"]["continue"]  # for those who can live with an inconsistent list
    assert names((await api.read("configmaps", **rest)).body) == ["b"]


async def test_a_list_of_a_moment_before_the_compaction_is_gone(api: Api, backend: Backend) -> None:
    version = await api.version("configmaps")
    await some_maps(api, "a")
    exact = {"resourceVersion": version, "resourceVersionMatch": "Exact"}
    assert (await api.read("configmaps", **exact)).body["items"] == []
    await backend.compact()

    async def gone() -> Any:
        return (await api.read("configmaps", **exact)).brief

    await eventually(gone, (410, "Expired"))


async def test_a_continue_token_is_not_made_up(api: Api) -> None:
    answer = await api.read("configmaps", limit="1", **{"continue": "nonsense"})
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


async def test_a_list_not_older_than_a_version_has_what_was_written_at_it(api: Api) -> None:
    created = await api.create("configmaps", a_map("a"))
    version = created["metadata"]["resourceVersion"]
    assert names((await api.read("configmaps", resourceVersion=version)).body) == ["a"]
    assert (await api.read("configmaps", resourceVersion="0")).status == 200


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("app=a", ["a"]),
        ("app==a", ["a"]),
        ("app!=a", ["b", "c", "d"]),
        ("app in (a,b),tier!=gold", ["a"]),
        ("app in (a, c)", ["a", "c"]),
        ("app notin (a,b)", ["c", "d"]),
        ("tier", ["b"]),
        ("!tier", ["a", "c", "d"]),
        ("app=", []),
        ("app,!tier", ["a", "c"]),
        ("", ["a", "b", "c", "d"]),
    ],
)
async def test_a_label_selector_chooses_what_meets_all_of_its_requirements(
    api: Api, selector: str, expected: list[str]
) -> None:
    for name, labels in (("a", {"app": "a"}), ("b", {"app": "b", "tier": "gold"}), ("c", {"app": "c"}), ("d", {})):
        await api.create("configmaps", a_map(name, labels=labels))
    assert names((await api.read("configmaps", labelSelector=selector)).body) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("metadata.name=b", ["b"]),
        ("metadata.name!=b", ["a", "c"]),
        ("metadata.name!=b,metadata.namespace={namespace}", ["a", "c"]),
        ("metadata.namespace=elsewhere", []),
    ],
)
@pytest.mark.parametrize("plural", ["configmaps", "httproutes"])
async def test_a_field_selector_chooses_by_name_and_namespace(
    api: Api, plural: str, selector: str, expected: list[str]
) -> None:
    for name in "abc":
        await api.create(plural, a_map(name) if plural == "configmaps" else a_route(name=name))
    chosen = selector.format(namespace=api.namespace)
    assert names((await api.read(plural, fieldSelector=chosen)).body) == expected


async def test_pods_are_selected_by_phase_and_node(api: Api) -> None:
    pod = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    await api.create("pods", {"apiVersion": "v1", "kind": "Pod", **pod})

    async def running() -> list[str]:
        return names((await api.read("pods", fieldSelector="status.phase=Running")).body)

    await eventually(running, ["a"])
    assert names((await api.read("pods", fieldSelector="spec.nodeName=nowhere")).body) == []


async def test_events_are_selected_by_what_they_are_about(api: Api) -> None:
    for name, kind in (("one", "Deployment"), ("two", "Rollout")):
        about = {"kind": kind, "name": "shop", "namespace": api.namespace, "uid": f"uid-{name}"}
        event = {"metadata": {"name": name}, "involvedObject": about, "reason": "Said", "type": "Normal"}
        await api.create("events", {"apiVersion": "v1", "kind": "Event", **event})
    for selector, expected in (
        (f"involvedObject.kind=Rollout,involvedObject.name=shop,involvedObject.namespace={api.namespace}", ["two"]),
        ("involvedObject.uid=uid-one", ["one"]),
        ("reason=Said,type!=Warning", ["one", "two"]),
    ):
        assert names((await api.read("events", fieldSelector=selector)).body) == expected


async def test_a_selector_that_makes_no_sense_is_a_bad_request(api: Api) -> None:
    for plural, query in (
        ("configmaps", {"labelSelector": "a b c"}),
        ("configmaps", {"labelSelector": "a in b"}),
        ("configmaps", {"fieldSelector": "data.x=y"}),
        ("httproutes", {"fieldSelector": "spec.hostnames=a"}),
        ("configmaps", {"limit": "many"}),
    ):
        answer = await api.read(plural, **query)
        assert (answer.status, answer.body["reason"], query) == (400, "BadRequest", query)


async def test_a_list_of_all_namespaces_has_those_of_this_one(api: Api) -> None:
    await api.create("configmaps", a_map("a", labels={"of": api.namespace}))
    answer = await api.raw("GET", api.path("configmaps", everywhere=True), labelSelector=f"of={api.namespace}")
    assert [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in answer.body["items"]] == [("NS", "a")]
