"""People who apply their manifests while the controller holds fields of the same objects."""

from pathlib import Path
from typing import Any

import pytest

from tests.backends import KUBERNETES, Ground
from tests.controller.harness import Stage, a_rollout, a_route, a_service, template
from tests.kubectl.shop import CANARY, Shop, a_bare_shop
from tests.kubectl.stories import reported

pytestmark = pytest.mark.parametrize("ground", [KUBERNETES], indirect=True)
SERVER_SIDE = ("apply", "--server-side", "-f", "-")
WEIGHTS = {"shop": 90, "shop-canary": 10}


def manifests(version: str, **spec: Any) -> dict[str, Any]:
    """What somebody has in Git: the Service, the route, and the Rollout."""
    rollout = a_rollout(**{"template": template(version), "strategy": CANARY, **spec})
    return {"apiVersion": "v1", "kind": "List", "items": [a_service(), a_route(), rollout]}


async def releasing(shop: Shop, *apply: str) -> None:
    """Version 2 is at 10 %, both versions applied in the same way."""
    await shop.kubectl(*apply, given=manifests("v1"))
    await shop.made.healthy("v1")
    await shop.kubectl(*apply, given={**manifests("v1"), "items": [manifests("v2")["items"][2]]})
    await shop.reaches("Holding")


def selector(made: Stage) -> dict[str, str]:
    service = made.get("services") or {}
    return service["spec"]["selector"]  # type: ignore[no-any-return]


def pinned(made: Stage) -> dict[str, str]:
    return {"app": "shop", "progressive.delivery/revision": made.status["revisions"]["stable"]["name"]}


async def test_an_apply_in_a_release_takes_nothing_away(ground: Ground, tmp_path: Path) -> None:
    async with a_bare_shop(ground, tmp_path) as shop:
        made, kubectl = shop.made, shop.kubectl
        await releasing(shop, "apply", "-f", "-")
        differs = await kubectl.run("diff", "-f", "-", given=manifests("v2"))
        assert (differs.code, "HTTPRoute" in differs.out, "v1.Service" in differs.out) == (1, True, False)
        assert await kubectl("apply", "-f", "-", given=manifests("v2")) == (
            "service/shop unchanged\n"
            "httproute.gateway.networking.k8s.io/shop configured\n"
            "rollout.progressive.delivery/shop unchanged\n"
        )
        await made.until(lambda: reported(shop, "Reverted"), "the write reported")
        await made.until(lambda: made.weights == WEIGHTS, "the canary's share again")
        assert selector(made) == pinned(made)
        assert "kubectl-client-side-apply changed HTTPRoute" in made.status["message"]
        assert (made.get("rollouts") or {})["metadata"]["finalizers"] == ["progressive.delivery/give-back"]
        await made.command("abort")
        await made.phase("Aborted")
        assert await kubectl("diff", "-f", "-", given=manifests("v2")) == ""


async def test_a_server_side_apply_in_a_release_names_who_holds_the_fields(ground: Ground, tmp_path: Path) -> None:
    async with a_bare_shop(ground, tmp_path) as shop:
        made, kubectl = shop.made, shop.kubectl
        await releasing(shop, *SERVER_SIDE)
        refused = (await kubectl.refused(*SERVER_SIDE, given=manifests("v2"))).splitlines()
        assert [line for line in refused if "conflict with" in line] == [
            'Apply failed with 1 conflict: conflict with "progressive-delivery" using v1: .spec.selector',
            'Apply failed with 1 conflict: conflict with "progressive-delivery" using '
            "gateway.networking.k8s.io/v1: .spec.rules",
        ]
        assert (made.weights, selector(made)) == (WEIGHTS, pinned(made))
        rollout = {**manifests("v2"), "items": [manifests("v2", replicas=4)["items"][2]]}
        assert await kubectl(*SERVER_SIDE, given=rollout) == "rollout.progressive.delivery/shop serverside-applied\n"
        await made.until(lambda: len(made.pods("v1")) == 4, "the new size of the stable version")
        assert (made.get("rollouts") or {})["metadata"]["finalizers"] == ["progressive.delivery/give-back"]
        assert made.status["phase"] == "Progressing"


async def test_who_applies_by_force_is_told_and_put_right(ground: Ground, tmp_path: Path) -> None:
    async with a_bare_shop(ground, tmp_path) as shop:
        made = shop.made
        await releasing(shop, *SERVER_SIDE)
        await shop.kubectl(*SERVER_SIDE, "--force-conflicts", given=manifests("v2"))
        await made.until(lambda: made.weights == WEIGHTS and selector(made) == pinned(made), "route and pin put right")
        await made.until(lambda: reported(shop, "Reverted"), "the write reported")


async def test_a_pruned_rollout_gives_back_what_it_borrowed(ground: Ground, tmp_path: Path) -> None:
    async with a_bare_shop(ground, tmp_path) as shop:
        made, kubectl = shop.made, shop.kubectl
        await releasing(shop, "apply", "-f", "-")
        for kind in ("rollout", "service", "httproute"):
            await kubectl("label", kind, "shop", "set=web")
        kept: dict[str, Any] = {"apiVersion": "v1", "kind": "List", "items": [a_service(), a_route()]}
        for each in kept["items"]:
            each["metadata"]["labels"]["set"] = "web"
        said = await kubectl(
            *("apply", "--prune", "-l", "set=web", "-f", "-"),
            "--prune-allowlist=progressive.delivery/v1alpha1/Rollout",
            given=kept,
        )
        assert "rollout.progressive.delivery/shop pruned" in said
        await made.until(lambda: made.list("deployments") == [] and made.get("rollouts") is None, "everything gone")
        assert selector(made) == {"app": "shop"}
        assert made.weights == {"shop": 1}
        assert made.get("services", "shop-canary") is None
