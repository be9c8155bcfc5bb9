"""Argo CD's health checks and actions, run on real objects of every phase; the controller carries the actions out."""

import json
from pathlib import Path
from typing import Any

import pytest

from controlplane.cluster import ControlPlane
from rollout.intents import check
from rollout.models.rollout import COMMAND
from rollout.models.status import Command, Phase, RolloutStatus, Verb
from tests.controller.harness import ERRORS, Stage, a_rollout, controlling, stage
from tests.controller.test_commands import LONG, holding, waiting
from tests.deploy.installing import kubectl
from tests.deploy.lua import ACTIONS, ARGOCD, changed, health, possible, run
from tests.deploy.overlays import built

ASKING: dict[str, Any] = {"canary": {"steps": [{"weight": 50, "hold": {"until": [{"approval": {}}]}}]}}
BAKING: dict[str, Any] = {"canary": {"steps": [{"weight": 50}], "bake": {"for": "1h"}}}


def a_status(phase: str = "Healthy", generation: int = 2, **fields: Any) -> dict[str, Any]:
    status = {"phase": phase, "observedGeneration": generation, "message": "A sentence.", **fields}
    return {"metadata": {"name": "shop", "generation": 2}, "status": status}


HEALTHS = {
    Phase.INITIALIZING: "Progressing",
    Phase.HEALTHY: "Healthy",
    Phase.PROGRESSING: "Progressing",
    Phase.PAUSED: "Suspended",
    Phase.PROMOTING: "Progressing",
    Phase.BAKING: "Progressing",
    Phase.ABORTING: "Progressing",
    Phase.ABORTED: "Degraded",
    Phase.STALLED: "Degraded",
    Phase.TERMINATING: "Progressing",
}


def test_every_phase_has_a_health_and_the_message_is_the_sentence() -> None:
    assert set(HEALTHS) == set(Phase)
    for phase, wanted in HEALTHS.items():
        assert health(a_status(phase)) == {"status": wanted, "message": "A sentence."}


def test_a_spec_that_the_controller_has_not_seen_is_progressing_whatever_the_phase_says() -> None:
    assert health(a_status("Healthy", generation=1)) == {
        "status": "Progressing",
        "message": "Waiting for the controller: A sentence.",
    }
    assert health({"metadata": {"name": "shop", "generation": 1}})["status"] == "Progressing"


def test_what_is_being_deleted_is_progressing() -> None:
    deleted = a_status()
    deleted["metadata"]["deletionTimestamp"] = "2026-11-27T14:00:00Z"
    assert health(deleted)["status"] == "Progressing"


@pytest.mark.parametrize("reason", ["WaitingForApproval", "NotProved", "CanarySilent"])
def test_a_step_that_a_person_has_to_let_go_on_is_suspended(reason: str) -> None:
    condition = {"type": "Reconciling", "status": "True", "reason": reason}
    assert health(a_status("Progressing", conditions=[condition]))["status"] == "Suspended"
    assert health(a_status("Progressing", conditions=[{**condition, "reason": "Holding"}]))["status"] == "Progressing"


def test_a_run_is_over_or_goes_on() -> None:
    assert health({"metadata": {}}, "run-health.lua") == {"status": "Progressing", "message": "Going on."}
    ended = {"metadata": {}, "status": {"outcome": "aborted"}}
    assert health(ended, "run-health.lua") == {"status": "Healthy", "message": "Ended: aborted."}


def test_there_is_an_action_for_every_command() -> None:
    assert {each["name"] for each in ACTIONS["definitions"]} == set(Verb)
    assert set(run(ACTIONS["discovery.lua"], {"metadata": {}})) == set(Verb)


@pytest.mark.parametrize("verb", Verb)
def test_an_action_is_the_annotation_and_nothing_else(verb: Verb) -> None:
    plain: dict[str, Any] = {"metadata": {"name": "shop"}, "spec": {"replicas": 3}}
    assert changed(plain, verb) == {**plain, "metadata": {"name": "shop", "annotations": {COMMAND: verb}}}
    noted = {**plain, "metadata": {"name": "shop", "annotations": {"team": "web"}}}
    assert changed(noted, verb)["metadata"]["annotations"] == {"team": "web", COMMAND: verb}


