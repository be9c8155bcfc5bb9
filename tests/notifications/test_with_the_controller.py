"""The real controller on a cluster, with receivers beside it: what is told, what it costs, and after which death."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rollout.notifications.configuration import Notifications
from sandbox.apiserver import CUT, Fault, RequestRecord
from tests.backends import Ground
from tests.controller.counting import Counting
from tests.controller.harness import ERRORS, Stage, a_rollout, controlling, stage
from tests.controller.test_commands import holding
from tests.controller.test_process import process
from tests.notifications.builders import SECRET, settings
from tests.notifications.receivers import Receiver, hangs, receiving, says

APPROVED = {"canary": {"steps": [{"weight": 10, "hold": {"until": [{"approval": {}}]}}, {"weight": 50}]}}
QUICK = {"canary": {"steps": [{"weight": 10, "hold": {"for": "50ms"}}]}}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


def hooks(**receivers: Receiver) -> Notifications:
    return settings(
        *(
            {"name": name, "webhook": {"url": f"{each.url}/sesame", "secretFrom": {"env": "HOOK_SECRET"}}}
            for name, each in receivers.items()
        )
    )


@asynccontextmanager
async def notifying(made: Stage, **receivers: Receiver) -> AsyncIterator[None]:
    """The controller beside the block, with these receivers as its targets."""
    made.notifications = hooks(**receivers)
    async with controlling(made):
        yield


def told(receiver: Receiver) -> list[tuple[str, str]]:
    """The id of each event that came, without the Rollout's uid, and its sentence."""
    events = [json.loads(each.body) for each in receiver.got]
    return [(event["id"].partition("/")[2], event["data"]["message"]) for event in events]


def remembered(made: Stage) -> dict[str, list[str]]:
    return {each["id"]: each["targets"] for each in made.status.get("notified") or ()}


async def remembers(made: Stage, *notices: str) -> None:
    await made.until(lambda: set(notices) <= remembered(made).keys(), f"{notices} remembered")


async def test_a_good_release_is_told_from_the_start_over_the_approval_to_the_end(tmp_path: Path) -> None:
    async with receiving() as hook, stage(tmp_path) as made, notifying(made, hook=hook):
        await made.create(a_rollout(strategy=APPROVED))
        await made.healthy("v1")
        await remembers(made, "1/promoted")
        await made.release("v2")
        await remembers(made, "2/0/needsApproval")
        await made.command("promote")
        await made.healthy("v2")
        await remembers(made, "2/promoted")
        sentences = dict(told(hook))
    assert list(sentences) == ["1/started", "1/promoted", "2/started", "2/0/needsApproval", "2/promoted"]
    assert sentences["2/0/needsApproval"] == "At 10 %: waiting for approval; promote to go on to 50 %."
    assert remembered(made) == {name: ["hook"] for name in ("2/started", "2/0/needsApproval", "2/promoted")}


async def test_a_bad_release_is_told_as_taken_back_and_why(tmp_path: Path) -> None:
    async with receiving() as hook, stage(tmp_path) as made, notifying(made, hook=hook):
        await made.create(a_rollout(strategy=APPROVED, analysis={"checks": [ERRORS]}))
        await made.healthy("v1")
        made.weather.error_share["shop-canary"] = 0.05
        await made.release("v2")
        await made.phase("Aborted")
        await remembers(made, "2/aborted")
    names = [name for name, _ in told(hook)]  # the checks decide whether it comes to wait for its approval
    assert (names[:3], names[-1]) == (["1/started", "1/promoted", "2/started"], "2/aborted")
    assert "errors" in told(hook)[-1][1]


async def test_what_has_to_be_mended_is_told(tmp_path: Path) -> None:
    async with receiving() as hook, stage(tmp_path) as made, notifying(made, hook=hook):
        await made.create(a_rollout(services=[{"name": "nowhere"}]))
        await made.phase("Stalled")
        await hook.gets(1)
        await made.until(lambda: len(remembered(made)) == 1, "remembered")
    ((name, sentence),) = told(hook)
    assert name.startswith("stalled/")
    assert "nowhere" in sentence


