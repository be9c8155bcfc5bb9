"""Ingress with the canary annotations of ingress-nginx as a router: an owned Ingress beside the one people have."""

from rollout.models.kinds import Key, Manifest
from rollout.models.rollout import ROLLOUT_LABEL
from rollout.models.split import CANARY, Backend, Split
from rollout.traffic import canary_annotations as canary
from rollout.traffic.copied import copied
from rollout.traffic.ingress_paths import beside
from rollout.traffic.ingress_problems import problem_in, rivalry_in
from rollout.traffic.router import RouteState


class IngressRouter:
    """Ingresses of ingress-nginx, and of every controller that knows its canary annotations.

    The Ingress that people have is never written. The one beside it has the same hosts and paths, leads to the
    canary, and says in annotations which share of the requests it takes; without the main one it counts for nothing.
    """

    kind = "Ingress"
    matches = True

    def twin(self, route: Key) -> Key | None:
        """The Ingress of that name with `-canary` behind it."""
        return Key(route.namespace, f"{route.name}-canary")

    def carrier(
        self, route: Manifest, backends: tuple[Backend, ...], *, twin: Manifest | None, rollout: str
    ) -> Manifest | None:
        """The Ingress beside `route`: its class, the paths that lead to the Services, and what counts on a canary.

        What somebody else added to `twin` stays, unless it is an annotation of ingress-nginx.
        """
        rules = beside(route, backends)
        if not rules:
            return None
        name = f"{route['metadata']['name']}-canary"
        metadata = (twin or {}).get("metadata") or {"name": name, "namespace": route["metadata"]["namespace"]}
        labels = {**(metadata.get("labels") or {}), **copied(route, "labels"), ROLLOUT_LABEL: rollout}
        annotations = canary.taken_over(route, metadata.get("annotations") or {})
        declared = {canary.CLASS: _annotations(route).get(canary.CLASS)}
        annotations |= {name: value for name, value in declared.items() if value is not None}
        made = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", **(twin or {})}
        spec = {**_class_of(route), "rules": rules}
        return {**made, "metadata": _with(metadata, labels=labels, annotations=annotations), "spec": spec}

    def shift(self, manifest: Manifest, backends: tuple[Backend, ...], split: Split) -> Manifest:
        """The Ingress beside, with the annotations that stand for this split."""
        kept = canary.without(_annotations(manifest))
        written = canary.written(dict(split.shares).get(CANARY, 0), split.match)
        return _annotated(manifest, {**kept, **written})

    def read(self, manifest: Manifest, backends: tuple[Backend, ...]) -> Split | None:
        """The split in the annotations; None where they do not make it a canary."""
        return canary.read(_annotations(manifest))

    def restore(self, manifest: Manifest, backends: tuple[Backend, ...] = ()) -> Manifest:
        """The Ingress beside without any split, as it never is in a cluster: it is deleted there."""
        return _annotated(manifest, canary.without(_annotations(manifest)))

    def problem(self, manifest: Manifest, backends: tuple[Backend, ...]) -> str | None:
        """What in the Ingress is in the way, with the remedy; None when its traffic can be split."""
        return problem_in(manifest, backends)

    def rivalry(self, manifest: Manifest, others: tuple[Manifest, ...], backends: tuple[Backend, ...]) -> str | None:
        """Another canary on one of its paths: there can be one only."""
        return rivalry_in(manifest, others, backends)

    def state(self, manifest: Manifest) -> RouteState:
        """Accepted at once: an Ingress has no place where a controller would say so, and only time can tell."""
        return RouteState(accepted=True)


def _class_of(route: Manifest) -> Manifest:
    declared = (route.get("spec") or {}).get("ingressClassName")
    return {} if declared is None else {"ingressClassName": declared}


def _annotations(manifest: Manifest) -> dict[str, str]:
    return dict(manifest["metadata"].get("annotations") or {})


def _annotated(manifest: Manifest, annotations: dict[str, str]) -> Manifest:
    return {**manifest, "metadata": _with(manifest["metadata"], annotations=annotations)}


def _with(metadata: Manifest, **maps: dict[str, str]) -> Manifest:
    """The metadata with these maps; without those that are empty."""
    rest = {name: value for name, value in metadata.items() if name not in maps}
    return {**rest, **{name: value for name, value in maps.items() if value}}
