"""A Rollout and its runs as the API shows them."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field, computed_field

from api.actions import ActionView, actions
from api.changes import changes
from api.view import View
from rollout.core.workload import images
from rollout.models.base import format_duration
from rollout.models.kinds import Manifest
from rollout.models.rollout import Invalid, parse_run, parse_spec, parse_status
from rollout.models.run import StepRecord
from rollout.models.spec import Bake, Hold, Step
from rollout.models.status import (
    CheckStatus,
    Command,
    Condition,
    Outcome,
    Phase,
    Refusal,
    Revisions,
    RolloutStatus,
    RunStatus,
    Stage,
    StepStatus,
    TrafficStatus,
)
from rollout.models.steps import bake_of, compile_steps

_UNSEEN = "The controller has not looked at it yet."
_PAUSED = " Paused: the next version is not released until somebody resumes."


class Band(StrEnum):
    """How much of a person's attention a Rollout wants, most first."""

    NEEDS_YOU = "needs you"
    MOVING = "moving"
    QUIET = "quiet"


_NEEDS_YOU = {Phase.ABORTED, Phase.STALLED, Phase.PAUSED}
_STUCK = {
    *("WaitingForApproval", "NotProved", "NoData", "ProviderDown"),
    *("CanarySilent", "ShareTooSmall", "ShareTooLarge", "RouteUnfit"),
}


class TrafficView(View):
    """The canary's share of the traffic, in per cent."""

    desired: float = Field(description="What the controller asked for.")
    routed: float | None = Field(None, description="What the routers say is in force.")
    observed: float | None = Field(None, description="What was measured.")
    matched: bool = Field(description="Whether requests that the step's `match` names go to the canary besides.")


class StepView(View):
    """One step as it is declared."""

    name: str = Field(description="What the step is called.")
    weight: float = Field(description="The canary's share of the traffic, in per cent.")
    hold: str | None = Field(None, description="How long it lasts at least, such as `5m`.")
    approval: bool = Field(description="Whether a person has to promote it.")
    evidence: bool = Field(description="Whether it waits for proof that the canary is not worse.")
    at_most: str | None = Field(None, description="How long it waits for that, such as `30m`; no limit when not set.")


class RolloutView(View):
    """One Rollout: where it is, why, and what comes next."""

    namespace: str = Field(description="Its namespace.")
    name: str = Field(description="Its name.")
    phase: Phase | None = Field(description="Where it is, in one word; none before the controller has looked at it.")
    message: str = Field(description="Where it is, why, and what comes next, in one sentence.")
    weight: float = Field(description="The canary's share of the traffic, in per cent.")
    step: StepStatus | None = Field(description="The step of the current run.")
    steps: tuple[StepView, ...] = Field(description="The steps; empty when they changed since the run started.")
    bake: str | None = Field(description="How long the old version stays warm after 100 %, such as `10m`.")
    revisions: Revisions = Field(description="The versions and their roles.")
    traffic: TrafficView | None = Field(description="The canary's share of the traffic: desired, routed, observed.")
    checks: tuple[CheckStatus, ...] = Field(description="What each check says.")
    run: RunStatus | None = Field(description="The current run, or the last one.")
    conditions: tuple[Condition, ...] = Field(description="`Ready`, `Reconciling` and `Stalled` as kstatus has them.")
    commands: tuple[Command, ...] = Field(description="What people asked for and is not done yet.")
    handled: tuple[str, ...] = Field(description="Ids of the last commands that were carried out or refused.")
    refusals: tuple[Refusal, ...] = Field(description="Those of them that were refused, and why.")
    paused: str | None = Field(description="Since when a person paused it.")
    actions: tuple[ActionView, ...] = Field(description="What can be asked of it now.")
    generation: int = Field(description="The generation of its spec.")
    created: str | None = Field(description="When it was created.")

    @computed_field(description="`needs you`, `moving` or `quiet`.")  # type: ignore[prop-decorator]  # pydantic's way
    @property
    def band(self) -> Band:
        """A run that waits for approval, cannot be judged, or has its canary off the traffic needs you too."""
        if self.phase in _NEEDS_YOU or any(condition.reason in _STUCK for condition in self.conditions):
            return Band.NEEDS_YOU
        return Band.QUIET if self.phase is Phase.HEALTHY else Band.MOVING


class StepRecordView(View):
    """When a step's traffic began to flow."""

    name: str = Field(description="The step.")
    weight: float = Field(description="The canary's share, in per cent.")
    at: str = Field(description="When its weight was written.")


