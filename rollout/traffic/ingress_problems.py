"""What keeps the traffic of an Ingress from being split, in sentences with a remedy."""

from collections.abc import Iterator, Mapping

from rollout.models.kinds import Manifest
from rollout.models.split import Backend
from rollout.traffic.canary_annotations import AFFINITY, AFFINITY_BEHAVIOR, CANARY, CLASS, is_canary
from rollout.traffic.ingress_paths import beside, paths_of, places, rules_of, service_of


def problem_in(manifest: Manifest, backends: tuple[Backend, ...]) -> str | None:
    """The first thing in the way, most basic first; None when there is none."""
    return next(_problems(manifest, backends), None)


def rivalry_in(manifest: Manifest, others: tuple[Manifest, ...], backends: tuple[Backend, ...]) -> str | None:
    """The first other Ingress that is a canary on one of the paths; None when there is none."""
    own = set(places(beside(manifest, backends)))
    for other in others:
        shared = next((place for place in places(rules_of(other)) if place in own), None)
        if shared is not None and is_canary(_annotations(other)) and not _elsewhere(manifest, other):
            return (
                f"{_name(other)} is a canary on {shared.host or 'every host'}{shared.path} already, and only one"
                f" counts beside {_name(manifest)}: delete it, or take the Ingress out of spec.traffic."
            )
    return None


def _elsewhere(one: Manifest, other: Manifest) -> bool:
    """Whether two Ingresses say that they are of different classes."""
    classes = {_class_of(one), _class_of(other)}
    return None not in classes and len(classes) == 2


def _class_of(manifest: Manifest) -> str | None:
    declared = (manifest.get("spec") or {}).get("ingressClassName") or _annotations(manifest).get(CLASS)
    return str(declared) if declared else None


def _problems(manifest: Manifest, backends: tuple[Backend, ...]) -> Iterator[str]:
    name, annotations = _name(manifest), _annotations(manifest)
    if is_canary(annotations):
        yield f"{name} is a canary itself ({CANARY}): name the Ingress that it stands beside in spec.traffic."
    services = {backend.service for backend in backends}
    default = service_of((manifest.get("spec") or {}).get("defaultBackend"))
    if default in services:
        yield (
            f"{name} sends what no rule matches to Service {default} (spec.defaultBackend), where no canary can stand"
            f" beside it: write a rule with the path / for that, and remove spec.defaultBackend."
        )
    if not beside(manifest, backends):
        yield _nowhere(manifest, services)
    if AFFINITY in annotations and annotations.get(AFFINITY_BEHAVIOR) != "legacy":
        yield (
            f"{name} has session affinity ({AFFINITY}), which keeps users on a canary that was taken back:"
            f" remove the annotation, or, with ingress-nginx itself, set {AFFINITY_BEHAVIOR} to legacy."
        )


def _nowhere(manifest: Manifest, services: set[str]) -> str:
    resources = any(
        (path.get("backend") or {}).get("resource") for rule in rules_of(manifest) for path in paths_of(rule)
    )
    named = f"Service {next(iter(services))}" if len(services) == 1 else f"the Services {', '.join(sorted(services))}"
    also = " (a backend that is a resource cannot have a canary)" if resources else ""
    return (
        f"{_name(manifest)} has no path that leads to {named}{also}:"
        " add one to spec.rules[].http.paths, or name another Service in spec.services."
    )


def _annotations(manifest: Manifest) -> Mapping[str, str]:
    return manifest["metadata"].get("annotations") or {}


def _name(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return f"Ingress {metadata.get('namespace', '')}/{metadata['name']}"
