import copy
from typing import Any

import pytest

from api.actions import actions
from api.views import view_of
from rollout.models.kinds import Manifest
from rollout.models.status import RolloutStatus
from tests.api.cluster import a_rollout, a_run, aborted, moving, quiet


def offered(manifest: Manifest) -> list[str]:
    """The commands, each with its label."""
    return [f"{each.verb}{f' {each.to}' if each.to else ''}: {each.label}" for each in view_of(manifest).actions]


def in_step(index: int, **status: Any) -> Manifest:
    made = moving(**status)
    made["status"]["step"] |= {"index": index, "name": f"step-{index + 1}"}
    return made


def in_stage(stage: str, **status: Any) -> Manifest:
    made = moving(run=a_run(stage), traffic={"desired": 100}, **status)
    del made["status"]["step"]
    return made


def test_in_a_step_the_next_share_is_what_a_promotion_leads_to() -> None:
    assert offered(in_step(0)) == [
        "promote: Send 25 % to shop:v2",
        "promote end: Send all traffic to shop:v2",
        "abort: Take shop:v2 back",
        "pause: Stay at 5 %",
    ]


def test_in_the_last_step_there_is_only_one_way_on() -> None:
    assert offered(in_step(2)) == [
        "promote: Make shop:v2 the stable version",
        "abort: Take shop:v2 back",
        "pause: Stay at 5 %",
    ]


def test_a_release_that_is_paused_can_go_on() -> None:
    assert [each for each in offered(in_step(0, pausedAt="2026-05-01T13:42:00.000Z")) if "e: " in each][-1] == (
        "resume: Go on"
    )


def test_while_it_bakes_a_promotion_ends_the_bake_and_an_abort_is_still_possible() -> None:
    assert offered(in_stage("Baking")) == [
        "promote: End the bake now",
        "abort: Take shop:v2 back",
        "pause: Stay at 100 %",
    ]


def test_what_is_being_taken_back_is_not_to_be_asked_for_anything() -> None:
    assert offered(in_stage("Aborting")) == []


def test_after_an_abort_the_version_can_be_tried_again() -> None:
    assert offered(aborted()) == [
        "pause: Hold the next version",
        "retry: Try a31d0 once more",
        "restart: Restart shop:v1",
    ]


def test_at_rest_the_version_before_can_be_released_again() -> None:
    assert offered(quiet()) == [
        "pause: Hold the next version",
        "undo: Go back to the version before",
        "restart: Restart shop:v1",
    ]


def test_a_rollout_that_was_not_looked_at_yet_can_only_be_held() -> None:
    assert offered(a_rollout()) == ["pause: Hold the next version"]


def test_versions_with_the_same_image_are_called_by_their_revisions() -> None:
    made = copy.deepcopy(in_step(0))
    for revision in made["status"]["revisions"].values():
        revision["images"] = ["registry.example.com/team/shop:latest"]
    assert view_of(made).actions[0].label == "Send 25 % to a31d0"
    assert "All traffic goes back to 7c9f1" in view_of(made).actions[2].consequence


def test_steps_that_were_edited_meanwhile_are_not_told_as_those_of_the_run() -> None:
    made = in_step(0)
    made["status"]["step"]["count"] = 5
    assert view_of(made).actions[0].label == "Leave this step"
    assert view_of(made).actions[0].consequence.startswith("The release goes on to step 2 of 5.")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("pass", ""),
        ("notEnoughData", " Nothing says that this is safe: errors has too little data yet."),
        ("providerDown", " Nothing says that this is safe: errors is not measured, since its source is down."),
    ],
)
def test_who_leaves_a_step_without_an_answer_is_told_so(state: str, said: str) -> None:
    made = copy.deepcopy(in_step(0))
    made["status"]["analysis"] = [{"name": "errors", "state": state, "message": "34 of 100 requests"}]
    first = "Step step-2 begins: 25 % of the traffic goes to shop:v2 once it is ready."
    assert view_of(made).actions[0].consequence.removeprefix(first) == said


@pytest.mark.parametrize("manifest", [in_step(0), in_stage("Baking"), aborted(), quiet()])
def test_each_says_what_happens_then_in_whole_sentences(manifest: Manifest) -> None:
    assert all(each.consequence.endswith(".") and len(each.consequence) > 30 for each in view_of(manifest).actions)


def test_nothing_is_offered_while_it_is_deleted() -> None:
    assert actions(RolloutStatus.model_validate({"phase": "Terminating"}), ()) == ()
