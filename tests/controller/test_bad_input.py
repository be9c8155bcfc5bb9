"""Bad input is refused, or stalls the Rollout with field and remedy; the stable version serves on meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest

from rollout.kube.errors import Invalid
from tests.backends import Ground
from tests.controller.harness import ERRORS, a_rollout, a_route, a_service, controlling, stage, template

Broken = dict[str, Any]


def both() -> Broken:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    return a_rollout(workloadRef=reference)


def heavy() -> Broken:
    return a_rollout(strategy={"canary": {"steps": [{"weight": 101}]}})


def unknown() -> Broken:
    return a_rollout(stratgy={})


def no_ceiling() -> Broken:
    check = {name: value for name, value in ERRORS.items() if name != "ceiling"}
    return a_rollout(analysis={"checks": [check]})


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (both, ("template", "workloadRef")),
        (heavy, ("weight", "0 to 100")),
        (unknown, ("stratgy",)),
        (no_ceiling, ("ceiling",)),
    ],
)
async def test_what_the_schema_knows_to_be_wrong_is_refused_by_name(
    ground: Ground, broken: Callable[[], Broken], words: tuple[str, ...]
) -> None:
    async with stage(ground) as made:
        with pytest.raises(Invalid) as refusal:
            await made.create(broken())
        assert [word for word in words if word not in str(refusal.value)] == []


def with_query(text: str) -> Broken:
    return {"analysis": {"checks": [{"name": "q", "query": {"expr": text, "max": 1}}]}}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"services": [{"name": "missing"}], "traffic": None},
            ("Service shop/missing does not exist", "spec.services"),
        ),
        ({"traffic": [{"name": "a", "gatewayRoute": {"kind": "HTTPRoute", "name": "none"}}]}, ("HTTPRoute shop/none",)),
        ({"traffic": [{"name": "a", "gatewayRoute": {"kind": "HTTPRoute", "name": "other"}}]}, ("no backend", "shop")),
        (with_query("sum(rate("), ("checks[q]", "expr")),
        (with_query("up"), ("checks[q]", "Prometheus")),
        ({"analysis": {"checks": [{**ERRORS, "source": "nowhere"}]}}, ("nowhere", "proxy")),
        ({"analysis": {"templates": [{"name": "none"}]}}, ("AnalysisTemplate none", "create it")),
        ({"strategy": {"canary": {"steps": [{"weight": 10, "checks": ["nope"]}]}}}, ("steps[0].checks", "nope")),
    ],
)
async def test_what_only_the_cluster_knows_stalls_the_rollout_and_is_mended_without_a_restart(
    ground: Ground, spec: Broken, words: tuple[str, ...]
) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_route("other", service="another"), a_service("another", app="another"))
        await made.create(a_rollout())
        await made.healthy("v1")
        changed = {**a_rollout(**spec)["spec"], "template": template("v2")}
        await made.replace_spec(changed)
        await made.phase("Stalled")
        assert [word for word in words if word not in made.message] == []
        assert {each["type"]: each["status"] for each in made.status["conditions"]} == {
            "Ready": "False",
            "Reconciling": "False",
            "Stalled": "True",
        }
        assert len(made.pods("v1")) == 3
        assert made.pods("v2") == []
        await made.replace_spec({**a_rollout()["spec"], "template": template("v2")})
        await made.healthy("v2")


async def test_a_pod_template_the_api_server_refuses_stalls_the_rollout_before_anything_starts(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout())
        await made.healthy("v1")
        wrong = template("v2")
        wrong["spec"]["containers"][0]["imagee"] = "typo"
        await made.replace_spec({**a_rollout()["spec"], "template": wrong})
        await made.phase("Stalled")
        assert "imagee" in made.message
        service = made.get("services")
        assert service is not None
        assert service["spec"]["selector"] == {"app": "shop"}
        await made.release("v2")
        await made.healthy("v2")


async def test_a_broken_spec_does_not_stand_before_an_abort(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy={"canary": {"steps": [{"weight": 10, "hold": {"for": "1h"}}]}}))
        await made.healthy("v1")
        await made.release("v2")
        await made.until(lambda: made.weights.get("shop-canary") == 10, "10 %")
        await made.patch("Rollout", {"spec": {"services": [{"name": "missing"}]}})
        await made.command("abort")
        await made.until(lambda: made.weights.get("shop-canary", 0) == 0, "the canary empty")
        await made.until(lambda: made.pods("v2") == [], "the canary gone")
