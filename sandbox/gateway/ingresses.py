"""From Ingresses to what Envoy is told, with the canary annotations of ingress-nginx; pure.

Every Ingress is served, whatever its class. Of two Ingresses with the same host and path the older one counts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.gateway.backends import cluster_name
from sandbox.gateway.canary import Canary, annotations_of, choices, is_canary
from sandbox.gateway.matches import Precedence
from sandbox.reading import ObjectKey, key_of
from sandbox.storage import Object

_ANY_HOST = "*"
_EXACT, _PREFIX, _DEFAULT = range(3)
_Place = tuple[str, str, str]  # host, path, and its type


@dataclass(frozen=True, kw_only=True)
class Location:
    """One way in: requests of this host and Envoy match are divided among clusters, by weight."""

    hostname: str
    precedence: Precedence
    match: Object
    clusters: Mapping[str, int]


def locations(
    ingresses: Iterable[Object],
    *,
    service_of: Callable[[ObjectKey], Object | None],
    answers: Callable[[ObjectKey], bool] = lambda _: True,
) -> Iterator[Location]:
    """Yield what these Ingresses open; a Service or port that is not there is a cluster named "" instead.

    `answers` says whether a Service has ready endpoints: as in ingress-nginx, a canary without any is ignored.
    """
    oldest = sorted(ingresses, key=_age)
    canaries = _canaries([each for each in oldest if is_canary(each)], service_of, answers)
    taken: set[_Place] = set()
    for ingress in oldest:
        if is_canary(ingress):
            continue
        for place, backend in _places(ingress):
            if place not in taken:
                taken.add(place)
                yield from _opened(place, _cluster(ingress, backend, service_of), canaries.get(place))


def _opened(place: _Place, stable: str, canary: Canary | None) -> Iterator[Location]:
    host, path, kind = place
    for number, (headers, clusters) in enumerate(choices(canary, stable)):
        rank = {"Exact": _EXACT, "": _DEFAULT}.get(kind, _PREFIX)
        yield Location(
            hostname=host,
            precedence=(rank, -len(path), path, number),
            match={**_path(path, kind), "headers": headers},
            clusters=clusters,
        )


def _path(path: str, kind: str) -> Object:
    """A Prefix is one of whole elements; what nginx makes of ImplementationSpecific is one of characters."""
    if kind == "Exact":
        return {"path": path}
    if kind == "Prefix" and path.rstrip("/"):
        return {"path_separated_prefix": path.rstrip("/")}
    return {"prefix": path if kind == "ImplementationSpecific" else "/"}


def _canaries(
    ingresses: Sequence[Object],
    service_of: Callable[[ObjectKey], Object | None],
    answers: Callable[[ObjectKey], bool],
) -> Mapping[_Place, Canary]:
    """One for each place: of several, the oldest; one whose Service is not there, or cannot answer, is none."""
    found: dict[_Place, Canary] = {}
    for ingress in ingresses:
        for place, backend in _places(ingress):
            cluster = _cluster(ingress, backend, service_of)
            if cluster and answers(_service(ingress, backend)):
                found.setdefault(place, Canary(cluster=cluster, annotations=annotations_of(ingress)))
    return found


def _service(ingress: Object, backend: Object) -> ObjectKey:
    return (ingress["metadata"]["namespace"], (backend.get("service") or {}).get("name", ""))


def _places(ingress: Object) -> Iterator[tuple[_Place, Object]]:
    """Every host and path with its backend; the default one has no path, and no type."""
    spec = ingress["spec"]
    for rule in spec.get("rules") or ():
        host = rule.get("host") or _ANY_HOST
        for each in (rule.get("http") or {}).get("paths") or ():
            yield (host, each.get("path") or "/", each["pathType"]), each["backend"]
        if "defaultBackend" in spec:
            yield (host, "", ""), spec["defaultBackend"]
    if "defaultBackend" in spec:
        yield (_ANY_HOST, "", ""), spec["defaultBackend"]


def _cluster(ingress: Object, backend: Object, service_of: Callable[[ObjectKey], Object | None]) -> str:
    key = _service(ingress, backend)
    service, port = service_of(key), (backend.get("service") or {}).get("port") or {}
    for each in service["spec"].get("ports") or () if service else ():
        if each["port"] == port.get("number") or (port.get("name") and each.get("name") == port["name"]):
            return cluster_name(key, each["port"])
    return ""


def _age(ingress: Object) -> tuple[str, str]:
    return ingress["metadata"].get("creationTimestamp", ""), "/".join(key_of(ingress))
