import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rollout.kube.client import Client
from rollout.kube.lease import Election, Timing
from rollout.models.kinds import LEASES, Manifest
from tests.faults import leaping
from tests.kube.builders import eventually
from tests.kube.fake_api import FakeApi, connected, hang, refuse, serving

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
QUICK = Timing(lease=1, give_up=0.3, renew=0.05, retry=0.05, call=0.2)
STAMP = "2026-11-21T12:00:00.000000Z"


def an_election(client: Client, identity: str, timing: Timing = QUICK) -> Election:
    return Election(client, namespace="prod", name="shard-0", identity=identity, now=lambda: NOON, timing=timing)


def spec(api: FakeApi) -> Manifest:
    lease = api.objects.get(LEASES.path("prod", "shard-0"), {"spec": {}})
    return dict(lease["spec"])


def a_lease(holder: str, **more: Any) -> Manifest:
    lease_spec = {"holderIdentity": holder, "leaseDurationSeconds": 1, **more}
    return {"metadata": {"namespace": "prod", "name": "shard-0"}, "spec": lease_spec}


class Body:
    """Works until it is told to end; notes how often it ran and whether it is at it."""

    def __init__(self) -> None:
        self.starts = 0
        self.active = False
        self.end = asyncio.Event()
        self.winding_down = 0.0
        self.failure: Exception | None = None

    async def __call__(self) -> None:
        self.starts += 1
        self.active = True
        try:
            await self.end.wait()
            if self.failure:
                raise self.failure
        finally:
            await asyncio.sleep(self.winding_down)
            self.active = False


async def test_the_first_candidate_makes_the_lease_and_gives_it_back_at_the_end(api: FakeApi, client: Client) -> None:
    body, election = Body(), an_election(client, "a")
    async with asyncio.TaskGroup() as group:
        group.create_task(election.run(body))
        await eventually(lambda: body.active)
        assert (election.leads, election.holder) == (True, "a")
        assert spec(api) == {
            "holderIdentity": "a",
            "leaseDurationSeconds": 1,
            "renewTime": STAMP,
            "acquireTime": STAMP,
            "leaseTransitions": 0,
        }
        await eventually(lambda: api.count("patch") >= 2)
        body.end.set()
    assert (body.starts, election.leads, spec(api)["holderIdentity"]) == (1, False, "")


async def test_a_lease_given_back_is_taken_at_once_and_the_change_is_counted(api: FakeApi, client: Client) -> None:
    api.put(LEASES, a_lease("", leaseTransitions=4))
    body = Body()
    async with asyncio.TaskGroup() as group:
        group.create_task(an_election(client, "b").run(body))
        await eventually(lambda: body.active)
        assert (spec(api)["holderIdentity"], spec(api)["leaseTransitions"]) == ("b", 5)
        body.end.set()


async def test_two_candidates_never_work_at_once_and_both_get_their_turn(api: FakeApi, client: Client) -> None:
    bodies = [Body(), Body()]
    async with asyncio.TaskGroup() as group:
        for body, identity in zip(bodies, "ab", strict=True):
            body.winding_down = 0.1
            group.create_task(an_election(client, identity).run(body))
        await eventually(lambda: any(body.active for body in bodies))
        first, second = sorted(bodies, key=lambda body: body.starts, reverse=True)
        await asyncio.sleep(0.2)
        assert not second.active
        first.end.set()
        await eventually(lambda: second.active)
        assert not first.active
        second.end.set()


async def test_a_lease_that_is_renewed_is_left_alone_and_taken_when_it_is_not(api: FakeApi, client: Client) -> None:
    api.put(LEASES, a_lease("other"))
    body, election = Body(), an_election(client, "a")
    async with asyncio.TaskGroup() as group:
        group.create_task(election.run(body))
        for number in range(15):
            api.put(LEASES, a_lease("other", renewTime=str(number)))
            await asyncio.sleep(0.1)
        assert (body.starts, election.holder) == (0, "other")
        await eventually(lambda: body.active)
        assert spec(api)["holderIdentity"] == "a"
        body.end.set()


async def test_somebody_elses_name_in_the_lease_stops_the_body(api: FakeApi, client: Client) -> None:
    body, election = Body(), an_election(client, "a")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(election.run(body))
        await eventually(lambda: body.active)
        api.put(LEASES, a_lease("usurper"))
        await eventually(lambda: not body.active)
        assert (election.leads, election.holder) == (False, "usurper")
        task.cancel()
    assert spec(api)["holderIdentity"] == "usurper"


@pytest.mark.parametrize("trouble", [hang, refuse(500)], ids=["hang", "500"])
async def test_a_leader_that_cannot_renew_stops_before_the_lease_can_pass_on(
    api: FakeApi, tmp_path: Path, trouble: Any
) -> None:
    ours, theirs = Body(), Body()
    async with (
        await connected(api, tmp_path) as client,
        asyncio.TaskGroup() as group,
    ):
        first = an_election(client, "a")
        task = group.create_task(first.run(ours))
        await eventually(lambda: ours.active)
        other = group.create_task(an_election(client, "b").run(theirs))
        api.next("patch", *[trouble] * 1000)
        await eventually(lambda: not ours.active)
        assert not first.leads
        assert theirs.starts == 0
        task.cancel()
        api.troubles.clear()
        await eventually(lambda: theirs.active)
        theirs.end.set()
        await other


