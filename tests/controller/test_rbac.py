"""The account of deploy/rbac on a real API server: may do everything the controller does, and nothing else."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import yaml

from api.app import create_app
from controlplane.access import USERS
from controlplane.audit import Asked, asked, end
from controlplane.cluster import ControlPlane
from rollout.kube.client import Client
from rollout.kube.lease import Election
from tests.backends import ROOT, Ground
from tests.controller.adopting import a_deployment, adopting, ready_behind, set_image
from tests.controller.adopting import settled as adopted
from tests.controller.harness import ERRORS, Stage, a_rollout, an_ingress, controlling, stage
from tests.controller.test_commands import LONG, holding

NAMESPACE = "progressive-delivery"


class Right(NamedTuple):
    group: str
    resource: str  # with its subresource
    verb: str


def granted(*names: str) -> set[Right]:
    """What the roles of these files allow."""
    rules = [rule for name in names for rule in yaml.safe_load((ROOT / "deploy/rbac" / name).read_text())["rules"]]
    return {
        Right(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def right(request: Asked) -> Right:
    return Right(request.group, "/".join(filter(None, (request.resource, request.subresource))), request.verb)


def grpc_route() -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GRPCRoute",
        "metadata": {"name": "shop"},
        "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [{"name": "shop", "port": 80}]}]},
    }


async def releases(made: Stage) -> None:
    """Releases over every kind of route, promoted, forgotten and taken back over the API, and the Rollout's end."""
    routes = [
        {"name": kind.lower(), "gatewayRoute": {"kind": kind, "name": "shop"}} for kind in ("HTTPRoute", "GRPCRoute")
    ]
    routes.append({"name": "ingress", "ingress": {"name": "shop"}})
    await made.create(grpc_route(), an_ingress(), a_rollout(traffic=routes, analysis={"checks": [ERRORS]}))
    for version in ("v1", "v2", "v3"):
        await (made.healthy(version) if version == "v1" else released(made, version))
    await made.until(lambda: len(made.list("rolloutruns")) == 2, "the oldest run forgotten")
    await made.patch("Rollout", {"spec": {"strategy": LONG}})
    await made.release("v4")
    await holding(made, 10)
    await abort(made)
    await made.phase("Aborted")
    await made.delete("Rollout")
    await made.until(lambda: made.list("rolloutruns") == [] and made.list("pods") == [], "everything gone")


async def released(made: Stage, version: str) -> None:
    await made.release(version)
    await made.healthy(version)


async def abort(made: Stage) -> None:
    """Abort over the REST API, which acts with the same account."""
    assert made.parts is not None
    now = datetime(2026, 1, 1, tzinfo=UTC)
    app = create_app(
        store=made.parts.store, client=made.parts.client, clock=lambda: now, version="1", new_id=lambda: "abort-1"
    )
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1") as api:
        answer = await api.post(f"/api/v1/namespaces/{made.namespace}/rollouts/shop/abort")
    assert answer.status_code == 202, answer.text


async def adoption(made: Stage) -> None:
    """A Deployment that is adopted, released from and given back."""
    await made.create(a_deployment())
    await made.until(lambda: ready_behind(made) == 3, "three pods behind the Service")
    await made.create(adopting())
    await adopted(made, "v1")
    await set_image(made, "v2")
    await adopted(made, "v2")
    await made.delete("Rollout")
    await made.until(lambda: made.get("rollouts") is None, "the Rollout gone")


async def election(made: Stage) -> None:
    """A lease that is taken, renewed and given back."""
    acting = asyncio.Event()

    async def body() -> None:
        acting.set()
        await asyncio.Event().wait()

    async with await Client.connect(made.backend.kubeconfig("controller")) as client:
        candidate = Election(
            client, namespace=NAMESPACE, name=made.namespace, identity="test", now=lambda: datetime.now(UTC)
        )
        running = asyncio.get_running_loop().create_task(candidate.run(body))
        await acting.wait()
        running.cancel()
        await asyncio.wait([running])


async def test_the_roles_allow_exactly_what_the_controller_does(tmp_path: Path, kubernetes: ControlPlane) -> None:
    since = end(kubernetes.audit_log)
    async with stage(Ground(tmp_path, kubernetes)) as made:
        made.settings = replace(made.settings, history=1)
        async with controlling(made):
            await releases(made)
            await adoption(made)
        await election(made)
    requests = list(asked(kubernetes.audit_log, user=USERS["controller"].name, since=since))
    assert {right(each) for each in requests} == granted("cluster-role.yaml", "role.yaml")
    assert [each for each in requests if each.code == 403] == []