class RunView(View):
    """One attempt to release a version."""

    number: int = Field(description="Counted from 1 for the first deployment.")
    name: str = Field(description="The `RolloutRun` that keeps its record.")
    revision: str = Field(description="The revision it releases.")
    stable: str | None = Field(description="The revision it replaces; none for the first deployment.")
    images: tuple[str, ...] = Field(description="Images of the containers it releases.")
    changes: tuple[str, ...] | None = Field(
        description="What differs from the version it replaces, without values; none where that has no record."
    )
    outcome: Outcome | None = Field(description="How it ended; none while it goes on.")
    message: str | None = Field(description="How it ended, in one sentence.")
    started_at: str | None = Field(description="When the template changed.")
    ended_at: str | None = Field(description="When it ended.")
    steps: tuple[StepRecordView, ...] = Field(description="The steps that were entered.")
    checks: tuple[CheckStatus, ...] = Field(description="What each check said last.")


def view_of(manifest: Manifest, *, record: Manifest | None = None) -> RolloutView:
    """A Rollout's manifest as it is shown; `record` is its last RolloutRun, whose steps count while it goes on."""
    metadata, status = manifest["metadata"], parse_status(manifest)
    going_on = status.run is not None and status.run.stage is not Stage.DONE
    steps, bake = _in_force(manifest, record if going_on else None)
    steps = () if _edited(status, steps) else steps
    return RolloutView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        phase=status.phase,
        message=f"{status.message or _UNSEEN}{_PAUSED if status.paused_at and not going_on else ''}",
        weight=status.traffic.desired if status.traffic else 0.0,
        step=status.step,
        steps=tuple(_step(step) for step in steps),
        bake=_text(bake.for_) if bake else None,
        revisions=status.revisions or Revisions(),
        traffic=_traffic(status.traffic),
        checks=status.analysis or (),
        run=status.run,
        conditions=status.conditions or (),
        commands=status.commands or (),
        handled=status.handled or (),
        refusals=status.refusals or (),
        paused=status.paused_at,
        actions=actions(status, steps, images=images(record["spec"].get("template") or {}) if record else ()),
        generation=metadata.get("generation", 1),
        created=metadata.get("creationTimestamp"),
    )


def run_view_of(manifest: Manifest, *, replaced: Manifest | None = None) -> RunView | None:
    """A RolloutRun's manifest as it is shown, beside that of the version it replaces; None where it is unreadable."""
    try:
        spec, status = parse_run(manifest)
    except Invalid:
        return None
    return RunView(
        number=spec.number,
        name=manifest["metadata"]["name"],
        revision=spec.revision,
        stable=spec.stable,
        images=images(spec.template),
        changes=None if replaced is None else changes(replaced["spec"].get("template") or {}, spec.template),
        outcome=status.outcome,
        message=status.message,
        started_at=status.started_at,
        ended_at=status.ended_at,
        steps=tuple(_record(step) for step in status.steps),
        checks=status.analysis,
    )


def urgency(view: RolloutView) -> tuple[int, str, str]:
    """Sorts what needs a person before what moves, and what is quiet last; by name within."""
    return (list(Band).index(view.band), view.namespace, view.name)


def _in_force(manifest: Manifest, record: Manifest | None) -> tuple[tuple[Step, ...], Bake | None]:
    try:
        if record is not None:
            run, _ = parse_run(record)
            return run.steps, run.bake
        strategy = parse_spec(manifest).strategy
    except Invalid:
        return (), None  # the message says so; everything else about it can still be shown
    return compile_steps(strategy), bake_of(strategy)


def _edited(status: RolloutStatus, steps: tuple[Step, ...]) -> bool:
    """Whether these cannot be the steps of the run, because they were edited after it started."""
    return status.step is not None and status.step.count != len(steps)


def _step(step: Step) -> StepView:
    hold = step.hold or Hold()
    return StepView(
        name=step.name or "",
        weight=step.weight or 0.0,
        hold=_text(hold.for_),
        approval=hold.approval,
        evidence=hold.evidence,
        at_most=_text(hold.at_most),
    )


def _text(duration: timedelta | None) -> str | None:
    return None if duration is None else format_duration(duration)


def _traffic(traffic: TrafficStatus | None) -> TrafficView | None:
    if traffic is None:
        return None
    return TrafficView(
        desired=traffic.desired,
        routed=traffic.routed,
        observed=traffic.observed,
        matched=bool(traffic.matched),
    )


def _record(step: StepRecord) -> StepRecordView:
    return StepRecordView(name=step.name, weight=step.weight, at=step.at)
