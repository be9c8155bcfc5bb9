"""What keeps a release from starting, each in one sentence with its remedy."""

from dataclasses import replace

import pytest

from rollout.core.preflight import problems
from rollout.core.world import World
from rollout.models.rollout import REVISION_LABEL
from tests.core.builders import STEPS, a_check, a_route, a_service, a_spec, a_world, at_rest


def selecting(**selector: str) -> World:
    service = a_service()
    assert service.manifest is not None
    manifest = {**service.manifest, "spec": {**service.manifest["spec"], "selector": selector}}
    return at_rest(services=(replace(service, manifest=manifest),))


WRONG: dict[str, tuple[World, str]] = {
    "no Service": (
        at_rest(services=(replace(a_service(), manifest=None),)),
        "To mend: Service store/shop does not exist: create it, or correct spec.services.",
    ),
    "no selector": (
        selecting(),
        "To mend: Service store/shop has no selector: select the workload's pods in its spec.selector",
    ),
    "another selector": (
        selecting(app="shop", tier="web"),
        "To mend: Service store/shop selects tier=web, which the pod template lacks: "
        "add the label or mend the selector.",
    ),
    "no route": (
        at_rest(routes=(replace(a_route(), manifest=None),)),
        "To mend: HTTPRoute store/shop does not exist: create it, or correct spec.traffic[public].gatewayRoute.",
    ),
    "no grant": (
        at_rest(routes=(replace(a_route(), granted=False),)),
        "To mend: HTTPRoute store/shop is in another namespace, and no ReferenceGrant in store lets it name "
        "Services there: create one, or move the route.",
    ),
    "a step names no check": (
        at_rest(spec=a_spec(strategy={"canary": {"steps": [*STEPS, {"weight": 60, "checks": ["p99"]}]}})),
        "To mend: spec.strategy.canary.steps[2].checks names p99, which is no check: there are errors.",
    ),
    "a check out of range": (
        at_rest(checks=(a_check(name="slow", latency={"histogram": "t", "below": "0s", "share": 99}),)),
        "To mend: spec.analysis.checks[slow]: slow: below must be a positive duration",
    ),
}


@pytest.mark.parametrize(("world", "sentence"), WRONG.values(), ids=WRONG)
def test_a_problem_names_the_field_and_the_remedy(world: World, sentence: str) -> None:
    assert problems(world, lambda check: None) == (sentence,)


def test_nothing_is_wrong_with_what_is_right() -> None:
    assert problems(at_rest(), lambda check: None) == ()
    assert problems(a_world(), lambda check: None) == ()


def test_a_pin_of_ours_is_no_problem() -> None:
    assert problems(selecting(app="shop", **{REVISION_LABEL: "old"}), lambda check: None) == ()


def test_a_check_no_source_can_answer_is_a_problem() -> None:
    assert problems(at_rest(), lambda check: f"{check.name} has no source") == (
        "To mend: spec.analysis.checks[errors]: errors has no source",
    )


def test_every_problem_is_told() -> None:
    world = at_rest(services=(replace(a_service(), manifest=None),), routes=(replace(a_route(), manifest=None),))
    assert len(problems(world, lambda check: None)) == 2
