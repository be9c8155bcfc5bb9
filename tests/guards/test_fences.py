"""Nobody's change is overwritten unseen: what was decided on an object as it was is refused when it has moved on."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rollout import controller
from rollout.cli import controller as process
from rollout.core.write import Verb, Write
from rollout.kube.apply import apply
from rollout.kube.errors import Conflict, Unavailable
from rollout.kube.lease import Timing
from rollout.metrics import Metrics, ReconcileOutcome
from rollout.models.kinds import LEASES, ROLLOUTS
from tests.faults import leaping
from tests.faults.leaping import LeapingLoop
from tests.guards.test_process import A_ROLLOUT, SHOP, options_for
from tests.kube.builders import raw
from tests.kube.fake_api import FakeApi, connected, refuse, serving

CHANGES = (
    (Verb.MERGE, {"spec": {"replicas": 9}}),
    (Verb.PATCH, ({"op": "add", "path": "/spec/replicas", "value": 9},)),
)


async def carried_out(writes: Sequence[Write], parts: controller.Parts) -> None:
    await apply(tuple(writes), client=parts.client, store=parts.store, urgent=False, observer=lambda *_: None)


@pytest.mark.parametrize(("verb", "body"), CHANGES)
async def test_a_write_says_which_version_it_was_decided_on(
    verb: Verb, body: object, api: FakeApi, parts: controller.Parts
) -> None:
    version = api.put(ROLLOUTS, A_ROLLOUT)["metadata"]["resourceVersion"]
    api.next("patch", refuse(409, "Conflict"))
    write = Write(verb=verb, resource=ROLLOUTS, key=SHOP, body=body, version=version, why="change it")
    with pytest.raises(Conflict):
        await carried_out((write,), parts)
    (asked,) = (each.body for each in api.seen if each.method == "PATCH")
    told = asked[0]["value"] if isinstance(asked, list) else asked["metadata"]["resourceVersion"]
    assert told == version


async def test_a_second_write_to_an_object_is_held_against_what_the_first_one_made_of_it(
    api: FakeApi, parts: controller.Parts
) -> None:
    version = api.put(ROLLOUTS, A_ROLLOUT)["metadata"]["resourceVersion"]
    write = Write(verb=Verb.MERGE, resource=ROLLOUTS, key=SHOP, body={"spec": {}}, version=version, why="change it")
    await carried_out((write, write), parts)
    told = [each.body["metadata"]["resourceVersion"] for each in api.seen if each.method == "PATCH"]
    assert told == [version, str(int(version) + 1)]


async def test_after_a_conflict_nothing_is_written_before_the_world_was_observed_again(
    api: FakeApi, parts: controller.Parts
) -> None:
    parts.store.put(ROLLOUTS, raw(api.put(ROLLOUTS, A_ROLLOUT)))
    parts.queue.add(SHOP)
    api.next("patch", *[refuse(409, "Conflict")] * 100)
    key = await parts.queue.get()
    assert await controller._attempt(key, parts) is ReconcileOutcome.CONFLICT
    parts.queue.done(key)
    assert api.count("patch") == 1
    assert parts.queue.delayed == 1


async def test_a_reconcile_of_one_who_does_not_lead_sends_nothing(api: FakeApi, parts: controller.Parts) -> None:
    parts.store.put(ROLLOUTS, raw(api.put(ROLLOUTS, A_ROLLOUT)))
    with pytest.raises(Unavailable, match="Deposed"):
        await controller.reconcile(SHOP, replace(parts, leads=lambda: False))
    assert api.seen == []


def test_a_process_that_stood_still_past_its_lease_sends_nothing_when_it_goes_on(tmp_path: Path) -> None:
    """In leaping time: the clock goes on while the loop does not turn, so that nobody has stopped the body yet."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LeapingLoop)
        options = options_for(tmp_path)
        async with serving(LEASES, ROLLOUTS) as api, await connected(api, tmp_path) as client:
            election = process._election(client, options)
            parts = process._parts(client, (), options, election, Metrics())
            parts.store.put(ROLLOUTS, raw(api.put(ROLLOUTS, A_ROLLOUT)))

            async def body() -> None:
                seen = len(api.seen)
                assert parts.leads()
                loop.now += Timing().give_up
                with pytest.raises(Unavailable, match="Deposed"):
                    await controller.reconcile(SHOP, parts)
                assert len(api.seen) == seen

            await election.run(body)

    leaping.run(main())
