"""Kinds that are defined at run time, and the validation of their objects."""

# ruff: noqa: E501 - the tables below read best with one case a line

import copy
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient, ApiextensionsV1Api, CustomObjectsApi

from sandbox.storage import Storage

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TRAINS = "/apis/example.com/v1/namespaces/default/trains"

WEIGHT = {
    "x-kubernetes-int-or-string": True,
    "pattern": r"^\d{1,3}(\.\d)?%?$",
    "maxLength": 5,
    "x-kubernetes-validations": [
        {"rule": "type(self)==int ? self>=0 && self<=100 : true", "message": "a weight is between 0 and 100"}
    ],
}
STEP = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "weight": WEIGHT,
        "hold": {
            "type": "object",
            "properties": {"for": {"type": "string"}, "until": {"type": "string"}},
            "x-kubernetes-validations": [
                {
                    "rule": "has(self.__for__) || has(self.until)",
                    "message": "set for or until",
                    "reason": "FieldValueRequired",
                }
            ],
        },
    },
}
SPEC = {
    "type": "object",
    "required": ["replicas"],
    "properties": {
        "replicas": {"type": "integer", "minimum": 0, "maximum": 100},
        "speed": {"type": "number", "exclusiveMinimum": True, "minimum": 0},
        "mode": {"type": "string", "enum": ["fast", "slow"], "default": "slow"},
        "cargo": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "line": {
            "type": "string",
            "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is immutable"}],
        },
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "labels": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}},
        "options": {"type": "object", "default": {}, "properties": {"loud": {"type": "boolean", "default": True}}},
        "steps": {
            "type": "array",
            "maxItems": 2,
            "items": STEP,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    },
}


def a_definition(**spec: Any) -> dict[str, Any]:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {
            "spec": copy.deepcopy(SPEC),
            "status": {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}},
        }}},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": [
            {"name": "Mode", "type": "string", "jsonPath": ".spec.mode"},
            {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
    }  # fmt: skip
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "trains.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "trains", "kind": "Train", "shortNames": ["tr"], "categories": ["all"]},
            "versions": [version],
            **spec,
        },
    }


def a_train(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Train", "metadata": {"name": "t"}, "spec": {"replicas": 1, **spec}}


@pytest.fixture
async def trains(http: Any) -> Any:
    """A server that knows trains."""
    status, _ = await http("POST", CRDS, a_definition())
    assert status == 201
    return http


async def test_a_definition_is_established_at_once_and_its_kind_is_served(client: ApiClient) -> None:
    crd = await ApiextensionsV1Api(client).create_custom_resource_definition(a_definition())
    assert {c.type: c.status for c in crd.status.conditions} == {"NamesAccepted": "True", "Established": "True"}
    api = CustomObjectsApi(client)
    await api.create_namespaced_custom_object("example.com", "v1", "default", "trains", a_train())
    listed = await api.list_cluster_custom_object("example.com", "v1", "trains")
    assert (listed["kind"], len(listed["items"])) == ("TrainList", 1)


async def test_defaults_are_set_and_unknown_fields_removed_but_where_they_are_preserved(trains: Any) -> None:
    status, created = await trains("POST", TRAINS, a_train(unknown=1, cargo={"anything": [1]}, mode=None))
    assert status == 201
    assert created["spec"] == {
        "replicas": 1,
        "cargo": {"anything": [1]},
        "mode": "slow",
        "options": {"loud": True},
    }
    status, answer = await trains("POST", f"{TRAINS}?fieldValidation=Strict", a_train(unknown=1))
    assert (status, 'unknown field "spec.unknown"' in answer["message"]) == (400, True)


INVALID = {
    "required": ({"replicas": None}, 'spec.replicas: Invalid value: "null": spec.replicas in body must be of type'),
    "type": ({"replicas": "1"}, 'must be of type integer: "string"'),
    "fraction": ({"replicas": 1.5}, 'must be of type integer: "number"'),
    "minimum": ({"replicas": -1}, "spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0"),
    "maximum": ({"replicas": 101}, "spec.replicas in body should be less than or equal to 100"),
    "exclusive": ({"speed": 0}, "spec.speed in body should be greater than 0"),
    "enum": ({"mode": "x"}, 'spec.mode: Unsupported value: "x": supported values: "fast", "slow"'),
    "set": ({"tags": ["a", "b", "a"]}, 'spec.tags[2]: Duplicate value: "a"'),
    "map": ({"steps": [{"name": "a"}, {"name": "a"}]}, 'spec.steps[1]: Duplicate value: {"name":"a"}'),
    "items": ({"steps": [{"name": n} for n in "abc"]}, "spec.steps: Too many: 3: must have at most 2 items"),
    "item": ({"steps": [{}]}, "spec.steps[0].name: Required value"),
    "length": ({"steps": [{"name": "a" * 9}]}, "spec.steps[0].name: Too long: may not be more than 8 bytes"),
    "values": ({"labels": {"a": "long"}}, "spec.labels.a: Too long: may not be more than 3 bytes"),
    "either": ({"steps": [{"name": "a", "weight": True}]}, 'spec.steps[0].weight in body must be of type integer,string: "boolean"'),
    "pattern": ({"steps": [{"name": "a", "weight": "much"}]}, r"spec.steps[0].weight in body should match '^\d{1,3}(\.\d)?%?$'"),
    "rule": ({"steps": [{"name": "a", "weight": 101}]}, "spec.steps[0].weight: Invalid value: 101: a weight is between 0 and 100"),
    "reserved": ({"steps": [{"name": "a", "hold": {}}]}, "spec.steps[0].hold: Required value: set for or until"),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "message"), INVALID.values(), ids=INVALID.keys())
