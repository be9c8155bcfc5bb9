"""The project's CustomResourceDefinitions as manifests, built from the models."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from rollout.models.analysis import AnalysisTemplateSpec
from rollout.models.base import rule
from rollout.models.kinds import ANALYSIS_TEMPLATES, CLUSTER_ANALYSIS_TEMPLATES, ROLLOUT_RUNS, ROLLOUTS, Resource
from rollout.models.rollout import GROUP
from rollout.models.run import RolloutRunSpec, RolloutRunStatus
from rollout.models.schema import Schema, structural
from rollout.models.spec import RolloutSpec
from rollout.models.status import RolloutStatus

FAMILY = "progressive-delivery"
"""The category that lists every kind of the project: `kubectl get progressive-delivery`."""

LONGEST_NAME = 50
"""How long a Rollout's name may be: the names of its Deployments, Services and labels are built from it."""

LONG_NAME = (
    f"metadata.name is longer than {LONGEST_NAME} characters: shorten it,"
    " because the names of its Deployments begin with it"
)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What a CustomResourceDefinition says of one kind besides its fields."""

    resource: Resource
    description: str
    spec: type[BaseModel]
    status: type[BaseModel] | None = None
    columns: tuple[Column, ...] = ()
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = (FAMILY,)
    scale: bool = False
    rules: tuple[dict[str, Any], ...] = ()


ROLLOUT = Definition(
    resource=ROLLOUTS,
    description="Rollout releases new versions of a workload step by step, judges them, and takes bad ones back.",
    spec=RolloutSpec,
    status=RolloutStatus,
    columns=(
        Column(name="Phase", path=".status.phase"),
        Column(name="Step", path=".status.step.progress"),
        Column(name="Weight", path=".status.traffic.desired"),
        Column(name="Ready", path='.status.conditions[?(@.type=="Ready")].status'),
        Column(name="Message", path=".status.message"),
    ),
    short_names=("pd",),
    categories=("all", FAMILY),
    scale=True,
    rules=(rule(f"self.metadata.name.size() <= {LONGEST_NAME}", LONG_NAME),),
)
ANALYSIS_TEMPLATE = Definition(
    resource=ANALYSIS_TEMPLATES,
    description="AnalysisTemplate holds checks that several Rollouts of its namespace share.",
    spec=AnalysisTemplateSpec,
)
CLUSTER_ANALYSIS_TEMPLATE = Definition(
    resource=CLUSTER_ANALYSIS_TEMPLATES,
    description="ClusterAnalysisTemplate holds checks that Rollouts of every namespace share.",
    spec=AnalysisTemplateSpec,
)
ROLLOUT_RUN = Definition(
    resource=ROLLOUT_RUNS,
    description="RolloutRun is the record of one attempt to release a version, written by the controller.",
    spec=RolloutRunSpec,
    status=RolloutRunStatus,
    columns=(
        Column(name="Rollout", path=".spec.rollout"),
        Column(name="Number", path=".spec.number", type="integer"),
        Column(name="Revision", path=".spec.revision"),
        Column(name="Outcome", path=".status.outcome"),
    ),
    short_names=("pdr",),
)
DEFINITIONS = (ROLLOUT, ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE, ROLLOUT_RUN)


def manifests() -> tuple[dict[str, Any], ...]:
    """Every CustomResourceDefinition, ready to be applied."""
    return tuple(manifest(definition) for definition in DEFINITIONS)


def manifest(definition: Definition) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.resource.plural}.{GROUP}"},
        "spec": {
            "group": definition.resource.group,
            "names": _names(definition),
            "scope": "Namespaced" if definition.resource.namespaced else "Cluster",
            "versions": [_version(definition)],
        },
    }


def schema(definition: Definition) -> Schema:
    """The schema of the whole object."""
    properties: dict[str, Schema] = {
        "apiVersion": {
            "type": "string",
            "description": f"`{definition.resource.api_version}`.",
            "maxLength": 64,
        },
        "kind": {"type": "string", "description": f"`{definition.resource.kind}`.", "maxLength": 64},
        "metadata": {"type": "object"},
        "spec": structural(definition.spec),
    }
    if definition.status:
        properties["status"] = structural(definition.status)
    whole: Schema = {"type": "object", "description": definition.description, "required": ["spec"]}
    whole["properties"] = properties
    return whole | ({"x-kubernetes-validations": list(definition.rules)} if definition.rules else {})


def _names(definition: Definition) -> dict[str, Any]:
    kind = definition.resource.kind
    names: dict[str, Any] = {"plural": definition.resource.plural, "singular": kind.lower(), "kind": kind}
    names["listKind"] = f"{kind}List"
    if definition.short_names:
        names["shortNames"] = list(definition.short_names)
    return names | {"categories": list(definition.categories)}


def _version(definition: Definition) -> dict[str, Any]:
    version: dict[str, Any] = {"name": definition.resource.version, "served": True, "storage": True}
    subresources: dict[str, Any] = {"status": {}} if definition.status else {}
    if definition.scale:
        subresources["scale"] = {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        }
    if subresources:
        version["subresources"] = subresources
    age = Column(name="Age", path=".metadata.creationTimestamp", type="date")
    version["additionalPrinterColumns"] = [
        {"name": column.name, "type": column.type, "jsonPath": column.path} for column in (*definition.columns, age)
    ]
    return version | {"schema": {"openAPIV3Schema": schema(definition)}}
