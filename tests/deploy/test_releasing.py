"""The controller, started as each overlay's Deployment starts it and with its account, through whole releases."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from controlplane.audit import asked, end
from controlplane.cluster import ControlPlane
from rollout.models.rollout import COMMAND
from tests.backends import Ground
from tests.controller.harness import ERRORS, Stage, a_rollout, stage
from tests.controller.test_commands import LONG, holding
from tests.deploy.installing import Installation, installed, kubectl
from tests.deploy.overlays import NAME, Folder, deployment
from tests.deploy.pods import Pod, pod
from tests.notifications.receivers import receiving

pytestmark = pytest.mark.e2e

ASKING = {"canary": {"steps": [{"weight": 50, "hold": {"until": [{"approval": {}}]}}]}}
PROMETHEUS = "prometheus: {url: 'http://prometheus.monitoring:9090', interval: 15s}"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A stage, and an overlay that is installed beside it."""

    made: Stage
    installation: Installation
    pods: AsyncExitStack
    directory: Path

    @property
    def namespace(self) -> str:
        """Where the controller is."""
        return str(deployment(self.installation.objects)["metadata"]["namespace"])

    async def start(self, name: str = "one") -> Pod:
        """One more of the Deployment's pods."""
        objects = self.installation.objects
        return await self.pods.enter_async_context(
            pod(self.installation.cluster, objects, self.directory / name, name=name)
        )

    async def holder(self) -> str:
        """The pod that acts."""
        lease = f"{NAME}-{self.made.namespace}" if self.installation.name == "one-namespace" else NAME
        shown = ("get", "lease", lease, "--namespace", self.namespace, "--output=jsonpath={.spec.holderIdentity}")
        return (await kubectl(self.installation.cluster, *shown)).rpartition("-")[0]


async def served(bare: ControlPlane) -> None:
    """Wait until our kinds can be listed: for some seconds after their creation the API server says 429."""
    for plural in ("analysistemplates", "clusteranalysistemplates", "rolloutruns", "rollouts"):
        async with asyncio.timeout(60):
            while not await can_be_listed(bare, plural):  # noqa: ASYNC110 (what is awaited is not in this process)
                await asyncio.sleep(0.2)


async def can_be_listed(bare: ControlPlane, plural: str) -> bool:
    try:
        await kubectl(bare, "get", "--raw", f"/apis/progressive.delivery/v1alpha1/{plural}")
    except AssertionError:
        return False
    return True


@asynccontextmanager
async def scene(
    bare: ControlPlane, name: str, directory: Path, *, chat: str = "json://127.0.0.1:9"
) -> AsyncIterator[Scene]:
    """A Service and a route, and an overlay with metric sources of the test; the Rollout is gone after the block.

    `chat` is the address to be notified, where the overlay notifies anybody; nobody answers at the one given here.
    """
    await kubectl(bare, "apply", "-k", str(Folder().root / "deploy" / "cluster"))
    await served(bare)
    async with stage(Ground(directory, bare)) as made:
        sources = f"scrape: {{urls: ['{made.metrics_url}'], interval: 200ms}}"
        edits = [("deploy/base/sources.yaml", PROMETHEUS, sources)]
        async with (
            installed(bare, name, directory, edits=edits, namespace=made.namespace) as installation,
            AsyncExitStack() as pods,
        ):
            played = Scene(made=made, installation=installation, pods=pods, directory=directory)
            if name == "notifications":
                secret = ("secret", "generic", f"{NAME}-notifications", f"--from-literal=team-chat={chat}")
                await kubectl(bare, "create", *secret, "--namespace", played.namespace)
            yield played
            if made.get("rollouts") is not None:
                await made.delete("Rollout")
            await made.until(lambda: made.get("rollouts") is None, "the Rollout gone")


async def serves(made: Stage, version: str) -> None:
    """Wait until a version serves and its run is over; the controller's own pods may be in the namespace, too."""

    def so() -> bool:
        status = made.status
        images = ((status.get("revisions") or {}).get("stable") or {}).get("images")
        return status.get("phase") == "Healthy" and images == [f"shop:{version}"] and status["run"]["stage"] == "Done"

    await made.until(so, f"{version} serves")
    assert made.images_behind("shop") == {f"shop:{version}"}


# The others have the same rights and nearly the same pods: tests/deploy/test_building.py compares them.
@pytest.mark.parametrize("name", ["cluster-wide", "one-namespace"])
async def test_a_good_version_is_promoted_and_a_bad_one_taken_back_with_the_rights_of_the_account(
    bare: ControlPlane, tmp_path: Path, name: str
) -> None:
    async with scene(bare, name, tmp_path) as played:
        made, since = played.made, end(bare.audit_log)
        await played.start()
        await made.create(a_rollout(analysis={"checks": [ERRORS]}))
        await serves(made, "v1")
        await made.release("v2")
        await serves(made, "v2")
        made.weather.error_share["shop-canary"] = 0.5
        await made.release("v3")
        await made.phase("Aborted")
        assert made.images_behind("shop") == {"shop:v2"}
        user = f"system:serviceaccount:{played.namespace}:{NAME}"
        requests = list(asked(bare.audit_log, user=user, since=since))
        assert len(requests) > 30
        assert [each for each in requests if each.code in (401, 403)] == []


