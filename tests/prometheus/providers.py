"""How the proxies people run name the requests of one backend, and the checks that read them.

Names and labels are those the proxies use; `{{service}}` and the like stand for the side that is measured.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from analysis.checks import Check, Latency, Ratio, Subject, Threshold
from tests.prometheus.catalogue import by_limit, example, preset

Series = dict[str, float]
CEILING = 0.01


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Checks, and the series of one side that has answered `good` requests quickly, and `bad` ones with an error.

    Bad requests are slow ones as well. `target` is where the series are shown: a pod has its own.
    """

    name: str
    checks: tuple[Check, ...]
    series: Callable[[Subject, float, float], Series]
    by_pod: bool = False


def histogram(name: str, labels: str, bounds: tuple[str, ...], at: str, *, good: float, bad: float) -> Series:
    """A classic histogram: good requests are within the bound spelled `at`, bad ones beyond all."""
    place = bounds.index(at)
    buckets = {f'{name}_bucket{{{labels},le="{bound}"}}': good * (i >= place) for i, bound in enumerate(bounds)}
    total = {f'{name}_bucket{{{labels},le="+Inf"}}': good + bad, f"{name}_count{{{labels}}}": good + bad}
    return {**buckets, **total}


def istio(side: Subject, good: float, bad: float) -> Series:
    of = (
        f'reporter="source",destination_service_name="{side.service}",destination_workload_namespace="{side.namespace}"'
        f',destination_workload="shop-{side.revision}",destination_version="{side.revision}",response_flags="-"'
    )
    return {
        f'istio_requests_total{{{of},response_code="200"}}': good,
        f'istio_requests_total{{{of},response_code="503"}}': bad,
        # What the pods report themselves is the same requests once more.
        f'istio_requests_total{{{of.replace("source", "destination", 1)},response_code="200"}}': good,
        **histogram("istio_request_duration_milliseconds", of, ("250", "500", "1000"), "500", good=good, bad=bad),
    }


_ISTIO = 'reporter="source",destination_service_name="{{service}}",destination_workload_namespace="{{namespace}}"'


def linkerd(side: Subject, good: float, bad: float) -> Series:
    of = f'parent_name="shop",backend_name="{side.service}",backend_namespace="{side.namespace}",backend_port="80"'
    statuses = "outbound_http_route_backend_response_statuses_total"
    return {
        f'{statuses}{{{of},http_status="200",error=""}}': good,
        f'{statuses}{{{of},http_status="500",error=""}}': bad,
        **histogram(
            "outbound_http_route_backend_response_duration_seconds",
            of,
            ("0.05", "0.5", "1.0"),
            "0.5",
            good=good,
            bad=bad,
        ),
    }


_LINKERD = 'backend_name="{{service}}",backend_namespace="{{namespace}}"'


def traefik(side: Subject, good: float, bad: float) -> Series:
    of = f'service="{side.namespace}-{side.service}-http-80@kubernetesgateway",method="GET",protocol="http"'
    return {
        f'traefik_service_requests_total{{{of},code="200"}}': good,
        f'traefik_service_requests_total{{{of},code="500"}}': bad,
        **histogram(
            "traefik_service_request_duration_seconds",
            f'{of},code="200"',
            ("0.1", "0.3", "1.2", "5"),
            "0.3",
            good=good,
            bad=bad,
        ),
    }


_TRAEFIK = 'service="{{namespace}}-{{service}}-http-80@kubernetesgateway"'


def contour(side: Subject, good: float, bad: float) -> Series:
    of = f'envoy_cluster_name="{side.namespace}_{side.service}_da39a3ee5e"'
    return {
        f'envoy_cluster_upstream_rq_xx{{{of},envoy_response_code_class="2"}}': good,
        f'envoy_cluster_upstream_rq_xx{{{of},envoy_response_code_class="5"}}': bad,
        **histogram("envoy_cluster_upstream_rq_time", of, ("250", "500", "1000"), "500", good=good, bad=bad),
    }


_CONTOUR = 'envoy_cluster_name=~"{{namespace}}_{{service}}_[0-9a-zA-Z-]+"'


def micrometer(side: Subject, good: float, bad: float) -> Series:
    of, bounds = f'namespace="{side.namespace}",uri="/",method="GET",outcome=', ("0.1", "1.0")
    return {
        **histogram("http_server_requests_seconds", f'{of}"SUCCESS"', bounds, "1.0", good=good, bad=0),
        **histogram("http_server_requests_seconds", f'{of}"SERVER_ERROR"', bounds, "1.0", good=0, bad=bad),
    }


_MICROMETER = 'namespace="{{namespace}}",pod=~"{{pods}}"'


def worker(side: Subject, good: float, bad: float) -> Series:
    of = f'namespace="{side.namespace}"'
    return {f'jobs_total{{{of},result="done"}}': good, f'jobs_total{{{of},result="failed"}}': bad}


def grpc(side: Subject, good: float, bad: float) -> Series:
    of = f'namespace="{side.namespace}",grpc_type="unary",grpc_method="Get"'
    return {
        f'grpc_server_handled_total{{{of},grpc_code="OK"}}': good,
        f'grpc_server_handled_total{{{of},grpc_code="Unavailable"}}': bad,
    }


