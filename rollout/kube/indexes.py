"""How objects find each other in the cache: the indexes, and which Rollouts a change concerns."""

from collections.abc import Iterable, Mapping

from rollout.kube.store import Store
from rollout.kube.table import Index
from rollout.models.kinds import (
    ANALYSIS_TEMPLATES,
    CLUSTER_ANALYSIS_TEMPLATES,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    GRPC_ROUTES,
    HPAS,
    HTTP_ROUTES,
    INGRESSES,
    PODS,
    REFERENCE_GRANTS,
    ROLLOUT_RUNS,
    ROLLOUTS,
    SERVICES,
    Key,
    Manifest,
    Resource,
)
from rollout.models.rollout import ROLLOUT_LABEL
from rollout.traffic.canary_annotations import is_canary

SERVICE_LABEL = "kubernetes.io/service-name"


ANY = "*"  # stands for every object of a kind in a namespace


def claim(kind: str, namespace: str, name: str) -> str:
    """How an object is named in the index of what Rollouts claim or read."""
    return f"{kind}/{namespace}/{name}"


def claims(rollout: Manifest) -> tuple[str, ...]:
    """Every object that this Rollout would write to, the Services it makes included: no two may share one."""
    spec, namespace = rollout.get("spec") or {}, rollout["metadata"]["namespace"]
    services = [each.get("name", "") for each in spec.get("services") or ()]
    found = [claim("Service", namespace, name) for each in services for name in (each, f"{each}-canary")]
    for each in spec.get("traffic") or ():
        route, ingress = each.get("gatewayRoute") or {}, each.get("ingress") or {}
        if route:
            found.append(claim(route.get("kind", ""), route.get("namespace", namespace), route.get("name", "")))
        names = (ingress.get("name", ""), f"{ingress.get('name', '')}-canary") if ingress else ()
        found += [claim("Ingress", namespace, name) for name in names]
    reference = spec.get("workloadRef") or {}
    if reference:
        found.append(claim("Deployment", namespace, reference.get("name", "")))
    return tuple(found)


def _reads(rollout: Manifest) -> Iterable[str]:
    spec, namespace = rollout.get("spec") or {}, rollout["metadata"]["namespace"]
    yield from claims(rollout)
    if any(each.get("ingress") for each in spec.get("traffic") or ()):
        yield claim("Ingress", namespace, ANY)
    for each in (spec.get("analysis") or {}).get("templates") or ():
        kind = each.get("kind", "AnalysisTemplate")
        yield claim(kind, namespace if kind == "AnalysisTemplate" else "", each.get("name", ""))


def _labelled(label: str) -> Index:
    def index(manifest: Manifest) -> Iterable[str]:
        metadata = manifest["metadata"]
        value = (metadata.get("labels") or {}).get(label)
        return (f"{metadata['namespace']}/{value}",) if value else ()

    return index


def _scaled(manifest: Manifest) -> Iterable[str]:
    target = (manifest.get("spec") or {}).get("scaleTargetRef") or {}
    return (claim(target.get("kind", ""), manifest["metadata"]["namespace"], target.get("name", "")),)


def _canary(ingress: Manifest) -> Iterable[str]:
    metadata = ingress["metadata"]
    return (metadata["namespace"],) if is_canary(metadata.get("annotations") or {}) else ()


INDEXES: Mapping[Resource, Mapping[str, Index]] = {
    ROLLOUTS: {"reads": _reads},
    ROLLOUT_RUNS: {"rollout": _labelled(ROLLOUT_LABEL)},
    ANALYSIS_TEMPLATES: {},
    CLUSTER_ANALYSIS_TEMPLATES: {},
    DEPLOYMENTS: {"rollout": _labelled(ROLLOUT_LABEL)},
    PODS: {"rollout": _labelled(ROLLOUT_LABEL)},
    SERVICES: {},
    ENDPOINT_SLICES: {"service": _labelled(SERVICE_LABEL)},
    HTTP_ROUTES: {},
    GRPC_ROUTES: {},
    INGRESSES: {"canary": _canary},
    REFERENCE_GRANTS: {},
    HPAS: {"target": _scaled},
}


def concerned(store: Store, resource: Resource, manifest: Manifest) -> tuple[Key, ...]:
    """The Rollouts that have to look again after this object changed."""
    metadata = manifest["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata["name"]
    if resource == ROLLOUTS:
        return (Key(namespace, name), *_rivals(store, manifest))
    owned = (metadata.get("labels") or {}).get(ROLLOUT_LABEL)
    keys = [Key(namespace, owned)] if owned else []
    for value in _mentions(resource, manifest, namespace, name):
        keys += store.keys_by_index(ROLLOUTS, "reads", value)
    return tuple(dict.fromkeys(keys))


def claimed(store: Store, resource: Resource, manifest: Manifest) -> tuple[Key, ...]:
    """The Rollouts among them that name this very object, or whose controller made it."""
    metadata = manifest["metadata"]
    own = claim(resource.kind, metadata.get("namespace", ""), metadata["name"])
    owned = (metadata.get("labels") or {}).get(ROLLOUT_LABEL)
    beside = (Key(metadata.get("namespace", ""), owned),) if owned else ()
    return (*beside, *store.keys_by_index(ROLLOUTS, "reads", own))


def _rivals(store: Store, rollout: Manifest) -> tuple[Key, ...]:
    """Other Rollouts that claim the same objects: they may start once this one lets go."""
    own = Key(rollout["metadata"]["namespace"], rollout["metadata"]["name"])
    found = (key for value in claims(rollout) for key in store.keys_by_index(ROLLOUTS, "reads", value))
    return tuple(dict.fromkeys(key for key in found if key != own))


def _mentions(resource: Resource, manifest: Manifest, namespace: str, name: str) -> Iterable[str]:
    if resource == ENDPOINT_SLICES:
        yield claim("Service", namespace, (manifest["metadata"].get("labels") or {}).get(SERVICE_LABEL, ""))
    elif resource == HPAS:
        yield from _scaled(manifest)
    else:
        yield claim(resource.kind, namespace, name)
    if resource == INGRESSES and ROLLOUT_LABEL not in (manifest["metadata"].get("labels") or {}):
        yield claim(resource.kind, namespace, ANY)  # it may be, or have been, in the way of another
