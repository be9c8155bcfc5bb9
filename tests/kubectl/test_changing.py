"""What people change with kubectl, one command at a time."""

from pathlib import Path

import pytest

from tests.backends import KUBERNETES, Ground
from tests.controller.harness import a_rollout, template
from tests.kubectl.command import kubectl_for
from tests.kubectl.shop import QUICK, Shop, a_shop
from tests.kubectl.stories import image

ON_KUBERNETES = pytest.mark.parametrize("ground", [KUBERNETES], indirect=True)
OURS = "rollout.progressive.delivery/shop"
IMAGE = "/spec/template/spec/containers/0/image"
LIVE = "-o=jsonpath={.spec.replicas} {.status.replicas} {.status.selector}"


def finalizers(shop: Shop) -> list[str] | None:
    return (shop.made.get("rollouts") or {})["metadata"].get("finalizers")  # type: ignore[no-any-return]


async def sizes(shop: Shop, replicas: int) -> None:
    await shop.made.until(lambda: len(shop.made.pods("v1")) == replicas, f"{replicas} pods")


async def test_create_patch_scale_annotate_and_delete(ground: Ground, tmp_path: Path) -> None:
    async with a_shop(ground, tmp_path) as shop:
        made, kubectl = shop.made, shop.kubectl
        assert await kubectl("create", "-f", "-", given=a_rollout(strategy=QUICK)) == f"{OURS} created\n"
        await made.healthy("v1")
        assert await kubectl("scale", "rollout", "shop", "--replicas=4", "--current-replicas=3") == f"{OURS} scaled\n"
        await sizes(shop, 4)
        await made.until(lambda: made.status["replicas"] == 4, "the new size told")
        assert await kubectl("get", "rollout", "shop", LIVE) == "4 4 progressive.delivery/rollout=shop"
        merged = '{"spec": {"strategy": {"canary": {"steps": [{"weight": 50, "hold": {"for": "1h"}}]}}}}'
        assert await kubectl("patch", "pd", "shop", "--type=merge", "-p", merged) == f"{OURS} patched\n"
        changed = f'[{{"op": "replace", "path": "{IMAGE}", "value": "shop:v2"}}]'
        assert await kubectl("patch", "pd", "shop", "--type=json", "-p", changed) == f"{OURS} patched\n"
        await shop.reaches("Holding")
        command = "progressive.delivery/command=promote"
        assert await kubectl("annotate", "rollout", "shop", command) == f"{OURS} annotated\n"
        await made.healthy("v2")
        deleted = await kubectl("delete", "pd", "shop", "--timeout=20s")
        assert deleted.startswith('rollout.progressive.delivery "shop" deleted')
        await made.until(lambda: made.list("deployments") == [], "nothing left")


async def test_a_patch_with_a_stale_expectation_is_refused(ground: Ground, tmp_path: Path) -> None:
    async with a_shop(ground, tmp_path) as shop:
        await shop.comes_up()
        tested = (
            f'[{{"op": "test", "path": "{IMAGE}", "value": "shop:v0"}}, {{"op": "remove", "path": "/spec/replicas"}}]'
        )
        refused = await shop.kubectl.refused("patch", "rollout", "shop", "--type=json", "-p", tested)
        assert "the server rejected our request due to an error in our request" in refused
        strategic = await shop.kubectl.refused("patch", "rollout", "shop", "-p", "{}")
        assert "application/strategic-merge-patch+json is not supported" in strategic
        wrong = await shop.kubectl.refused("scale", "rollout", "shop", "--replicas=9", "--current-replicas=1")
        assert wrong == "error: Expected replicas to be 1, was 3\n"


@ON_KUBERNETES
async def test_edit_and_replace_start_a_release_and_leave_the_status_alone(ground: Ground, tmp_path: Path) -> None:
    async with a_shop(ground, tmp_path) as shop:
        made, kubectl = shop.made, shop.kubectl
        await shop.comes_up(strategy=QUICK)
        edited = await kubectl("edit", "rollout", "shop", KUBE_EDITOR="sed -i s/shop:v1/shop:v2/")
        assert edited == f"{OURS} edited\n"
        await made.healthy("v2")
        same = await kubectl.run("edit", "rollout", "shop", KUBE_EDITOR="true")
        assert (same.code, same.out, same.err) == (0, "", "Edit cancelled, no changes made.\n")
        live = await kubectl("get", "rollout", "shop", "-o", "yaml")
        assert (
            await kubectl("replace", "-f", "-", given=live.replace("image: shop:v2", "image: shop:v3"))
            == f"{OURS} replaced\n"
        )
        await made.healthy("v3")
        assert made.status["run"]["number"] == 3
        conflict = await kubectl.refused("replace", "-f", "-", given=live)
        assert "the object has been modified; please apply your changes to the latest version" in conflict


@ON_KUBERNETES
async def test_a_replace_without_the_finalizer_gets_it_back(ground: Ground, tmp_path: Path) -> None:
    async with a_shop(ground, tmp_path) as shop:
        await shop.comes_up()
        said = await shop.kubectl("replace", "-f", "-", given=a_rollout(replicas=4))
        assert said == f"{OURS} replaced\n"
        await sizes(shop, 4)
        await shop.made.until(lambda: finalizers(shop) == ["progressive.delivery/give-back"], "the finalizer again")


@ON_KUBERNETES
@pytest.mark.parametrize("command", [("rollout", "status"), ("rollout", "undo"), ("rollout", "restart"), ("logs",)])
async def test_commands_that_know_kubernetes_kinds_only_refuse_a_rollout(
    ground: Ground, tmp_path: Path, command: tuple[str, ...]
) -> None:
    async with ground.open() as backend:
        kubectl = kubectl_for(backend, tmp_path)
        await kubectl("create", "-f", "-", given=a_rollout(template=template("v1")))
        refused = await kubectl.refused(*command, "rollout/shop")
        assert 'no kind "Rollout" is registered for version "progressive.delivery/v1alpha1"' in refused


async def test_a_label_and_a_field_of_the_spec_that_does_not_count_start_nothing(
    ground: Ground, tmp_path: Path
) -> None:
    async with a_shop(ground, tmp_path) as shop:
        await shop.comes_up()
        await shop.kubectl("label", "rollout", "shop", "team=web")
        await shop.kubectl("annotate", "rollout", "shop", "example.com/note=hello")
        deadline = '{"spec": {"progressDeadline": "3m"}}'
        await shop.kubectl("patch", "rollout", "shop", "--type=merge", "-p", deadline)
        await shop.made.until(lambda: shop.made.status["observedGeneration"] == 2, "the edit seen")
        assert (shop.made.status["phase"], shop.made.status["run"]["number"]) == ("Healthy", 1)
        assert not image("shop:v2")(shop)
