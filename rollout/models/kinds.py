"""Which kinds the controller reads and writes, where they live in the API, and how an object is named."""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes object as decoded JSON."""


class Key(NamedTuple):
    """The name of an object within its kind; `namespace` is empty for a cluster-scoped one."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API serves it; `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`group/version`, or the version alone for the core group: what `apiVersion` holds."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of one object, or of the collection when `name` is None; raises ValueError on a bad segment.

        A namespaced collection without a namespace spans all of them. An object always needs its namespace: a
        DELETE that lost its name or namespace on the way would otherwise hit a whole collection.
        """
        if self.namespaced and name is not None and namespace is None:
            raise ValueError(f"{self.kind} {name!r} is namespaced: a namespace is required")
        parts = [f"apis/{self.group}" if self.group else "api", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", _segment(namespace)]
        parts.append(self.plural)
        parts += [_segment(part) for part in (name, subresource) if part is not None]
        return "/" + "/".join(parts)


def _segment(text: str) -> str:
    """One escaped path segment; URL libraries drop `.` and `..`, which would name the parent collection."""
    if text in {"", ".", ".."}:
        raise ValueError(f"not a name: {text!r}")
    return quote(text, safe="")


ROLLOUTS = Resource("progressive.delivery", "v1alpha1", "rollouts", "Rollout")
ROLLOUT_RUNS = Resource("progressive.delivery", "v1alpha1", "rolloutruns", "RolloutRun")
ANALYSIS_TEMPLATES = Resource("progressive.delivery", "v1alpha1", "analysistemplates", "AnalysisTemplate")
CLUSTER_ANALYSIS_TEMPLATES = Resource(
    "progressive.delivery", "v1alpha1", "clusteranalysistemplates", "ClusterAnalysisTemplate", namespaced=False
)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
SERVICES = Resource("", "v1", "services", "Service")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
PODS = Resource("", "v1", "pods", "Pod")
HTTP_ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
GRPC_ROUTES = Resource("gateway.networking.k8s.io", "v1", "grpcroutes", "GRPCRoute")
REFERENCE_GRANTS = Resource("gateway.networking.k8s.io", "v1beta1", "referencegrants", "ReferenceGrant")
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
HPAS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