def _pair(metric: str, histogram: str, side: str, bad: str, below: float) -> tuple[Check, ...]:
    return (
        Ratio(
            name="errors", bad=f"{metric}{{{side},{bad}}}", total=f"{metric}{{{side}}}", rule=Threshold(ceiling=CEILING)
        ),
        Latency(name="latency", histogram=f"{histogram}{{{side}}}", below=below, rule=Threshold(ceiling=CEILING)),
    )


def nginx(side: Subject, good: float, bad: float) -> Series:
    """Namespace, Ingress and Service are those of the stable side in all series; only the canary has a `canary`.

    Another Service of the Ingress has series beside them.
    """
    canary = f"{side.namespace}-{side.service}-80" if side.side == "canary" else ""
    of = f'namespace="{side.namespace}",ingress="shop",service="shop",canary="{canary}",host="a",path="/",method="GET"'
    return {
        f'nginx_ingress_controller_requests{{{of},status="200"}}': good,
        f'nginx_ingress_controller_requests{{{of},status="502"}}': bad,
        f'nginx_ingress_controller_requests{{{of.replace("shop", "cart")},status="502"}}': bad,
        **histogram(
            "nginx_ingress_controller_request_duration_seconds",
            f'{of},status="200"',
            ("0.1", "0.5", "10"),
            "0.5",
            good=good,
            bad=bad,
        ),
    }


def renamed(side: Subject, good: float, bad: float) -> Series:
    """As they are where Prometheus keeps its own labels for the controller's pod."""
    shown = {"namespace=": "exported_namespace=", "service=": "exported_service="}
    found = nginx(side, good, bad)
    for name, other in shown.items():
        found = {series.replace(name, other): value for series, value in found.items()}
    return found


def traefik_ingress(side: Subject, good: float, bad: float) -> Series:
    """Both sides are named after the Service of the stable one."""
    suffix = "-canary" if side.side == "canary" else ""
    of = f'service="{side.namespace}-web-shop-80{suffix}@kubernetesingressnginx",method="GET",protocol="http"'
    return {
        f'traefik_service_requests_total{{{of},code="200"}}': good,
        f'traefik_service_requests_total{{{of},code="502"}}': bad,
        **histogram(
            "traefik_service_request_duration_seconds",
            f'{of},code="200"',
            ("0.1", "0.5", "1.2", "5"),
            "0.5",
            good=good,
            bad=bad,
        ),
    }


def _preset(name: str, **args: str) -> tuple[Check, ...]:
    """The checks of a shipped template, by limits: the selectors are what is looked at."""
    checks = (check for check in preset(name, **args) if isinstance(check, Ratio | Latency))
    return tuple(_limited(check) for check in checks)


def _limited(check: Ratio | Latency) -> Ratio | Latency:
    rule = Threshold(ceiling=CEILING)
    return replace(check, rule=rule, below=0.5) if isinstance(check, Latency) else replace(check, rule=rule)


def _by_limit(name: str) -> tuple[Check, ...]:
    """The checks of an example that count requests."""
    return tuple(by_limit(check) for check in example(name) if isinstance(check, Ratio | Latency))


PROVIDERS = (
    Provider(
        name="istio",
        checks=_pair(
            "istio_requests_total", "istio_request_duration_milliseconds", _ISTIO, 'response_code=~"5.."', 0.5
        ),
        series=istio,
    ),
    Provider(
        name="linkerd",
        checks=_pair(
            "outbound_http_route_backend_response_statuses_total",
            "outbound_http_route_backend_response_duration_seconds",
            _LINKERD,
            'http_status=~"5.."',
            0.5,
        ),
        series=linkerd,
    ),
    Provider(
        name="traefik",
        checks=_pair(
            "traefik_service_requests_total", "traefik_service_request_duration_seconds", _TRAEFIK, 'code=~"5.."', 0.3
        ),
        series=traefik,
    ),
    Provider(
        name="contour",
        checks=_pair(
            "envoy_cluster_upstream_rq_xx",
            "envoy_cluster_upstream_rq_time",
            _CONTOUR,
            'envoy_response_code_class="5"',
            0.5,
        ),
        series=contour,
    ),
    Provider(
        name="micrometer",
        checks=_pair(
            "http_server_requests_seconds_count",
            "http_server_requests_seconds",
            _MICROMETER,
            'outcome="SERVER_ERROR"',
            1,
        ),
        series=micrometer,
        by_pod=True,
    ),
    Provider(name="ingress-nginx", checks=_preset("ingress-nginx.yaml", service="shop"), series=nginx),
    Provider(
        name="ingress-nginx-renamed",
        checks=_preset(
            "ingress-nginx.yaml",
            **{"service": "shop", "namespace-label": "exported_namespace", "service-label": "exported_service"},
        ),
        series=renamed,
    ),
    Provider(
        name="traefik-ingress",
        checks=_preset("traefik-ingress.yaml", ingress="web", service="shop", port="80"),
        series=traefik_ingress,
    ),
    Provider(name="worker.yaml", checks=_by_limit("worker.yaml"), series=worker, by_pod=True),
    Provider(name="grpc.yaml", checks=_by_limit("grpc.yaml"), series=grpc, by_pod=True),
)


NGINX = Ratio(
    name="errors",
    bad='nginx_ingress_controller_requests{canary="{{namespace}}-{{service}}-80",status=~"5.."}',
    total='nginx_ingress_controller_requests{canary="{{namespace}}-{{service}}-80"}',
    rule=Threshold(ceiling=CEILING),
)
