"""Every way to delete a Rollout with kubectl, in the middle of a release."""

from pathlib import Path

import pytest

from tests.backends import KUBERNETES, Ground
from tests.controller.harness import a_rollout
from tests.kubectl.shop import CANARY, a_shop
from tests.kubectl.test_applying import selector

pytestmark = pytest.mark.parametrize("ground", [KUBERNETES], indirect=True)


@pytest.mark.parametrize("cascade", ["foreground", "background", "orphan"])
async def test_whatever_the_cascade_traffic_is_given_back(ground: Ground, tmp_path: Path, cascade: str) -> None:
    async with a_shop(ground, tmp_path) as shop:
        made = shop.made
        await shop.comes_up()
        await shop.releases()
        said = await shop.kubectl("delete", "rollout", "shop", f"--cascade={cascade}", "--timeout=20s")
        assert said == f'rollout.progressive.delivery "shop" deleted from {made.namespace} namespace\n'
        await made.until(lambda: made.list("deployments") == [], "no Deployment left")
        assert (made.weights, selector(made), made.get("services", "shop-canary")) == (
            {"shop": 1},
            {"app": "shop"},
            None,
        )
        records = ["shop-1", "shop-2"] if cascade == "orphan" else []
        await made.until(
            lambda: [each["metadata"]["name"] for each in made.list("rolloutruns")] == records, f"records: {records}"
        )


async def test_a_rollout_made_anew_beside_old_records_counts_on(ground: Ground, tmp_path: Path) -> None:
    async with a_shop(ground, tmp_path) as shop:
        await shop.comes_up()
        await shop.kubectl("delete", "rollout", "shop", "--cascade=orphan", "--timeout=20s")
        await shop.kubectl("create", "-f", "-", given=a_rollout(strategy=CANARY))
        await shop.made.healthy("v1")
        assert shop.made.status["run"]["number"] == 2