@pytest.mark.parametrize("mood", [hangs, says(500)])
async def test_a_target_that_hangs_or_fails_delays_neither_the_release_nor_the_other_target(
    tmp_path: Path, mood: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    async with receiving() as dead, receiving() as alive, stage(tmp_path) as made:
        dead.mood = mood
        async with notifying(made, dead=dead, alive=alive):
            await made.create(a_rollout(strategy=QUICK))
            await made.healthy("v1")
            await made.release("v2")
            await made.healthy("v2")
            await remembers(made, "2/promoted")
    assert [name for name, _ in told(alive)] == ["1/started", "1/promoted", "2/started", "2/promoted"]
    assert {name for name, _ in told(dead)} <= {"1/started"}
    assert remembered(made) == {"2/started": ["alive"], "2/promoted": ["alive"]}
    assert "sesame" not in "".join(capfd.readouterr())


async def test_a_controller_that_dies_between_the_status_and_the_send_leaves_it_to_the_next(tmp_path: Path) -> None:
    async with receiving() as hook, stage(tmp_path) as made:
        made.notifications = hooks(hook=hook)
        hook.mood = hangs
        async with controlling(made):
            await made.create(a_rollout(strategy=APPROVED))
            await made.healthy("v1")
            await made.release("v2")
            await made.until(lambda: "approval" in made.status.get("message", ""), "waits for approval")
            await hook.gets(1)
        assert remembered(made) == {}
        hook.mood, hook.got[:] = None, []
        async with controlling(made):
            await remembers(made, "2/started", "2/0/needsApproval")
    assert [name for name, _ in told(hook)] == ["2/started", "2/0/needsApproval"]


async def test_a_controller_that_dies_between_the_send_and_the_record_sends_it_again_with_the_same_id(
    tmp_path: Path,
) -> None:
    async with receiving() as hook, stage(tmp_path) as made:
        made.notifications = hooks(hook=hook)

        async def forgetting(record: RequestRecord) -> Fault | None:
            silent = record.write and record.subresource == "status" and record.plural == "rollouts"
            return CUT if silent and hook.got else None

        async with controlling(made):
            made.cluster.api.intercept = forgetting
            await made.create(a_rollout(services=[{"name": "nowhere"}]))
            await hook.gets(1)
        made.cluster.api.intercept = None
        async with controlling(made):
            await hook.gets(2)
            await made.until(lambda: len(remembered(made)) == 1, "remembered")
    first, second = hook.got
    assert json.loads(first.body)["id"] == json.loads(second.body)["id"]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_what_a_target_will_never_take_is_an_event_on_the_rollout_and_counted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with receiving() as hook, stage(tmp_path) as made:
        made.notifications = hooks(hook=hook)
        hook.mood = says(422)
        async with controlling(made):
            await made.create(a_rollout(services=[{"name": "nowhere"}]))
            await made.until(lambda: len(remembered(made)) == 1, "given up, and remembered")
            await made.until(lambda: any(each["reason"] == "NotificationLost" for each in made.list("events")), "told")
            assert made.parts is not None
            metrics = made.parts.metrics.render().decode()
    (event,) = [each for each in made.list("events") if each["reason"] == "NotificationLost"]
    assert (event.get("note") or event["message"]).startswith("Target hook was not told `stalled` (")
    assert 'progressive_delivery_notifications_total{outcome="givenUp",target="hook"} 1.0' in metrics
    assert "sesame" not in json.dumps([made.list("events"), made.status]) + metrics + "".join(capfd.readouterr())


async def test_a_step_takes_its_three_writes_a_notice_one_more_and_rest_none(ground: Ground) -> None:
    steps = [{"weight": 10, "hold": {"for": "1h"}}, {"weight": 20, "hold": {"until": [{"approval": {}}]}}]
    replicas = [{**step, "replicas": 1} for step in steps]
    async with receiving() as hook, stage(ground) as made, notifying(made, hook=hook):
        await made.create(a_rollout(strategy={"canary": {"steps": replicas}}))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await remembers(made, "2/started")
        counting = Counting(made)
        await counting.settled()
        counting.forget()
        await made.hurry()
        await remembers(made, "2/1/needsApproval")
        await counting.settled()
        assert counting.asked() == {
            ("patch", "httproutes", ""): 1,
            ("patch", "rolloutruns", "status"): 1,
            ("patch", "rollouts", "status"): 2,
        }
        counting.forget()
        await asyncio.sleep(2)
        assert counting.asked() == Counter()


@pytest.mark.e2e
async def test_a_process_whose_target_hangs_in_a_thread_tells_the_others_and_ends_when_told(tmp_path: Path) -> None:
    async with receiving() as hook, receiving() as dead, stage(tmp_path) as made:
        dead.mood = hangs
        (tmp_path / "chat").write_text(f"json://me:sesame@127.0.0.1:{dead.port}?rto=60")
        file = tmp_path / "notifications.yaml"
        file.write_text(
            f"targets: [{{name: chat, apprise: {{urlFrom: {{file: {tmp_path}/chat}}}}}}, "
            f"{{name: hook, webhook: {{url: '{hook.url}', secretFrom: {{env: HOOK_SECRET}}}}}}]"
        )
        async with process(made, "--notifications", str(file)) as running:
            await made.create(a_rollout(strategy=QUICK))
            await made.healthy("v1")
            await remembers(made, "1/promoted")
            await dead.gets(1)
            running.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                assert await running.wait() == 0
    assert [name for name, _ in told(hook)] == ["1/started", "1/promoted"]
