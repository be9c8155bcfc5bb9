"""Schemas of Kubernetes' own kinds, read from the models of its client: every field name and type, no bounds."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from kubernetes.aio.client import models

from sandbox.apiserver.schema import ANYTHING, Schema

MODELS: Mapping[str, str] = {
    "namespaces": "V1Namespace",
    "pods": "V1Pod",
    "services": "V1Service",
    "configmaps": "V1ConfigMap",
    "secrets": "V1Secret",
    "serviceaccounts": "V1ServiceAccount",
    "events": "CoreV1Event",
    "endpointslices": "V1EndpointSlice",
    "deployments": "V1Deployment",
    "replicasets": "V1ReplicaSet",
    "horizontalpodautoscalers": "V2HorizontalPodAutoscaler",
    "leases": "V1Lease",
    "ingresses": "V1Ingress",
    "poddisruptionbudgets": "V1PodDisruptionBudget",
    "customresourcedefinitions": "V1CustomResourceDefinition",
}
_SCALARS = {
    "str": Schema(type="string", null_is_absent=True),
    "datetime": Schema(type="string", null_is_absent=True),
    "bytes": Schema(type="string", null_is_absent=True),
    "int": Schema(type="integer", null_is_absent=True),
    "float": Schema(type="number", null_is_absent=True),
    "bool": Schema(type="boolean", null_is_absent=True),
    "object": ANYTHING,
}
# Quantities are strings to the client, but may be numbers in a manifest.
_QUANTITY = Schema(null_is_absent=True)
_QUANTITIES = Schema(type="object", null_is_absent=True, additional=lambda: _QUANTITY)
_QUANTITY_MAPS = frozenset({"limits", "requests", "overhead", "capacity"})
_NESTED = re.compile(r"^(List|Dict)\[(?:str, )?(.+)\]$")
EVENTS_V1 = "EventsV1Event"


@lru_cache(maxsize=1024)
def model_schema(name: str) -> Schema:
    """Return the schema of a type of the client's models, `V1Pod`, `List[str]` ..."""
    if name in _SCALARS:
        return _SCALARS[name]
    nested = _NESTED.match(name)
    if nested and nested[1] == "List":
        return Schema(type="array", null_is_absent=True, items=lambda: model_schema(nested[2]))
    if nested:
        return Schema(type="object", null_is_absent=True, additional=lambda: model_schema(nested[2]))
    model: Any = getattr(models, name)
    if name == "V1FieldsV1":
        return ANYTHING
    return Schema(type="object", null_is_absent=True, children=lambda: _fields(model))


def _fields(model: Any) -> dict[str, Schema]:
    return {
        model.attribute_map[python_name]: _field(model.attribute_map[python_name], type_)
        for python_name, type_ in model.openapi_types.items()
    }


def _field(name: str, type_: str) -> Schema:
    if name in _QUANTITY_MAPS and type_ == "Dict[str, str]":
        return _QUANTITIES
    if name == "items" and type_ == "object":
        return model_schema("V1JSONSchemaProps")
    if name in ("averageValue", "sizeLimit", "divisor") and type_ == "str":
        return _QUANTITY
    return model_schema(type_)
