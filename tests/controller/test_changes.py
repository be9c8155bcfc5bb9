"""What changes in the middle of a release: the template, the size, the steps."""

from tests.backends import Ground
from tests.controller.harness import a_rollout, controlling, stage
from tests.controller.test_commands import LONG, holding


async def test_a_third_version_midway_takes_the_second_back_and_starts_a_new_run(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.release("v3")
        await made.until(lambda: made.status["run"]["number"] == 3, "a third run")
        await holding(made, 10)
        assert made.pods("v2") == []
        assert made.status["revisions"]["canary"]["images"] == ["shop:v3"]
        runs = {each["spec"]["number"]: each["status"].get("outcome") for each in made.list("rolloutruns")}
        assert runs == {1: "promoted", 2: "superseded", 3: None}


async def test_a_template_that_returns_to_the_stable_one_is_an_abort(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.release("v1")
        await made.healthy("v1")
        assert made.weights == {"shop": 1}
        assert made.status["run"]["outcome"] == "aborted"


async def test_scaling_midway_scales_both_versions_and_the_stable_one_never_shrinks(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy={"canary": {"steps": [{"weight": 50, "hold": {"for": "1h"}}]}}))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 50)
        await made.patch("Rollout", {"spec": {"replicas": 6}})
        await made.until(lambda: (len(made.pods("v1")), len(made.pods("v2"))) == (6, 3), "six and three pods")
        await made.patch("Rollout", {"spec": {"replicas": 2}})
        await made.until(lambda: len(made.pods("v2")) == 1, "one pod of the canary")
        assert len(made.pods("v1")) == 6
        await made.command("promote")
        await made.until(lambda: made.status["step"]["index"] == 1, "the last step")
        await made.healthy("v2")
        assert len(made.pods("v2")) == 2


async def test_an_edit_to_the_steps_counts_from_the_next_run(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.patch(
            "Rollout", {"spec": {"strategy": {"canary": {"steps": [{"weight": 30, "hold": {"for": "1h"}}]}}}}
        )
        await made.command("promote")
        await holding(made, 50)
        assert made.status["step"]["progress"] == "2/3"
        await made.release("v3")
        await holding(made, 30)


async def test_pods_that_never_become_ready_are_taken_back_after_the_progress_deadline(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(progressDeadline="300ms"))
        await made.healthy("v1")
        await made.release("v2", **{"sandbox/never-ready": "true"})
        await made.phase("Aborted")
        assert made.weights == {"shop": 1}
        assert "did not become ready in time" in made.message


async def test_a_canary_that_restarts_more_often_than_allowed_is_taken_back(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        checks = [{"name": "restarts", "restarts": {"max": 0}}]
        await made.create(a_rollout(strategy=LONG, analysis={"checks": checks}))
        await made.healthy("v1")
        await made.release("v2", **{"sandbox/restarts": "1"})
        await made.phase("Aborted")
        assert "restarts: one on the canary" in made.message


async def test_while_it_bakes_the_old_version_is_warm_and_an_abort_pins_it_again(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy={"canary": {"steps": [{"weight": 50}], "bake": {"for": "1h"}}}))
        await made.healthy("v1")
        await made.release("v2")
        await made.phase("Baking")
        assert made.weights == {"shop": 1}
        assert len(made.pods("v1")) == 3
        await made.command("abort")
        await made.phase("Aborted")
        await made.healthy_service("v1")
