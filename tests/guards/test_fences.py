"""Nobody's change is overwritten unseen: what was decided on an object as it was is refused when it has moved on."""

from collections.abc import Sequence

import pytest

from rollout import controller
from rollout.core.write import Verb, Write
from rollout.kube.apply import apply
from rollout.kube.errors import Conflict
from rollout.metrics import ReconcileOutcome
from rollout.models.kinds import ROLLOUTS
from tests.guards.test_process import A_ROLLOUT, SHOP
from tests.kube.builders import raw
from tests.kube.fake_api import FakeApi, refuse

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
