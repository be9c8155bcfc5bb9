"""The story without end: which version comes next, when, and that it can begin anywhere."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rollout.cli.showcase import stage
from rollout.cli.showcase.api import Person, Refused
from rollout.cli.showcase.story import is_over, next_version
from rollout.models.kinds import ROLLOUTS
from sandbox.cluster import cluster
from tests.sandbox.workloads import quick


def a_rollout(*, generation: int = 2, **status: Any) -> dict[str, Any]:
    return {"metadata": {"generation": generation}, "status": status}


def test_good_and_bad_versions_take_turns() -> None:
    told = ["v1"]
    for _ in range(4):
        told.append(next_version(f"shop:{told[-1]}"))
    assert told == ["v1", "v2", "v3-bad", "v4", "v5-bad"]


@pytest.mark.parametrize(
    ("status", "over"),
    [
        ({"observedGeneration": 2, "phase": "Healthy"}, True),
        ({"observedGeneration": 2, "phase": "Aborted"}, True),
        ({"observedGeneration": 2, "phase": "Progressing"}, False),
        ({"observedGeneration": 1, "phase": "Healthy"}, False),
        ({}, False),
    ],
)
def test_a_release_is_over_when_the_controller_has_seen_it_and_is_done(status: dict[str, Any], over: bool) -> None:
    assert is_over(a_rollout(**status)) is over


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    async with cluster(quick(tmp_path)) as running, aiohttp.ClientSession() as session:
        yield Person(session, running.url)


async def test_what_is_there_already_is_left_as_it_is(person: Person) -> None:
    await stage.install(person)
    await stage.build(person)
    await stage.release(person, "v2")
    await stage.install(person)
    await stage.build(person)
    rollout = await person.get(ROLLOUTS, "shop", "shop")
    assert rollout["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:v2"


async def test_another_refusal_than_that_it_exists_is_raised(person: Person) -> None:
    with pytest.raises(Refused, match="rollouts") as refusal:
        await person.ensure(ROLLOUTS, {"metadata": {"name": "shop", "namespace": "shop"}})
    assert refusal.value.status == 404
