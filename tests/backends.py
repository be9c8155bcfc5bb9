"""The two clusters that every test of the cluster layer runs against: the sandbox, and a real control plane."""

import asyncio
import base64
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from controlplane.access import USERS, token
from controlplane.binaries import NotBuilt, binaries
from controlplane.cluster import ControlPlane, control_plane
from rollout.models.definitions import DEFINITIONS, manifest
from sandbox.cluster import Cluster, cluster
from sandbox.settings import Settings

ROOT = Path(__file__).parent.parent
SANDBOX, KUBERNETES = "sandbox", "kubernetes"
_GOODBYE_SECONDS = 0.1  # a TLS connection that is cut short says goodbye after its session was closed
_numbers = count(1)


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A cluster with our CRDs and the Gateway API's, a node, and a namespace that is this test's own.

    `sandbox` or `control_plane` is what is behind it, for what only one of them has.
    """

    name: str
    url: str
    ca: Path | None
    namespace: str
    directory: Path
    sandbox: Cluster | None = None
    control_plane: ControlPlane | None = None

    def kubeconfig(self, user: str = "admin") -> Path:
        """The kubeconfig of a user: admin, controller (the account of deploy/rbac) or nobody."""
        return self.directory / f"{user}.kubeconfig"

    def token(self, user: str = "admin") -> str:
        """The bearer token of a user."""
        return token(user)

    def session(self, user: str = "admin", agent: str = "tester/1") -> aiohttp.ClientSession:
        """Plain requests of a user who goes by a name."""
        tls = ssl.create_default_context(cafile=self.ca) if self.ca else False
        headers = {"Authorization": f"Bearer {self.token(user)}", "User-Agent": agent}
        return aiohttp.ClientSession(
            self.url, headers=headers, connector=aiohttp.TCPConnector(ssl=tls), read_bufsize=2**22
        )

    async def compact(self) -> None:
        """Forget the history: what continues from before now is told 410, on the real cluster some seconds later."""
        if self.sandbox is not None:
            self.sandbox.api.compact()
            return
        assert self.control_plane is not None
        # What an API server keeps in memory ends at the revision that is written here as compacted.
        key = base64.b64encode(b"compact_rev_key").decode()
        async with aiohttp.ClientSession(self.control_plane.etcd_url, raise_for_status=True) as etcd:
            async with etcd.post("/v3/kv/range", json={"key": key}) as answer:
                revision = (await answer.json())["header"]["revision"]
            value = base64.b64encode(revision.encode()).decode()
            async with etcd.post("/v3/kv/put", json={"key": key, "value": value}):
                pass
            async with etcd.post("/v3/kv/compaction", json={"revision": revision}):
                pass


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[ControlPlane]:
    """A real control plane for the whole session; skips where it is not built."""
    try:
        binaries()
    except NotBuilt as error:
        pytest.skip(str(error))
    directory = Path(tempfile.mkdtemp(prefix="control-plane-"))
    try:
        with control_plane(directory, manifests=(ROOT / "crds", ROOT / "deploy" / "rbac")) as running:
            yield running
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@dataclass(frozen=True)
class Ground:
    """Where clusters for one test come from: sandboxes in its directory, or the session's control plane."""

    directory: Path
    control_plane: ControlPlane | None = None

    @asynccontextmanager
    async def open(self, directory: Path | None = None, **settings: Any) -> AsyncIterator[Backend]:
        """A cluster beside the block; `settings` are those of a sandbox, and say nothing to the real one."""
        if self.control_plane is not None:
            yield await _on_kubernetes(self.control_plane)
            _check_node(self.control_plane)  # who waited for pods in vain is told why
            await asyncio.sleep(_GOODBYE_SECONDS)
            return
        chosen = {"processes": False, "gateway": False, "prometheus": False, **settings}
        async with cluster(Settings(directory=directory or self.directory, **chosen)) as running:
            yield _on_the_sandbox(running)


@pytest.fixture(params=[SANDBOX, KUBERNETES])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    """Each of the two in turn."""
    real = request.getfixturevalue("kubernetes") if request.param == KUBERNETES else None
    return Ground(tmp_path, real)


@pytest.fixture
async def backend(ground: Ground) -> AsyncIterator[Backend]:
    """Each of the two clusters in turn; the sandbox is this test's own, the real one is shared by all."""
    async with ground.open() as opened:
        yield opened


def _on_the_sandbox(running: Cluster) -> Backend:
    for definition in DEFINITIONS:
        running.storage.create("customresourcedefinitions", manifest(definition))
    running.storage.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    running.api.users.update({token(key): user.name for key, user in USERS.items()})
    made = Backend(
        name=SANDBOX,
        url=running.url,
        ca=None,
        namespace="shop",
        directory=running.settings.directory,
        sandbox=running,
    )
    for user in USERS:
        running.api.write_kubeconfig(made.kubeconfig(user), token=token(user))
    return made


def _check_node(running: ControlPlane) -> None:
    assert running.node is not None, "nothing becomes ready without a node"
    running.node.check()


async def _on_kubernetes(running: ControlPlane) -> Backend:
    _check_node(running)
    made = Backend(
        name=KUBERNETES,
        url=running.url,
        ca=running.ca,
        namespace=f"shop-{next(_numbers)}",
        directory=running.directory,
        control_plane=running,
    )
    async with made.session() as session:
        body = {"metadata": {"name": made.namespace}}
        async with session.post("/api/v1/namespaces", json=body, raise_for_status=True):
            pass
        account = f"/api/v1/namespaces/{made.namespace}/serviceaccounts/default"
        async with asyncio.timeout(30):  # no pod is admitted before its account is there
            while (await session.get(account)).status != 200:  # noqa: ASYNC110 (what is awaited is not in this process)
                await asyncio.sleep(0.01)
    return made