async def test_whom_the_overlay_notifies_is_told_by_the_address_in_its_secret(
    bare: ControlPlane, tmp_path: Path
) -> None:
    async with (
        receiving() as chat,
        scene(bare, "notifications", tmp_path, chat=f"json://127.0.0.1:{chat.port}") as played,
    ):
        await played.start()
        await played.made.create(a_rollout())
        await chat.gets(2)
        titles = [json.loads(each.body)["title"] for each in chat.got]
        about = f"{played.made.namespace}/shop"
        assert titles == [f"{about}: the release of shop:v1 started", f"{about}: shop:v1 was promoted"]


async def test_a_replica_that_is_killed_is_followed_by_the_other(bare: ControlPlane, tmp_path: Path) -> None:
    async with scene(bare, "replicas", tmp_path) as played:
        made = played.made
        first = await played.start("one")
        await made.create(a_rollout(strategy=LONG, analysis={"checks": [ERRORS]}))
        await serves(made, "v1")
        await played.start("two")
        await made.release("v2")
        await holding(made, 10)
        assert await played.holder() == "one"
        first.process.kill()
        made.weather.error_share["shop-canary"] = 0.5
        await made.phase("Aborted")
        assert await played.holder() == "two"


async def test_told_to_end_it_gives_the_lease_back_and_ends_well(bare: ControlPlane, tmp_path: Path) -> None:
    async with scene(bare, "cluster-wide", tmp_path) as played:
        first = await played.start("one")
        await played.made.create(a_rollout())
        await serves(played.made, "v1")
        first.process.terminate()
        assert await first.process.wait() == 0
        assert await played.holder() == ""
        await played.start("two")


async def test_where_the_policy_is_a_releaser_promotes_by_annotation(bare: ControlPlane, tmp_path: Path) -> None:
    async with scene(bare, "policy", tmp_path) as played:
        made = played.made
        await played.start()
        await made.create(a_rollout(strategy=ASKING))
        await serves(made, "v1")
        await made.release("v2")
        await made.until(lambda: "waiting for approval" in made.status.get("message", ""), "an approval is waited for")
        bind = ("create", "rolebinding", "releaser", f"--clusterrole={NAME}-releaser", "--user=anna")
        await kubectl(bare, *bind, "--namespace", made.namespace)
        order = ("annotate", "rollout", "shop", "--namespace", made.namespace, f"{COMMAND}=promote", "--as=anna")
        await kubectl(bare, *order)
        await serves(made, "v2")


async def test_with_the_controller_gone_a_deleted_rollout_waits_and_its_pods_outlive_it(
    bare: ControlPlane, tmp_path: Path
) -> None:
    async with scene(bare, "cluster-wide", tmp_path) as played:
        made = played.made
        first = await played.start("one")
        await made.create(a_rollout())
        await serves(made, "v1")
        first.process.terminate()
        await first.process.wait()
        await made.delete("Rollout")
        await made.until(lambda: "deletionTimestamp" in (made.get("rollouts") or {"metadata": {}})["metadata"], "asked")
        await made.patch("Rollout", {"metadata": {"finalizers": None}})
        await made.until(lambda: made.get("rollouts") is None and made.list("rolloutruns") == [], "no record is left")
        assert made.images_behind("shop") == {"shop:v1"}
        assert [each["spec"]["replicas"] for each in made.list("deployments")] == [3]


async def test_the_managed_fields_of_a_borrowed_route_name_the_manager_that_the_recipes_name(
    bare: ControlPlane, tmp_path: Path
) -> None:
    async with scene(bare, "cluster-wide", tmp_path) as played:
        made = played.made
        await played.start()
        await made.create(a_rollout(strategy=LONG))
        await serves(made, "v1")
        await made.release("v2")
        await holding(made, 10)
        shown = ("get", "httproute/shop", "service/shop", "--namespace", made.namespace, "--show-managed-fields")
        route, service = json.loads(await kubectl(bare, *shown, "--output=json"))["items"]
        assert "f:rules" in fields_of(route, NAME)
        assert "f:selector" in fields_of(service, NAME)


def fields_of(manifest: dict[str, dict[str, list[dict[str, dict[str, dict[str, object]]]]]], manager: str) -> set[str]:
    """The fields of the spec that a manager has."""
    entries = (each for each in manifest["metadata"]["managedFields"] if str(each["manager"]) == manager)
    return {name for each in entries for name in each["fieldsV1"].get("f:spec", {})}
