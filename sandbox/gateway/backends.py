"""What stands behind the proxy: one Envoy cluster per port of a Service, and its endpoints; pure."""

from collections.abc import Iterable, Iterator, Mapping

from sandbox.envoy import file_name
from sandbox.reading import ObjectKey, key_of
from sandbox.storage import Object

SERVICE_LABEL = "kubernetes.io/service-name"
# Traffic to a Service's ClusterIP is counted apart, so that the counters of a backend are those of its routes alone.
_CLUSTER_IP = "clusterip/"
_TYPE = "type.googleapis.com/envoy."
_MANY = 1_000_000


def cluster_name(service: ObjectKey, port: int) -> str:
    """Return the name of a backend: `<namespace>/<service>/<port>`."""
    return f"{service[0]}/{service[1]}/{port}"


def answering(slices: Iterable[Object]) -> Iterator[ObjectKey]:
    """Yield the Services that have a ready endpoint."""
    for each in slices:
        if any(
            (endpoint.get("conditions") or {}).get("ready") is not False for endpoint in each.get("endpoints") or ()
        ):
            yield each["metadata"]["namespace"], (each["metadata"].get("labels") or {}).get(SERVICE_LABEL, "")


def clusters(services: Iterable[Object], *, endpoints: str, http2: frozenset[str] = frozenset()) -> list[Object]:
    """Return Envoy's clusters: for each port of a Service one for HTTP and one for its ClusterIP.

    `endpoints` is the directory of the assignments; the backends named in `http2`, and those whose appProtocol says
    so, are spoken to in HTTP/2 without TLS, the others in HTTP/1.1.
    """
    found = []
    for service in services:
        for port in _ports(service):
            name = cluster_name(key_of(service), port["port"])
            protocol = "http2" if name in http2 or _speaks_http2(port) else "http"
            found.append(_cluster(name, endpoints, balance="ROUND_ROBIN") | _http_options(protocol))
            if _cluster_ip(service):
                found.append(_cluster(name, endpoints, balance="RANDOM") | {"name": _CLUSTER_IP + name})
    return found


def assignments(services: Iterable[Object], slices: Iterable[Object]) -> list[Object]:
    """Return Envoy's ClusterLoadAssignments: the ready endpoints of every port of every Service."""
    by_service = _by_service(slices)
    return [
        _assignment(cluster_name(key_of(service), port["port"]), port, by_service.get(key_of(service), ()))
        for service in services
        for port in _ports(service)
    ]


def listeners(services: Iterable[Object], *, lowest_port: int = 0) -> list[Object]:
    """Return a TCP listener for every port of every Service that has a ClusterIP, as kube-proxy would serve it.

    Ports below `lowest_port`, which this process may not bind, are served 20000 higher.
    """
    return [
        _listener(service, port["port"], lowest_port)
        for service in services
        for port in _ports(service)
        if _cluster_ip(service)
    ]


def service_port(port: int, *, lowest_port: int) -> int:
    """Return the port on which a Service's port is served at its ClusterIP."""
    return port if port >= lowest_port else port + 20_000


def _cluster_ip(service: Object) -> str | None:
    address = service["spec"].get("clusterIP")
    return address if address and address != "None" else None


def _ports(service: Object) -> list[Object]:
    return [port for port in service["spec"].get("ports") or () if port.get("protocol", "TCP") == "TCP"]


def _speaks_http2(port: Object) -> bool:
    return port.get("appProtocol") in ("kubernetes.io/h2c", "grpc")


def _cluster(name: str, endpoints: str, *, balance: str) -> Object:
    # Envoy's own limits (1,024 requests) protect backends from overload; here they would look like an outage.
    limits = {"max_connections": _MANY, "max_pending_requests": _MANY, "max_requests": _MANY, "max_retries": _MANY}
    return {
        "@type": _TYPE + "config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {
            "service_name": name,
            "eds_config": {
                "resource_api_version": "V3",
                "path_config_source": {"path": f"{endpoints}/{file_name(name)}"},
            },
        },
        "lb_policy": balance,
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [limits]},
    }


def _http_options(protocol: str) -> Object:
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    options = {
        "@type": f"type.googleapis.com/{name}",
        "explicit_http_config": {f"{protocol}_protocol_options": {}},
        # Shorter than the keep-alive of common servers (5 s), so that it is the proxy that closes an idle connection:
        # a request sent while the server closes is lost.
        "common_http_protocol_options": {"idle_timeout": "4s"},
    }
    return {"typed_extension_protocol_options": {name: options}}


def _by_service(slices: Iterable[Object]) -> Mapping[ObjectKey, list[Object]]:
    found: dict[ObjectKey, list[Object]] = {}
    for one in slices:
        service = (one["metadata"].get("labels") or {}).get(SERVICE_LABEL)
        if service:
            found.setdefault((key_of(one)[0], service), []).append(one)
    return found


def _assignment(name: str, port: Object, slices: Iterable[Object]) -> Object:
    addresses = {
        (address, target["port"]): None
        for one in slices
        for target in one.get("ports") or ()
        if (target.get("name") or "") == (port.get("name") or "")
        for endpoint in one.get("endpoints") or ()
        if _is_ready(endpoint)
        for address in endpoint["addresses"]
    }
    return {
        "@type": _TYPE + "config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [_endpoint(*address) for address in addresses]}],
    }


def _is_ready(endpoint: Object) -> bool:
    # Kubernetes: an unknown condition (nil) is to be read as ready.
    return (endpoint.get("conditions") or {}).get("ready") is not False


def _endpoint(address: str, port: int) -> Object:
    return {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}


def _listener(service: Object, port: int, lowest_port: int) -> Object:
    name = cluster_name(key_of(service), port)
    proxy = {
        "@type": _TYPE + "extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "clusterip",
        "cluster": _CLUSTER_IP + name,
    }
    address = {"address": _cluster_ip(service), "port_value": service_port(port, lowest_port=lowest_port)}
    return {
        "@type": _TYPE + "config.listener.v3.Listener",
        "name": name,
        "address": {"socket_address": address},
        # Two sandboxes with the same address must not share its connections, as they would without a word.
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}],
    }
