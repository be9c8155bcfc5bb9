"""What people see of the controller's objects with kubectl."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backends import KUBERNETES, Ground
from tests.controller.harness import template
from tests.kubectl.command import kubectl_for
from tests.kubectl.shop import Shop, a_shop, checked
from tests.kubectl.stories import reported

ON_KUBERNETES = pytest.mark.parametrize("ground", [KUBERNETES], indirect=True)
PATHS = {
    "rollout": "FIELD",
    "rollout.spec.strategy.canary.steps": "weight",
    "rollout.spec.strategy.canary.steps.hold.until.approval": "Wait until somebody promotes the step.",
    "rollout.spec.analysis.checks.latency": "histogram",
    "rollout.status.conditions": "lastTransitionTime",
    "pd.spec.workloadRef": "Deployment whose pod template is released.",
    "pdr.status.steps": "When its weight was written.",
    "analysistemplate.spec.args": "Name of the argument.",
    "clusteranalysistemplate.spec": "checks",
}


@ON_KUBERNETES
async def test_every_field_of_every_kind_is_explained(ground: Ground, tmp_path: Path) -> None:
    async with ground.open() as backend:
        kubectl = kubectl_for(backend, tmp_path)
        served = json.loads(await kubectl("get", "--raw", "/openapi/v3/apis/progressive.delivery/v1alpha1"))
        kinds = {name.rpartition(".")[2]: each for name, each in served["components"]["schemas"].items()}
        ours = {
            name: each for name, each in kinds.items() if "v1alpha1" in str(each.get("x-kubernetes-group-version-kind"))
        }
        assert {"Rollout", "RolloutRun", "AnalysisTemplate", "ClusterAnalysisTemplate"} <= ours.keys()
        assert [path for name, each in ours.items() for path in unexplained(each, name) if "List" not in path] == []
        for path, word in PATHS.items():
            explained = await kubectl("explain", path)
            assert ("progressive.delivery" in explained, word in explained or word == "FIELD") == (True, True), path


def unexplained(schema: dict[str, Any], path: str) -> Iterator[str]:
    """Fields that say nothing about themselves; `metadata` is Kubernetes' own."""
    for name, child in schema.get("properties", {}).items():
        below = f"{path}.{name}"
        if name != "metadata" and not child.get("description"):
            yield below
        yield from unexplained(child.get("items", child), below)


async def test_the_columns_tell_where_a_release_is(ground: Ground, tmp_path: Path) -> None:
    async with a_shop(ground, tmp_path) as shop:
        await shop.comes_up()
        await shop.asks()
        (row,) = (await shop.kubectl.run("get", "pd")).table
        row.pop("AGE")
        sentence = "At 50 %: waiting for approval; promote to go on to 100 %."
        told = {"PHASE": "Progressing", "STEP": "2/3", "WEIGHT": "50", "READY": "False", "MESSAGE": sentence}
        assert row == {"NAME": "shop", **told}
        (wide,) = (await shop.kubectl.run("get", "rollouts.progressive.delivery", "-o", "wide")).table
        assert wide.items() >= told.items()
        await sees_it_among_everything(shop)
        await sees_its_runs(shop)


async def sees_it_among_everything(shop: Shop) -> None:
    everything = (await shop.kubectl("get", "all", "-o", "name")).split()
    revisions = shop.made.status["revisions"]
    named = {f"deployment.apps/shop-{revisions[role]['name']}" for role in ("stable", "canary")}
    assert {"rollout.progressive.delivery/shop", "service/shop", "service/shop-canary", *named} <= set(everything)
    ours = (await shop.kubectl("get", "progressive-delivery", "-o", "name")).split()
    assert sorted(ours) == [
        "rollout.progressive.delivery/shop",
        "rolloutrun.progressive.delivery/shop-1",
        "rolloutrun.progressive.delivery/shop-2",
    ]


async def sees_its_runs(shop: Shop) -> None:
    rows = (await shop.kubectl.run("get", "rolloutruns", "--sort-by=.spec.number")).table
    revisions = shop.made.status["revisions"]
    assert [(row["NAME"], row["ROLLOUT"], row["NUMBER"], row["REVISION"], row["OUTCOME"]) for row in rows] == [
        ("shop-1", "shop", "1", revisions["stable"]["name"], "promoted"),
        ("shop-2", "shop", "2", revisions["canary"]["name"], ""),
    ]


async def test_describe_tells_the_checks_and_what_happened(ground: Ground, tmp_path: Path) -> None:
    async with a_shop(ground, tmp_path) as shop:
        await shop.comes_up(**checked())
        await shop.releases()
        await shop.made.until(lambda: reported(shop, "Holding"), "an event for the step")
        described = " ".join((await shop.kubectl("describe", "rollout", "shop")).split())
        assert re.search(r"errors: canary 0 %( against 0 % on stable)?, at most 1 % allowed", described)
        assert "restarts: none on the canary, at most 0 allowed" in described
        events = described.partition("Events: ")[2]
        assert {"FirstDeployment", "Promoted", "ReachingStep", "Holding"} <= set(events.split())
        assert "progressive.delivery/controller" in events


async def test_wait_ends_when_a_step_or_an_end_has_come(ground: Ground, tmp_path: Path) -> None:
    async with a_shop(ground, tmp_path) as shop:
        await shop.comes_up()
        await shop.made.release("v2")
        met = "rollout.progressive.delivery/shop condition met\n"
        kubectl, step = shop.kubectl, "--for=jsonpath={.status.step.progress}"
        assert await kubectl("wait", "rollout/shop", f"{step}=1/3", "--timeout=20s") == met
        assert await kubectl("wait", "rollout/shop", "--for=condition=Reconciling", "--timeout=20s") == met
        late = await kubectl.refused("wait", "rollout/shop", f"{step}=3/3", "--timeout=1s")
        assert late == "error: timed out waiting for the condition on rollouts/shop\n"
        await shop.made.command("abort")
        assert await kubectl("wait", "rollout/shop", "--for=condition=Stalled", "--timeout=20s") == met
        await shop.made.patch("Rollout", {"spec": {"template": template("v1")}})
        assert await kubectl("wait", "rollout/shop", "--for=condition=Ready", "--timeout=20s") == met


@ON_KUBERNETES
async def test_a_revisions_deployment_has_rolled_out(ground: Ground, tmp_path: Path) -> None:
    async with a_shop(ground, tmp_path) as shop:
        await shop.comes_up()
        name = f"shop-{shop.made.status['revisions']['stable']['name']}"
        said = await shop.kubectl("rollout", "status", f"deployment/{name}", "--timeout=10s")
        assert said == f'deployment "{name}" successfully rolled out\n'