async def test_a_short_failure_costs_nothing(api: FakeApi, client: Client) -> None:
    body, election = Body(), an_election(client, "a")
    async with asyncio.TaskGroup() as group:
        group.create_task(election.run(body))
        await eventually(lambda: body.active)
        api.next("patch", refuse(500), refuse(503))
        done = api.count("patch")
        await eventually(lambda: api.count("patch") >= done + 5)
        body.end.set()
    assert body.starts == 1


async def test_a_renewal_whose_answer_was_lost_is_not_a_loss(api: FakeApi, client: Client) -> None:
    body, election = Body(), an_election(client, "a")

    async def stored_but_unanswered(request: Any) -> Any:
        await api.serve(request)
        return await hang(request)

    async with asyncio.TaskGroup() as group:
        timing = Timing(lease=2, give_up=1.0, renew=0.05, retry=0.05, call=0.2)
        election = an_election(client, "a", timing)
        group.create_task(election.run(body))
        await eventually(lambda: body.active)
        api.next("patch", stored_but_unanswered)
        done = api.count("patch")
        await eventually(lambda: api.count("patch") >= done + 5)
        body.end.set()
    assert body.starts == 1


async def test_a_lease_that_was_lost_can_be_won_again(api: FakeApi, client: Client) -> None:
    body, election = Body(), an_election(client, "a")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(election.run(body))
        await eventually(lambda: body.active)
        api.put(LEASES, a_lease("usurper"))
        await eventually(lambda: not body.active)
        api.put(LEASES, a_lease(""))
        await eventually(lambda: body.starts == 2)
        task.cancel()


async def test_a_body_that_fails_gives_the_lease_back_and_its_failure_on(api: FakeApi, client: Client) -> None:
    body = Body()
    body.failure = RuntimeError("broken")
    body.end.set()
    with pytest.raises(ExceptionGroup) as caught:
        await an_election(client, "a").run(body)
    assert caught.value.exceptions == (body.failure,)
    assert spec(api)["holderIdentity"] == ""


async def test_a_cancelled_leader_stops_its_body_and_gives_the_lease_back(api: FakeApi, client: Client) -> None:
    body = Body()
    body.winding_down = 0.05
    async with asyncio.TaskGroup() as group:
        task = group.create_task(an_election(client, "a").run(body))
        await eventually(lambda: body.active)
        task.cancel()
    assert (body.active, spec(api)["holderIdentity"]) == (False, "")


async def test_candidates_outlast_a_server_in_trouble(api: FakeApi, client: Client) -> None:
    api.next("get", refuse(500), refuse(403, "Forbidden"), hang)
    api.next("post", refuse(500))
    body = Body()
    async with asyncio.TaskGroup() as group:
        group.create_task(an_election(client, "a").run(body))
        await eventually(lambda: body.active)
        body.end.set()


def test_a_dead_leader_is_followed_when_its_lease_has_run_out_and_not_when_that_was_noticed(tmp_path: Path) -> None:
    """In leaping time: the last renewal is told by a look almost a second later."""

    async def acting() -> float:
        loop, body = asyncio.get_running_loop(), Body()
        async with serving(LEASES) as api, await connected(api, tmp_path) as client, asyncio.TaskGroup() as group:
            api.put(LEASES, a_lease("other", leaseDurationSeconds=7))
            group.create_task(an_election(client, "a", Timing()).run(body))
            await asyncio.sleep(2.1)
            api.put(LEASES, a_lease("other", leaseDurationSeconds=7, renewTime="later"))
            renewed = loop.time()
            while not body.active:  # noqa: ASYNC110 - what is waited for is seen from outside
                await asyncio.sleep(0.01)
            body.end.set()
            return loop.time() - renewed

    assert 6.8 <= leaping.run(acting()) <= 7.1


def test_a_leader_that_was_deposed_waits_out_its_successors_lease_though_it_looked_long_ago(tmp_path: Path) -> None:
    """In leaping time: whoever leads only writes, so its last look is from minutes before."""

    async def waiting() -> float:
        loop, body, timing = asyncio.get_running_loop(), Body(), Timing()
        async with serving(LEASES) as api, await connected(api, tmp_path) as client, asyncio.TaskGroup() as group:
            group.create_task(an_election(client, "a", timing).run(body))
            await asyncio.sleep(300)
            assert (body.starts, body.active) == (1, True)
            api.put(LEASES, a_lease("other", leaseDurationSeconds=timing.lease))
            taken = loop.time()
            while body.starts < 2:  # noqa: ASYNC110 - what is waited for is seen from outside
                await asyncio.sleep(0.01)
            body.end.set()
            return loop.time() - taken

    assert 5 <= leaping.run(waiting()) <= 9.5


@pytest.mark.parametrize("wrong", [{"lease": 6}, {"give_up": 3.0}, {"call": 3.0}])
def test_a_timing_in_which_the_body_could_outlive_the_lease_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        Timing(**wrong)


async def test_whoever_leads_it_is_known_how_long_the_server_has_been_silent(api: FakeApi, client: Client) -> None:
    leader, follower = an_election(client, "a"), an_election(client, "b")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.run(Body())) for each in (leader, follower)]
        await eventually(lambda: leader.leads or follower.leads)
        assert max(leader.silent, follower.silent) < 5
        api.next("patch", *[refuse(500)] * 1000)
        api.next("get", *[refuse(500)] * 1000)
        await eventually(lambda: min(leader.silent, follower.silent) > 4 * QUICK.retry)
        api.troubles.clear()
        await eventually(lambda: max(leader.silent, follower.silent) < 4 * QUICK.retry)
        for task in tasks:
            task.cancel()