async def act(made: Stage, action: str) -> None:
    """What Argo CD does with an action: a merge patch of what the script changed."""
    live = made.get("rollouts")
    assert live is not None
    assert action in possible(live), made.status
    written = changed(live, action)["metadata"]["annotations"]
    await made.patch("Rollout", {"metadata": {"annotations": {COMMAND: written[COMMAND]}}})


def seen(made: Stage) -> str:
    """The health now, once it is known that the buttons agree with what the controller would refuse."""
    live = made.get("rollouts")
    assert live is not None
    status = RolloutStatus.model_validate(live["status"])
    wanted = {verb for verb in Verb if check(Command(id="x", verb=verb), status) is None}
    assert possible(live) == wanted, live["status"]
    found = health(live)
    assert found["message"].endswith(live["status"]["message"])
    return found["status"]


async def comes_up(made: Stage, strategy: dict[str, Any]) -> None:
    await made.create(a_rollout(strategy=strategy, analysis={"checks": [ERRORS]}))
    await made.healthy("v1")
    assert seen(made) == "Healthy"


async def test_pause_resume_and_abort_are_carried_out(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, controlling(made):
        await comes_up(made, LONG)
        await made.release("v2")
        await holding(made, 10)
        await waiting(made, "Holding")
        assert seen(made) == "Progressing"
        await act(made, "pause")
        await made.phase("Paused")
        assert seen(made) == "Suspended"
        await act(made, "resume")
        await made.phase("Progressing")
        await act(made, "abort")
        await made.phase("Aborted")
        assert seen(made) == "Degraded"
        await act(made, "retry")
        await holding(made, 10)
        assert seen(made) == "Progressing"


async def test_promote_undo_and_restart_are_carried_out(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, controlling(made):
        await comes_up(made, ASKING)
        await made.release("v2")
        await waiting(made, "WaitingForApproval")
        assert seen(made) == "Suspended"
        await act(made, "promote")
        await made.healthy("v2")
        assert seen(made) == "Healthy"
        await act(made, "restart")
        await made.until(lambda: made.status.get("restartedAt") is not None, "restarted")
        await act(made, "undo")
        await waiting(made, "WaitingForApproval")
        await act(made, "promote")
        await made.healthy("v1")


async def test_a_bake_can_be_ended_and_a_wrong_spec_is_degraded(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, controlling(made):
        await comes_up(made, BAKING)
        await made.release("v2")
        await made.phase("Baking")
        assert seen(made) == "Progressing"
        await act(made, "promote")
        await made.healthy("v2")
        await made.patch("Rollout", {"spec": {"services": [{"name": "nowhere"}]}})
        await made.phase("Stalled")
        assert seen(made) == "Degraded"


async def test_the_keys_are_added_to_what_argo_cd_has_in_its_config_map(bare: ControlPlane, tmp_path: Path) -> None:
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "argocd"}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}}
    objects = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "List",
            "items": [namespace, {**theirs, "data": {"url": "https://argocd.example.com"}}],
        }
    )
    await kubectl(bare, "apply", "-f", "-", stdin=objects)
    (tmp_path / "argocd-cm.yaml").write_text(await kubectl(bare, "kustomize", str(ARGOCD)))
    patch = ("--type=merge", f"--patch-file={tmp_path / 'argocd-cm.yaml'}")
    await kubectl(bare, "patch", "configmap", "argocd-cm", "-n", "argocd", *patch)
    await kubectl(bare, "apply", "-f", "-", stdin=objects)  # as who installs Argo CD does again
    found = json.loads(await kubectl(bare, "get", "configmap", "argocd-cm", "-n", "argocd", "--output=json"))
    (ours,) = built(ARGOCD)
    assert found["data"] == {"url": "https://argocd.example.com", **ours["data"]}
