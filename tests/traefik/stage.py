"""Everything but the shops: a control plane, pods that are processes, Traefik, and the controller as a process."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from controlplane.cluster import ControlPlane, control_plane
from controlplane.processes import Server, server
from controlplane.traefik import Traefik, traefik
from tests.traefik.objects import PORT

_ROOT = Path(__file__).parent.parent.parent
_METRICS_PORT, _LINK_PORT = 8001, 8002  # in a network of their own


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What the shops need."""

    cluster: ControlPlane
    proxy: Traefik
    link: subprocess.Popen[bytes]

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Let Traefik and the API server hear nothing of each other in the block; what was said comes afterwards."""
        self.link.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.link.send_signal(signal.SIGCONT)


@contextmanager
def stage(directory: Path, *, settle: str) -> Iterator[Stage]:
    """Everything beside the block, in the network of this process; the controller with this `--settle`."""
    manifests = (_ROOT / "crds", _ROOT / "deploy" / "rbac")
    with ExitStack() as stack:
        cluster = stack.enter_context(control_plane(directory, manifests=manifests, node=False))
        link = _run_link(stack, cluster)
        api_url = f"https://127.0.0.1:{_LINK_PORT}"
        proxy = stack.enter_context(traefik(cluster, port=PORT, metrics_port=_METRICS_PORT, api_url=api_url))
        _run_pods(stack, cluster)
        _run_controller(stack, cluster, proxy, settle=settle)
        yield Stage(cluster=cluster, proxy=proxy, link=link.process)


def _run_link(stack: ExitStack, cluster: ControlPlane) -> Server:
    link = _run(stack, cluster, "link", "tests.traefik.link", str(_LINK_PORT), cluster.url.removeprefix("https://"))
    link.wait(lambda: "linked" in link.log.read_text())
    return link


def _run_pods(stack: ExitStack, cluster: ControlPlane) -> None:
    kubeconfig, logs = cluster.kubeconfig("node"), cluster.directory / "pods"
    pods = _run(stack, cluster, "pods", "controlplane.pods", str(kubeconfig), str(logs))
    pods.wait(lambda: "playing" in pods.log.read_text())


def _run_controller(stack: ExitStack, cluster: ControlPlane, proxy: Traefik, *, settle: str) -> None:
    sources = cluster.directory / "sources.yaml"
    source = {"name": "traefik", "scrape": {"urls": [proxy.metrics_url], "interval": "500ms"}}
    sources.write_text(yaml.safe_dump({"sources": [source]}))
    options = ["--kubeconfig", str(cluster.kubeconfig("controller")), "--metric-sources", str(sources)]
    options += ["--settle", settle, "--lease-namespace", "progressive-delivery"]
    options += ["--api-port", "0", "--health-host", "127.0.0.1", "--health-port", "0"]
    controller = _run(stack, cluster, "controller", "rollout", "controller", *options)
    controller.wait(lambda: "listening" in controller.log.read_text())


def _run(stack: ExitStack, cluster: ControlPlane, name: str, module: str, *arguments: str) -> Server:
    command = (sys.executable, "-m", module, *arguments)
    return stack.enter_context(server(*command, directory=cluster.directory, name=name))
