"""What people apply to install the controller, and what its account may do then."""

from pathlib import Path

import pytest

from tests.backends import KUBERNETES, Ground
from tests.kubectl.command import Kubectl, kubectl_for
from tests.kubectl.pages import ROOT
from tests.kubectl.stories import CRDS

pytestmark = pytest.mark.parametrize("ground", [KUBERNETES], indirect=True)
RBAC = sorted((ROOT / "deploy" / "rbac").glob("*.yaml"))
ADOPTED = (
    "missing the kubectl.kubernetes.io/last-applied-configuration annotation"  # these tests applied them otherwise
)
MAY = [
    ("patch", "rollouts"),
    ("patch", "rollouts --subresource=status"),
    ("create", "rolloutruns"),
    ("create", "deployments.apps"),
    ("patch", "services"),
    ("patch", "httproutes.gateway.networking.k8s.io"),
    ("watch", "endpointslices.discovery.k8s.io"),
    ("create", "events.events.k8s.io"),
]
MAY_NOT = [
    ("get", "secrets"),
    ("create", "pods"),
    ("delete", "rollouts"),
    ("create", "httproutes.gateway.networking.k8s.io"),
    ("update", "deployments.apps"),
    ("create", "rolebindings.rbac.authorization.k8s.io"),
    ("*", "*"),
]


async def test_the_rbac_of_the_controller_is_applied_without_a_warning_and_again(
    ground: Ground, tmp_path: Path
) -> None:
    async with ground.open() as backend:
        kubectl, name = kubectl_for(backend, tmp_path), f"progressive-delivery-{backend.namespace}"
        for path in RBAC:  # under another name: this cluster has them, and its controller lives on them
            renamed = path.read_text().replace("name: progressive-delivery", f"name: {name}")
            (tmp_path / path.name).write_text(renamed.replace("namespace: progressive-delivery", f"namespace: {name}"))
        files = ["-f", str(tmp_path)]
        made = (await kubectl("apply", *files)).splitlines()
        assert [line.partition(" ")[2] for line in made] == ["created"] * len(RBAC)
        again = (await kubectl("apply", *files)).splitlines()
        assert [line.partition(" ")[2] for line in again] == ["unchanged"] * len(RBAC)
        await kubectl("delete", "--wait=false", *files)


async def test_the_crds_are_applied_without_a_warning_and_differ_in_nothing(ground: Ground, tmp_path: Path) -> None:
    async with ground.open() as backend:
        kubectl, files = kubectl_for(backend, tmp_path), ("-f", str(ROOT / "crds"))
        first = await kubectl.run("apply", *files)
        assert [line for line in first.err.splitlines() if ADOPTED not in line] == []
        assert await kubectl("apply", *files) == CRDS
        assert await kubectl("diff", *files) == ""
        fresh = (ROOT / "crds" / "rollouts.yaml").read_text()
        assert await kubectl("create", "--validate=strict", "--dry-run=client", "-f", "-", given=fresh)


async def test_the_controllers_account_may_do_its_work_and_nothing_else(ground: Ground, tmp_path: Path) -> None:
    async with ground.open() as backend:
        kubectl = kubectl_for(backend, tmp_path, user="controller")
        assert [each for each in MAY if not await can(kubectl, *each)] == []
        assert [each for each in MAY_NOT if await can(kubectl, *each)] == []


async def test_nobody_sees_nothing(ground: Ground, tmp_path: Path) -> None:
    async with ground.open() as backend:
        kubectl = kubectl_for(backend, tmp_path, user="nobody")
        assert not await can(kubectl, "get", "rollouts")
        assert 'cannot list resource "rollouts"' in await kubectl.refused("get", "rollouts")


async def can(kubectl: Kubectl, verb: str, resource: str) -> bool:
    said = await kubectl.run("auth", "can-i", verb, *resource.split())
    assert said.out in ("yes\n", "no\n"), said
    return said.out == "yes\n"
