"""A control plane: open it, use it over TLS, and nothing of it is left when the block ends, however it ends."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from controlplane.access import USERS, Keys, token, write_keys, write_kubeconfig, write_tokens
from controlplane.binaries import Binaries, binaries
from controlplane.processes import Server, server

_CONTROLLERS = (
    "deployment",
    "replicaset",
    "endpointslice",
    "garbagecollector",
    "namespace",
    "serviceaccount",
    "disruption",
    "horizontalpodautoscaling",
    "clusterrole-aggregation",
)
_ADVERTISED = "192.0.2.1"  # of the range for documentation: nobody is told it, but one has to be given
# Who asked for what, once for each request; watches are told when they begin.
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """A running control plane, with role-based access control and the Gateway API's CRDs.

    `audit_log` has one JSON object a line for each answered request (audit.k8s.io/v1 Event). `node` is the process that
    plays kubelet and Gateway, if one was asked for: without it no pod becomes ready.
    """

    directory: Path
    binaries: Binaries
    url: str
    ca: Path
    etcd_url: str
    audit_log: Path
    prefix: tuple[str, ...]
    node: Server | None = None

    def kubeconfig(self, user: str = "admin") -> Path:
        """The kubeconfig of a user of `access.USERS`."""
        return self.directory / f"{user}.kubeconfig"

    def token(self, user: str = "admin") -> str:
        """The bearer token of a user."""
        return token(user)

    def kubectl(self, *arguments: str, user: str = "admin", stdin: str | None = None) -> str:
        """What kubectl prints; raises CalledProcessError, whose stderr says why."""
        command = [*self.prefix, str(self.binaries.kubectl), "--kubeconfig", str(self.kubeconfig(user)), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, input=stdin).stdout


@contextmanager
def control_plane(
    directory: Path,
    *,
    manifests: Sequence[Path] = (),
    address: str = "127.0.0.1",
    prefix: Sequence[str] = (),
    node: bool = True,
) -> Iterator[ControlPlane]:
    """Run a control plane beside the block, from the moment it is ready and the CRDs and `manifests` are there.

    `address` is where everything listens; `prefix` goes before each command (such as `ip netns exec NAME`). `node`
    plays kubelet with virtual pods, and a Gateway of class `sandbox`. Takes some seconds. Raises NotBuilt, DidNotStart,
    and CalledProcessError for manifests that the API server does not take.
    """
    made = binaries()
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        ports = _free_ports(4)
        running = _described(made, directory, address=address, ports=ports, prefix=prefix)
        stack.enter_context(_etcd(running, peer=f"http://{address}:{ports[2]}"))
        _run_apiserver(stack, running, address=address, port=ports[0])
        running.kubectl("apply", "--server-side", *_files(made.gateway_api, *manifests))
        _run_controller_manager(stack, running, port=ports[3])
        yield replace(running, node=_run_node(stack, running)) if node else running


def _described(
    made: Binaries, directory: Path, *, address: str, ports: Sequence[int], prefix: Sequence[str]
) -> ControlPlane:
    url = f"https://{address}:{ports[0]}"
    for user in USERS:
        write_kubeconfig(directory / f"{user}.kubeconfig", url=url, ca=directory / "ca.pem", user=user)
    return ControlPlane(
        directory=directory,
        binaries=made,
        url=url,
        ca=directory / "ca.pem",
        etcd_url=f"http://{address}:{ports[1]}",
        audit_log=directory / "audit.log",
        prefix=tuple(prefix),
    )


@contextmanager
def _etcd(running: ControlPlane, *, peer: str) -> Iterator[Server]:
    command = (
        str(running.binaries.etcd),
        f"--data-dir={running.directory / 'etcd'}",
        f"--listen-client-urls={running.etcd_url}",
        f"--advertise-client-urls={running.etcd_url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # what is stored need not outlive the test
        "--log-level=warn",
    )
    with server(*command, directory=running.directory, prefix=running.prefix) as etcd:
        yield etcd


def _run_apiserver(stack: ExitStack, running: ControlPlane, *, address: str, port: int) -> None:
    keys = write_keys(running.directory, address=address)
    write_tokens(running.directory / "tokens.csv")
    (running.directory / "audit-policy.json").write_text(json.dumps(_AUDIT_POLICY))
    command = _apiserver_command(running, keys, address=address, port=port)
    apiserver = stack.enter_context(server(*command, directory=running.directory, prefix=running.prefix))
    apiserver.wait(lambda: _answers(running, "/readyz"))


def _apiserver_command(running: ControlPlane, keys: Keys, *, address: str, port: int) -> tuple[str, ...]:
    return (
        str(running.binaries.apiserver),
        f"--etcd-servers={running.etcd_url}",
        f"--bind-address={address}",
        f"--advertise-address={_ADVERTISED if address == '127.0.0.1' else address}",
        f"--secure-port={port}",
        f"--tls-cert-file={keys.certificate}",
        f"--tls-private-key-file={keys.key}",
        f"--client-ca-file={keys.ca}",
        f"--service-account-key-file={keys.signing}",
        f"--service-account-signing-key-file={keys.signing}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",
        "--authorization-mode=RBAC",
        # Stricter than the default, as some distributions are: who sets an owner that blocks must be allowed to.
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        f"--token-auth-file={running.directory / 'tokens.csv'}",
        f"--audit-log-path={running.audit_log}",
        f"--audit-policy-file={running.directory / 'audit-policy.json'}",
        "--audit-log-maxsize=10000",  # in MB; whoever reads it from an offset on must find the same file
    )


def _run_controller_manager(stack: ExitStack, running: ControlPlane, *, port: int) -> None:
    command = (
        str(running.binaries.controller_manager),
        f"--kubeconfig={running.kubeconfig('controller-manager')}",
        f"--root-ca-file={running.ca}",
        f"--service-account-private-key-file={running.directory / 'service-accounts-key.pem'}",
        f"--controllers={','.join(_CONTROLLERS)}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={running.directory / 'controller-manager'}",
        # The default of 20 requests a second would be what a test of many Rollouts measures.
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
    )
    started = stack.enter_context(server(*command, directory=running.directory, prefix=running.prefix))
    started.wait(lambda: _has_default_account(running))


def _run_node(stack: ExitStack, running: ControlPlane) -> Server:
    command = (sys.executable, "-m", "controlplane.node", str(running.kubeconfig("node")))
    node = stack.enter_context(server(*command, directory=running.directory, prefix=running.prefix, name="node"))
    node.wait(lambda: "playing" in node.log.read_text())
    return node


def _answers(running: ControlPlane, path: str) -> bool:
    try:
        return running.kubectl("get", "--raw", path).strip() == "ok"
    except subprocess.CalledProcessError:
        return False


def _has_default_account(running: ControlPlane) -> bool:
    """The controllers work: without this account no pod is admitted to the namespace."""
    try:
        return bool(running.kubectl("get", "serviceaccount", "default", "--output=name"))
    except subprocess.CalledProcessError:
        return False


def _files(*paths: Path) -> list[str]:
    return [f"--filename={path}" for path in paths]


def _free_ports(count: int) -> tuple[int, ...]:
    """Ports which were free a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return tuple(each.getsockname()[1] for each in sockets)
