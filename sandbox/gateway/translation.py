"""From the objects of the Gateway API, Ingresses and Services to what Envoy is told; pure.

As the Gateway API says, a backend that does not resolve answers 500 for its share and a Service without ready
endpoints 503. What it leaves open: a rule whose weights are all zero, or without backends, answers 500. All Gateways
share one address and port.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.envoy import ROUTES_NAME, Config
from sandbox.gateway import backends, filters
from sandbox.gateway.attachment import (
    ANY_HOST,
    attachments,
    backend_name,
    backend_refs,
    by_name,
    covers,
    problem,
)
from sandbox.gateway.ingresses import Location, locations
from sandbox.gateway.matches import Precedence, matches
from sandbox.reading import ObjectKey, key_of
from sandbox.storage import Object

_ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
# Never a cluster's name, as those have slashes: Envoy answers for it with cluster_not_found_response_code.
UNRESOLVED = "unresolved"


@dataclass(frozen=True, kw_only=True)
class _Backends:
    service_of: Callable[[ObjectKey], Object | None]
    grants: Sequence[Object]

    def cluster(self, route: Object, ref: Object) -> str:
        """Return the cluster of a backendRef."""
        if problem(route, ref, service_of=self.service_of, grants=self.grants):
            return UNRESOLVED
        return backends.cluster_name(backend_name(route, ref), ref["port"])


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """One match of one route or Ingress, served under `hostname`; those of Ingresses come last."""

    hostname: str
    of_ingress: bool = False
    precedence: Precedence
    route: Object


def translate(
    *,
    routes: Iterable[Object],
    services: Iterable[Object],
    endpointslices: Iterable[Object],
    gateways: Iterable[Object],
    referencegrants: Iterable[Object],
    ingresses: Iterable[Object] = (),
    endpoints: str = "endpoints",
    lowest_port: int = 0,
) -> Config:
    """Return what Envoy serves for these objects.

    `routes` are HTTPRoutes and GRPCRoutes, `gateways` those this proxy is responsible for, `endpoints` the directory
    of the assignments' files; ports of ClusterIPs below `lowest_port` cannot be bound.
    """
    routes, services = list(routes), list(services)
    known = _Backends(service_of=by_name(services).get, grants=list(referencegrants))
    endpointslices = list(endpointslices)
    answering = frozenset(backends.answering(endpointslices))
    inside = map(_entry, locations(ingresses, service_of=known.service_of, answers=answering.__contains__))
    entries = [*_entries(routes, by_name(gateways), known), *inside]
    http2 = frozenset(known.cluster(r, ref) for r in routes if r["kind"] == "GRPCRoute" for ref in backend_refs(r))
    return Config(
        clusters=tuple(backends.clusters(services, endpoints=endpoints, http2=http2)),
        assignments=tuple(backends.assignments(services, endpointslices)),
        listeners=tuple(backends.listeners(services, lowest_port=lowest_port)),
        routes=_route_configuration(entries),
    )


def _route_configuration(entries: Sequence[_Entry]) -> Object:
    hostnames = sorted({entry.hostname for entry in entries})
    return {
        "@type": _ROUTES,
        "name": ROUTES_NAME,
        "virtual_hosts": [_virtual_host(hostname, entries) for hostname in hostnames],
        "ignore_port_in_host_matching": True,
        # A cluster that is still on its way answers like a backend that is not there, instead of a refused update.
        "validate_clusters": False,
    }


def _virtual_host(hostname: str, entries: Iterable[_Entry]) -> Object:
    # A request that no rule of the closest hostname matches falls to the rules of wider ones: the Gateway API gives
    # precedence to the closest, it does not exclude the others.
    matching = (entry for entry in entries if covers(entry.hostname, hostname))
    ordered = sorted(matching, key=lambda entry: (-_closeness(entry.hostname), entry.of_ingress, entry.precedence))
    return {"name": hostname, "domains": [hostname], "routes": [entry.route for entry in ordered]}


def _closeness(hostname: str) -> int:
    """Return how close a hostname is: exact ones first, then the longer ones."""
    return 0 if hostname == ANY_HOST else len(hostname) + (0 if hostname.startswith("*.") else 1000)


def _entries(routes: Iterable[Object], gateways: Mapping[ObjectKey, Object], known: _Backends) -> list[_Entry]:
    return [
        _Entry(hostname=hostname, precedence=precedence, route=envoy_route)
        for route in routes
        for hostname in _hostnames(route, gateways)
        for precedence, envoy_route in _envoy_routes(route, known)
    ]


def _entry(location: Location) -> _Entry:
    """What an Ingress opens: as nginx does, 503 where a Service is not there or has no endpoints."""
    clusters = [{"name": name or UNRESOLVED, "weight": weight} for name, weight in location.clusters.items()]
    action = {
        "weighted_clusters": {"clusters": clusters},
        "cluster_not_found_response_code": "SERVICE_UNAVAILABLE",
        "retry_policy": _safe_retries(),
    }
    route = {"match": location.match, "route": action}
    return _Entry(hostname=location.hostname, of_ingress=True, precedence=location.precedence, route=route)


def _hostnames(route: Object, gateways: Mapping[ObjectKey, Object]) -> tuple[str, ...]:
    served = (host for attachment in attachments(route, gateways) for host in attachment.hostnames)
    return tuple(dict.fromkeys(served))


def _envoy_routes(route: Object, known: _Backends) -> Iterator[tuple[Precedence, Object]]:
    meta = route["metadata"]
    age = (meta.get("creationTimestamp", ""), "/".join(key_of(route)))
    for number, rule in enumerate(route["spec"].get("rules") or ()):
        for position, (precedence, match) in enumerate(matches(route, rule)):
            changes = filters.header_changes(rule.get("filters") or ())
            envoy_route = {"match": match, **changes, **_action(route, rule, match, known)}
            yield (*precedence, *age, number, position), envoy_route


def _action(route: Object, rule: Object, match: Object, known: _Backends) -> Object:
    redirect = filters.redirect(rule, match)
    if redirect is not None:
        return {"redirect": redirect}
    weighted = _weighted(route, rule, known)
    if not weighted or not filters.supported(rule):
        return {"direct_response": {"status": 500}}
    return {
        "route": {
            "weighted_clusters": {"clusters": weighted},
            "cluster_not_found_response_code": "INTERNAL_SERVER_ERROR",
            "retry_policy": _safe_retries(),
            "request_mirror_policies": _mirrors(route, rule, known),
            **filters.timeouts(rule),
            **filters.rewrite(rule, match),
        }
    }


def _weighted(route: Object, rule: Object, known: _Backends) -> list[Object]:
    return [
        {"name": known.cluster(route, ref), "weight": weight} | filters.header_changes(ref.get("filters") or ())
        for ref in rule.get("backendRefs") or ()
        if (weight := ref.get("weight", 1)) > 0
    ]


def _mirrors(route: Object, rule: Object, known: _Backends) -> list[Object]:
    found = ((known.cluster(route, ref), share) for ref, share in filters.mirrors(rule))
    return [
        {"cluster": cluster, "runtime_fraction": {"default_value": _fraction(share)}}
        for cluster, share in found
        if cluster != UNRESOLVED
    ]


def _fraction(per_cent: float) -> Object:
    return {"numerator": round(per_cent * 10_000), "denominator": "MILLION"}


def _safe_retries() -> Object:
    # Only requests of which the backend has certainly seen nothing, as every production gateway repeats them: the
    # connection was refused, or closed before the request went out (a pod that has just left). Whatever a backend
    # has begun to answer, or died over, the client sees.
    return {
        "retry_on": "connect-failure,refused-stream,reset-before-request",
        "num_retries": 2,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": 3,
    }
