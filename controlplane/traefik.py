"""Traefik beside a control plane: a Gateway API implementation that is not ours, with routes read from the cluster."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from controlplane.binaries import traefik as program
from controlplane.cluster import ControlPlane
from controlplane.processes import server

CLASS = "traefik"
GATEWAY_CLASS = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "GatewayClass",
    "metadata": {"name": CLASS},
    "spec": {"controllerName": "traefik.io/gateway-controller"},
}


@dataclass(frozen=True, kw_only=True)
class Traefik:
    """A running Traefik: where listeners of its port are served, and its counters in Prometheus' text format."""

    url: str
    metrics_url: str


@contextmanager
def traefik(running: ControlPlane, *, port: int, metrics_port: int, api_url: str) -> Iterator[Traefik]:
    """Serve Gateways of class `CLASS` with listeners on `port` beside the block; raises NotBuilt, DidNotStart.

    `api_url` is how it reaches the API server, for a test that wants to stand between them.
    """
    running.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(GATEWAY_CLASS))
    found = Traefik(url=f"http://127.0.0.1:{port}", metrics_url=f"http://127.0.0.1:{metrics_port}/metrics")
    with server(
        str(program()),
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=INFO",
        f"--entrypoints.web.address=127.0.0.1:{port}",
        f"--entrypoints.metrics.address=127.0.0.1:{metrics_port}",
        "--metrics.prometheus=true",
        "--metrics.prometheus.entrypoint=metrics",
        "--metrics.prometheus.addserviceslabels=true",
        "--providers.kubernetesgateway=true",
        f"--providers.kubernetesgateway.endpoint={api_url}",
        f"--providers.kubernetesgateway.token={running.token()}",
        f"--providers.kubernetesgateway.certauthfilepath={running.ca}",
        directory=running.directory,
        prefix=running.prefix,
    ) as started:
        started.wait(lambda: _answers(found.metrics_url))
        yield found


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - an address of our own
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError):
        return False