async def test_what_the_schema_forbids_is_invalid(trains: Any, spec: dict[str, Any], message: str) -> None:
    status, answer = await trains("POST", TRAINS, a_train(**spec))
    assert (status, answer["reason"]) == (422, "Invalid")
    assert answer["message"].startswith('Train.example.com "t" is invalid: ')
    assert message in answer["message"]


@pytest.mark.parametrize(
    "spec",
    [
        {"steps": [{"name": "a", "weight": 100}, {"name": "b", "weight": "5.5%"}]},
        {"steps": [{"name": "a", "hold": {"for": "5m"}}], "tags": ["a", "b"], "speed": 1, "labels": {"a": "abc"}},
        {"replicas": 1.0},
    ],
)
async def test_what_the_schema_allows_is_stored(trains: Any, spec: dict[str, Any]) -> None:
    assert (await trains("POST", TRAINS, a_train(**spec)))[0] == 201


async def test_all_problems_are_named_at_once(trains: Any) -> None:
    _, answer = await trains("POST", TRAINS, a_train(replicas=-1, mode="x"))
    assert [cause["field"] for cause in answer["details"]["causes"]] == ["spec.replicas", "spec.mode"]


async def test_a_transition_rule_is_asked_when_there_is_an_old_value(trains: Any) -> None:
    assert (await trains("POST", TRAINS, a_train(line="north")))[0] == 201
    status, answer = await trains.merge(f"{TRAINS}/t", {"spec": {"line": "south"}})
    assert (status, 'spec.line: Invalid value: "south": is immutable' in answer["message"]) == (422, True)


async def test_a_status_write_is_validated_too(trains: Any) -> None:
    await trains("POST", TRAINS, a_train())
    status, answer = await trains.merge(f"{TRAINS}/t/status", {"status": {"replicas": "x"}})
    assert (status, answer["details"]["causes"][0]["field"]) == (422, "status.replicas")
    status, answer = await trains.merge(f"{TRAINS}/t/status", {"status": {"replicas": 1, "unknown": 1}})
    assert (status, answer["status"]) == (200, {"replicas": 1})


async def test_the_scale_of_a_custom_object_is_where_its_definition_says(trains: Any) -> None:
    await trains("POST", TRAINS, a_train())
    await trains.merge(f"{TRAINS}/t/status", {"status": {"replicas": 1, "selector": "a=b"}})
    _, scale = await trains("GET", f"{TRAINS}/t/scale")
    assert (scale["spec"], scale["status"]) == ({"replicas": 1}, {"replicas": 1, "selector": "a=b"})
    _, scale = await trains.merge(f"{TRAINS}/t/scale", {"spec": {"replicas": 7}})
    _, train = await trains("GET", f"{TRAINS}/t")
    assert (scale["spec"]["replicas"], train["spec"]["replicas"], train["metadata"]["generation"]) == (7, 7, 2)
    assert (await trains.merge(f"{TRAINS}/t/scale", {"spec": {"replicas": 101}}))[0] == 422


async def test_the_columns_of_a_definition_make_the_table(trains: Any) -> None:
    await trains("POST", TRAINS, a_train())
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    _, table = await trains("GET", TRAINS, headers=accept)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Mode", "Replicas", "Age"]
    assert table["rows"][0]["cells"][:3] == ["t", "slow", 1]


async def test_discovery_names_the_kind_its_short_names_and_categories(trains: Any) -> None:
    _, listed = await trains("GET", "/apis/example.com/v1")
    assert listed["resources"][0] | {"verbs": []} == {
        "name": "trains",
        "singularName": "train",
        "namespaced": True,
        "kind": "Train",
        "verbs": [],
        "shortNames": ["tr"],
        "categories": ["all"],
    }
    assert [entry["name"] for entry in listed["resources"][1:]] == ["trains/status", "trains/scale"]


async def test_a_rule_that_cannot_be_compiled_makes_the_definition_invalid(http: Any) -> None:
    definition = a_definition()
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["x-kubernetes-validations"] = [{"rule": "self.replicas >"}]
    status, answer = await http("POST", CRDS, definition)
    assert (status, "compilation failed" in answer["message"]) == (422, True)


async def test_an_update_of_the_definition_changes_what_is_valid(trains: Any) -> None:
    definition = a_definition()
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["replicas"]["maximum"] = 5
    await trains("POST", TRAINS, a_train(replicas=50))
    assert (await trains.merge(f"{CRDS}/trains.example.com", {"spec": definition["spec"]}))[0] == 200
    assert (await trains.merge(f"{TRAINS}/t", {"spec": {"replicas": 51}}))[0] == 422
    # What was stored before and is not touched stays acceptable.
    assert (await trains.merge(f"{TRAINS}/t", {"spec": {"mode": "fast"}}))[0] == 200


async def test_the_objects_go_with_their_definition(trains: Any, storage: Storage) -> None:
    await trains("POST", TRAINS, a_train())
    await trains("DELETE", f"{CRDS}/trains.example.com")
    assert (await trains("GET", TRAINS))[0] == 404
    with pytest.raises(KeyError):
        storage.kind("trains")


async def test_a_plural_that_another_group_has_is_kept_apart(http: Any, storage: Storage) -> None:
    definition = a_definition(names={"plural": "deployments", "kind": "Train"})
    definition["metadata"]["name"] = "deployments.example.com"
    assert (await http("POST", CRDS, definition))[0] == 201
    await http("POST", "/apis/example.com/v1/namespaces/default/deployments", a_train())
    assert storage.list("deployments") == []
    assert len(storage.list("deployments.example.com")) == 1
