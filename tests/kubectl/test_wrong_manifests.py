"""What kubectl tells somebody whose manifest is wrong: the field, and what to do about it."""

from pathlib import Path
from typing import Any

import pytest

from tests.backends import KUBERNETES, Ground
from tests.kubectl.command import kubectl_for
from tests.models.builders import GONE, a_check, a_rollout, a_step
from tests.models.test_rules import BROKEN, LONG_NAME

STEP = "spec.strategy.canary.steps[0]"
UNKNOWN = "strict decoding error: unknown field"

# By what is wrong: the manifest, and words that have to be in what a person reads.
WRONG: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "a field misspelled": (a_rollout(spec__replica=3), (f'{UNKNOWN} "spec.replica"',)),
    "a field of a step misspelled": (a_step(wieght=3), (f'{UNKNOWN} "{STEP}.wieght"',)),
    "a condition that is none": (
        a_step(weight=5, hold={"until": [{"approvals": {}}]}),
        (f'{UNKNOWN} "{STEP}.hold.until[0].approvals"',),
    ),
    "a weight with decimals and without quotes": (
        a_step(weight=2.5),
        (f"{STEP}.weight", "must be of type integer,string"),
    ),
    "a weight with a sign": (a_step(weight="5%"), (f"{STEP}.weight", '"5%"')),
    "a hold that is no object": (a_step(weight=5, hold="5m"), (f"{STEP}.hold", "must be of type object")),
    "a duration without a unit": (a_step(weight=5, hold={"for": "5"}), (f"{STEP}.hold.for", "(h|m|s|ms)")),
    "a duration that is a number": (
        a_step(weight=5, hold={"for": 300}),
        (f"{STEP}.hold.for", "must be of type string"),
    ),
    "no strategy": (a_rollout(spec__strategy=GONE), ("spec.strategy: Required value",)),
    "no step": (a_rollout(spec__strategy__canary__steps=[]), ("should have at least 1 items",)),
    "another kind of route": (
        a_rollout(
            spec__services=[{"name": "a"}],
            spec__traffic=[{"name": "a", "gatewayRoute": {"kind": "Ingress", "name": "a"}}],
        ),
        ('spec.traffic[0].gatewayRoute.kind: Unsupported value: "Ingress"', '"HTTPRoute", "GRPCRoute"'),
    ),
    "another kind of workload": (
        a_rollout(spec__workloadRef={"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "a"}),
        ('spec.workloadRef.kind: Unsupported value: "StatefulSet": supported values: "Deployment"',),
    ),
    "a service twice": (
        a_rollout(spec__services=[{"name": "a"}, {"name": "a"}]),
        ('spec.services[1]: Duplicate value: {"name":"a"}',),
    ),
    "a name with capitals": (a_rollout(spec__services=[{"name": "Shop"}]), ("spec.services[0].name", '"Shop"')),
    "a negative size": (a_rollout(spec__replicas=-1), ("spec.replicas", "greater than or equal to 0")),
    "a policy that is none": (
        a_rollout(spec__analysis__onNoData={"after": "1h", "then": "continue"}),
        ('spec.analysis.onNoData.then: Unsupported value: "continue"', '"hold", "advance", "abort"'),
    ),
    "two kinds of a check": (
        a_check(restarts={"max": 0}, query={"expr": "x", "max": 1}),
        ("spec.analysis.checks[0]", "give each other one an entry of its own"),
    ),
}


def here(manifest: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


@pytest.mark.parametrize("ground", [KUBERNETES], indirect=True)
async def test_a_wrong_manifest_is_refused_with_the_field_and_the_remedy(ground: Ground, tmp_path: Path) -> None:
    async with ground.open() as backend:
        kubectl = kubectl_for(backend, tmp_path)
        for what, (manifest, words) in WRONG.items():
            told = await kubectl.refused("apply", "-f", "-", given=here(manifest, backend.namespace))
            assert [word for word in words if word not in told] == [], f"{what}: {told}"


@pytest.mark.parametrize("ground", [KUBERNETES], indirect=True)
async def test_a_server_side_apply_names_the_field_too(ground: Ground, tmp_path: Path) -> None:
    async with ground.open() as backend:
        kubectl = kubectl_for(backend, tmp_path)
        for manifest, words in (
            (a_step(wieght=3), f".{STEP}.wieght: field not declared in schema"),
            (a_step(weight=5, hold="5m"), f".{STEP}.hold: expected map"),
            (a_step(weight=101), f"{STEP}.weight: Invalid value: 101: must be from 0 to 100"),
        ):
            wrong = here(manifest, backend.namespace)
            assert words in await kubectl.refused("apply", "--server-side", "-f", "-", given=wrong)


@pytest.mark.parametrize("ground", [KUBERNETES], indirect=True)
async def test_a_broken_rule_is_told_with_its_field(ground: Ground, tmp_path: Path) -> None:
    async with ground.open() as backend:
        kubectl = kubectl_for(backend, tmp_path)
        for message, (first, *_) in BROKEN.items():
            told = await kubectl.refused("apply", "-f", "-", given=here(first, backend.namespace))
            field = "<nil>" if message == LONG_NAME else "spec"
            name = first["metadata"]["name"]
            assert told.startswith(f'The Rollout "{name}" is invalid: {field}'), told
            assert told.endswith(f"{message}\n"), told


async def test_create_refuses_what_the_schema_does_not_know(ground: Ground, tmp_path: Path) -> None:
    async with ground.open() as backend:
        kubectl = kubectl_for(backend, tmp_path)
        for what in ("a field misspelled", "a field of a step misspelled", "no strategy", "a weight with a sign"):
            manifest, words = WRONG[what]
            told = await kubectl.refused("create", "-f", "-", given=here(manifest, backend.namespace))
            assert [word for word in words if word not in told] == [], f"{what}: {told}"
