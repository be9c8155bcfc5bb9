"""What people ask for: every command, in the state it is for."""

from dataclasses import replace
from datetime import timedelta

from tests.backends import Ground
from tests.controller.harness import Stage, a_rollout, controlling, stage

APPROVAL = {"canary": {"steps": [{"name": "ten", "weight": 10, "hold": {"until": [{"approval": {}}]}}, {"weight": 50}]}}
LONG = {"canary": {"steps": [{"weight": 10, "hold": {"for": "1h"}}, {"weight": 50, "hold": {"for": "1h"}}]}}


async def waiting(made: Stage, reason: str) -> None:
    def so() -> bool:
        reasons = [each["reason"] for each in made.status.get("conditions") or () if each["type"] == "Ready"]
        return reasons == [reason]

    await made.until(so, f"reason {reason}")


async def holding(made: Stage, weight: int) -> None:
    await made.until(lambda: made.weights.get("shop-canary") == weight, f"{weight} % on the canary")
    await made.until(lambda: bool((made.status.get("step") or {}).get("enteredAt")), "the step entered")


async def test_an_approval_waits_until_somebody_promotes_the_step(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=APPROVAL))
        await made.healthy("v1")
        await made.release("v2")
        await waiting(made, "WaitingForApproval")
        assert made.weights == {"shop": 90, "shop-canary": 10}
        await made.command("promote")
        await made.healthy("v2")


async def test_promote_leaves_only_the_step_it_was_asked_in(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.command("promote")
        await holding(made, 50)
        assert made.status["step"]["progress"] == "2/3"


async def test_promote_to_the_end_goes_past_all_steps(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.command('{"id": "1", "verb": "promote", "to": "end"}')
        await made.healthy("v2")


async def test_a_paused_rollout_stays_in_its_step_until_it_is_resumed(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy={"canary": {"steps": [{"weight": 10, "hold": {"for": "300ms"}}]}}))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.command("pause")
        await made.phase("Paused")
        assert made.weights == {"shop": 90, "shop-canary": 10}
        await made.command("resume")
        await made.healthy("v2")


async def test_an_abort_takes_the_canary_back_and_the_same_words_work_again(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        for _attempt in range(2):
            if made.status["run"]["number"] == 1:
                await made.release("v2")
            else:
                await made.command("retry")
            await holding(made, 10)
            await made.command("abort")
            await made.phase("Aborted")
            assert made.weights == {"shop": 1}
            assert made.pods("v2") == []
        assert made.status["run"]["number"] == 3


async def test_retry_releases_the_aborted_version_once_more(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=APPROVAL))
        await made.healthy("v1")
        await made.release("v2")
        await waiting(made, "WaitingForApproval")
        await made.command("abort")
        await made.phase("Aborted")
        await made.command("retry")
        await waiting(made, "WaitingForApproval")
        await made.command("promote")
        await made.healthy("v2")


async def test_undo_releases_the_version_before_without_touching_the_template(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout())
        await made.healthy("v1")
        await made.release("v2")
        await made.healthy("v2")
        await made.command("undo")
        await made.healthy("v1")
        rollout = made.get("rollouts")
        assert rollout is not None
        assert rollout["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:v2"
        await made.release("v3")
        await made.healthy("v3")


async def test_restart_replaces_the_pods_of_the_same_revision(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout())
        await made.healthy("v1")
        before, revision = set(made.pods("v1")), made.status["revisions"]["stable"]["name"]
        await made.command("restart")
        await made.until(lambda: len(made.pods("v1")) == 3 and not before & set(made.pods("v1")), "three new pods")
        await made.healthy("v1")
        assert made.status["revisions"]["stable"]["name"] == revision


async def test_a_command_that_makes_no_sense_is_refused_and_gone(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout())
        await made.healthy("v1")
        await made.command("promote")

        def taken() -> bool:
            rollout = made.get("rollouts") or {}
            return "progressive.delivery/command" not in (rollout["metadata"].get("annotations") or {})

        await made.until(taken, "the annotation taken")
        await made.until(
            lambda: any(each["reason"] == "CommandRefused" for each in made.list("events")),
            "an event that says so",
        )


async def test_a_promotion_that_is_asked_for_before_the_proxies_have_followed_ends_the_bake(ground: Ground) -> None:
    async with stage(ground) as made:
        made.settings = replace(made.settings, settle=timedelta(milliseconds=500))
        async with controlling(made):
            await made.create(a_rollout(strategy={"canary": {"steps": [{"weight": 50}], "bake": {"for": "1h"}}}))
            await made.healthy("v1")
            await made.release("v2")
            await made.phase("Baking")
            await made.command("promote")
            await made.healthy("v2")
