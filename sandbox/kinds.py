"""The kinds every sandbox knows without a CustomResourceDefinition."""

from dataclasses import dataclass

GATEWAY_GROUP = "gateway.networking.k8s.io"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of object. `version` is the one it is stored in; `also` are further versions it is served in."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    status: bool = True  # has a status subresource: a plain write cannot change the status
    scale: bool = False
    generation: bool = True  # metadata.generation counts the changes of the desired state
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    custom: bool = False  # defined by a CustomResourceDefinition (in a real cluster)
    key: str = ""  # its name in the storage: the plural, unless another group has taken that

    @property
    def api_version(self) -> str:
        """`version` of the core group, `group/version` of the others."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`plural.group`, as Kubernetes names it in messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def storage_key(self) -> str:
        """The name under which the storage keeps it."""
        return self.key or self.plural


def _core(plural: str, kind: str, *short_names: str, status: bool = False, generation: bool = False) -> Kind:
    return Kind(
        group="",
        version="v1",
        plural=plural,
        kind=kind,
        status=status,
        generation=generation,
        short_names=short_names,
        categories=("all",) if plural in {"pods", "services"} else (),
    )


def _workload(plural: str, kind: str, *short_names: str) -> Kind:
    return Kind(
        group="apps",
        version="v1",
        plural=plural,
        kind=kind,
        scale=True,
        short_names=short_names,
        categories=("all",),
    )


def _gateway(plural: str, kind: str, *short_names: str, namespaced: bool = True) -> Kind:
    return Kind(
        group=GATEWAY_GROUP,
        version="v1",
        plural=plural,
        kind=kind,
        namespaced=namespaced,
        short_names=short_names,
        categories=("gateway-api",),
        custom=True,
    )


BUILTIN: tuple[Kind, ...] = (
    Kind(
        group="",
        version="v1",
        plural="namespaces",
        kind="Namespace",
        namespaced=False,
        generation=False,
        short_names=("ns",),
    ),
    _core("pods", "Pod", "po", status=True, generation=True),
    _core("services", "Service", "svc", status=True),
    _core("configmaps", "ConfigMap", "cm"),
    _core("secrets", "Secret"),
    _core("serviceaccounts", "ServiceAccount", "sa"),
    _core("events", "Event", "ev"),
    Kind(
        group="discovery.k8s.io",
        version="v1",
        plural="endpointslices",
        kind="EndpointSlice",
        status=False,
    ),
    _workload("deployments", "Deployment", "deploy"),
    _workload("replicasets", "ReplicaSet", "rs"),
    Kind(
        group="autoscaling",
        version="v2",
        plural="horizontalpodautoscalers",
        kind="HorizontalPodAutoscaler",
        generation=False,
        short_names=("hpa",),
        categories=("all",),
    ),
    Kind(
        group="coordination.k8s.io",
        version="v1",
        plural="leases",
        kind="Lease",
        status=False,
        generation=False,
    ),
    Kind(
        group="networking.k8s.io",
        version="v1",
        plural="ingresses",
        kind="Ingress",
        short_names=("ing",),
    ),
    Kind(
        group="policy",
        version="v1",
        plural="poddisruptionbudgets",
        kind="PodDisruptionBudget",
        short_names=("pdb",),
    ),
    Kind(
        group="apiextensions.k8s.io",
        version="v1",
        plural="customresourcedefinitions",
        kind="CustomResourceDefinition",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
    ),
    _gateway("gatewayclasses", "GatewayClass", "gc", namespaced=False),
    _gateway("gateways", "Gateway", "gtw"),
    _gateway("httproutes", "HTTPRoute"),
    _gateway("grpcroutes", "GRPCRoute"),
    Kind(
        group=GATEWAY_GROUP,
        version="v1beta1",
        plural="referencegrants",
        kind="ReferenceGrant",
        status=False,
        short_names=("refgrant",),
        categories=("gateway-api",),
        also=("v1",),
        custom=True,
    ),
)
