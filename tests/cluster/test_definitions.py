"""Our definitions and examples on a server: they install without a warning and show what kubectl prints."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.api import TABLE, Api, eventually
from tests.cluster.objects import a_deployment, a_map, a_pod, a_rollout, a_service
from tests.cluster.trains import a_definition, a_train, trains_of

ROOT = Path(__file__).parents[2]
CRDS = sorted((ROOT / "crds").glob("*.yaml"))
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
PLURALS = {
    "Ingress": "ingresses",
    "AnalysisTemplate": "analysistemplates",
    "ClusterAnalysisTemplate": "clusteranalysistemplates",
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "GRPCRoute": "grpcroutes",
    "Gateway": "gateways",
    "HTTPRoute": "httproutes",
    "Rollout": "rollouts",
    "Service": "services",
}


@pytest.mark.parametrize("text", [path.read_text() for path in CRDS], ids=[path.stem for path in CRDS])
async def test_a_definition_installs_without_a_warning_and_is_established(api: Api, text: str) -> None:
    # Of another group, since the real one is installed already.
    definition = yaml.safe_load(text.replace("progressive.delivery", "example.org"))
    name = definition["metadata"]["name"]
    answer = await api.post("customresourcedefinitions", definition, fieldValidation="Strict")
    assert (answer.status, answer.warnings) == (201, ())

    async def conditions() -> dict[str, str]:
        current = await api.get("customresourcedefinitions", name)
        return {each["type"]: each["status"] for each in current["status"]["conditions"] or ()}

    await eventually(conditions, {"NamesAccepted": "True", "Established": "True"})
    await api.delete("customresourcedefinitions", name)


@pytest.mark.parametrize("text", [path.read_text() for path in EXAMPLES], ids=[path.stem for path in EXAMPLES])
async def test_an_example_can_be_created_without_a_warning(api: Api, text: str) -> None:
    for each in yaml.safe_load_all(text):
        manifest = {**each, "metadata": {**each["metadata"], "namespace": "NS"}}
        answer = await api.post(PLURALS[each["kind"]], manifest, fieldValidation="Strict")
        assert (answer.status, answer.warnings) == (201, ()), answer.body


async def test_a_definition_is_established_and_its_kind_is_discovered(api: Api) -> None:
    async with trains_of(api):
        await api.create("trains", a_train())
        listed = (await api.read("trains")).body
        assert (listed["kind"], len(listed["items"])) == ("TrainList", 1)
        found = await api.raw("GET", "/apis/example.com/v1")
        resources = {each["name"]: each for each in found.body["resources"]}
        train = resources["trains"]
        assert {key: train.get(key) for key in ("singularName", "namespaced", "kind", "shortNames", "categories")} == {
            "singularName": "train",
            "namespaced": True,
            "kind": "Train",
            "shortNames": ["tr"],
            "categories": ["all"],
        }
        assert set(train["verbs"]) == {
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
        }
        assert resources.keys() == {"trains", "trains/status", "trains/scale"}


async def test_the_objects_go_with_their_definition(api: Api) -> None:
    async with trains_of(api):
        await api.create("trains", a_train())
        await api.delete("customresourcedefinitions", "trains.example.com")

        async def served() -> int:
            return (await api.read("trains")).status

        await eventually(served, 404)


def columns(table: Any) -> list[tuple[str, str, int]]:
    return [(each["name"], each["type"], each["priority"]) for each in table["columnDefinitions"]]


async def table(api: Api, plural: str, name: str = "") -> Any:
    answer = await api.read(plural, name, headers={"Accept": TABLE})
    assert (answer.status, answer.body["kind"], answer.body["apiVersion"]) == (200, "Table", "meta.k8s.io/v1")
    return answer.body


async def test_a_table_of_rollouts_has_our_columns(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    told = {"reason": "A", "message": "", "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    status = {
        "phase": "Progressing",
        "step": {"index": 0, "count": 2, "name": "1", "progress": "1/2", "startedAt": "2026-01-01T00:00:00Z"},
        "traffic": {"desired": "10"},
        "message": "Holding",
        "conditions": [{"type": "Stalled", "status": "False", **told}, {"type": "Ready", "status": "Unknown", **told}],
    }
    written = await api.merge("rollouts", "shop", {"status": status}, "status")
    assert written.status == 200, written.body
    found = await table(api, "rollouts")
    assert columns(found) == [
        ("Name", "string", 0),
        ("Phase", "string", 0),
        ("Step", "string", 0),
        ("Weight", "string", 0),
        ("Ready", "string", 0),
        ("Message", "string", 0),
        ("Age", "date", 0),
    ]
    (row,) = found["rows"]
    stored = written.body["status"]
    shown = stored.get("step", {}).get("progress"), stored.get("traffic", {}).get("desired")
    assert row["cells"][:6] == ["shop", "Progressing", *shown, "Unknown", "Holding"]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["name"] == "shop"


async def test_a_table_of_a_kind_that_has_no_status_yet_has_empty_cells(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    (row,) = (await table(api, "rollouts", "shop"))["rows"]
    assert row["cells"][:6] == ["shop", None, None, None, None, None]


async def test_a_table_of_trains_has_the_types_of_its_columns(api: Api) -> None:
    async with trains_of(api, a_definition()):
        await api.create("trains", a_train())
        (row,) = (await table(api, "trains"))["rows"]
        assert row["cells"][:3] == ["t", "slow", 1]


async def test_a_table_of_deployments(api: Api) -> None:
    await api.create("deployments", a_deployment(replicas=1))

    async def cells() -> Any:
        return (await table(api, "deployments"))["rows"][0]["cells"][:4]

    await eventually(cells, ["shop", "1/1", 1, 1])
    found = columns(await table(api, "deployments"))
    assert [column for column in found if column[2] == 0] == [
        ("Name", "string", 0),
        ("Ready", "string", 0),
        ("Up-to-date", "string", 0),
        ("Available", "string", 0),
        ("Age", "string", 0),
    ]


async def test_a_table_of_pods(api: Api) -> None:
    await api.create("pods", a_pod())

    async def cells() -> Any:
        return (await table(api, "pods"))["rows"][0]["cells"][:4]

    await eventually(cells, ["one", "1/1", "Running", "0"])


async def test_a_table_of_services_and_maps(api: Api) -> None:
    created = await api.create("services", a_service())
    (row,) = (await table(api, "services"))["rows"]
    assert row["cells"][:5] == ["shop", "ClusterIP", created["spec"]["clusterIP"], "<none>", "80/TCP"]
    await api.create("configmaps", a_map(data={"a": "1", "b": "2"}))
    (row,) = (await table(api, "configmaps"))["rows"]
    assert row["cells"][:2] == ["m", 2]


async def test_metadata_alone_can_be_asked_for(api: Api) -> None:
    created = await api.create("configmaps", a_map(data={"a": "1"}))
    accept = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
    answer = await api.read("configmaps", "m", headers=accept)
    assert answer.body == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": created["metadata"],
    }
    accept = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
    listed = (await api.read("configmaps", headers=accept)).body
    assert (listed["kind"], [item["metadata"]["name"] for item in listed["items"]]) == (
        "PartialObjectMetadataList",
        ["m"],
    )
