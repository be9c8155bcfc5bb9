"""A kind of objects that tests define themselves."""

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.cluster.api import Api, eventually

CRD = "trains.example.com"
WEIGHT = {
    "x-kubernetes-int-or-string": True,
    "pattern": r"^\d{1,3}(\.\d)?%?$",
    "maxLength": 5,
    "x-kubernetes-validations": [
        {"rule": "type(self)==int ? self>=0 && self<=100 : true", "message": "a weight is between 0 and 100"}
    ],
}
HOLD = {
    "type": "object",
    "properties": {"for": {"type": "string", "maxLength": 9}, "until": {"type": "string", "maxLength": 9}},
    "x-kubernetes-validations": [
        {
            "rule": "has(self.__for__) || has(self.until)",
            "message": "set for or until",
            "reason": "FieldValueRequired",
        }
    ],
}
STEP = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "maxLength": 8}, "weight": WEIGHT, "hold": HOLD},
}
LINE = {
    "type": "string",
    "maxLength": 20,
    "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is immutable"}],
}
SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["replicas"],
    "properties": {
        "replicas": {"type": "integer", "minimum": 0, "maximum": 100},
        "speed": {"type": "number", "exclusiveMinimum": True, "minimum": 0},
        "mode": {"type": "string", "enum": ["fast", "slow"], "default": "slow"},
        "cargo": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "line": LINE,
        "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "labels": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}},
        "options": {"type": "object", "default": {}, "properties": {"loud": {"type": "boolean", "default": True}}},
        "stops": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "steps": {
            "type": "array",
            "maxItems": 2,
            "items": STEP,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    },
}
STATUS = {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}}


def a_definition(**spec: Any) -> dict[str, Any]:
    """Trains, with a status and a scale."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "required": ["spec"],
                "properties": {"spec": copy.deepcopy(SPEC), "status": STATUS},
            }
        },
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
    }
    names = {"plural": "trains", "singular": "train", "kind": "Train", "shortNames": ["tr"], "categories": ["all"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version], **spec},
    }


def a_train(name: str = "t", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Train",
        "metadata": {"name": name},
        "spec": {"replicas": 1, **spec},
    }


@asynccontextmanager
async def trains_of(api: Api, definition: dict[str, Any] | None = None) -> AsyncIterator[None]:
    """Define trains during the block."""
    await _gone(api)
    await api.create("customresourcedefinitions", definition or a_definition())

    async def served() -> bool:
        return (await api.read("trains")).status == 200

    await eventually(served)
    try:
        yield
    finally:
        await api.delete("customresourcedefinitions", CRD)
        await _gone(api)


async def _gone(api: Api) -> None:
    async def missing() -> bool:
        return (await api.read("customresourcedefinitions", CRD)).status == 404

    await eventually(missing)
