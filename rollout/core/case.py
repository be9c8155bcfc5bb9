"""What a stage of a run looks at: the world, what people asked for, what was found, and the run itself."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rollout.core import routing
from rollout.core.asked import Asked
from rollout.core.findings import Findings
from rollout.core.workload import bare
from rollout.core.world import Revision, World
from rollout.models.analysis import Analysis
from rollout.models.rollout import ABORTED, PROMOTED, format_time, parse_time
from rollout.models.run import RolloutRunSpec, RolloutRunStatus
from rollout.models.spec import Hold, Step
from rollout.models.status import Outcome, RunStatus, Stage
from rollout.models.steps import bake_of, compile_steps, pods
from rollout.models.traffic import Match

PROGRESS_DEADLINE = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run at one moment."""

    world: World
    asked: Asked
    found: Findings
    run: RunStatus
    spec: RolloutRunSpec

    @property
    def now(self) -> datetime:
        """The moment."""
        return self.world.now

    @property
    def stable(self) -> Revision:
        """The revision that is replaced. Raises KeyError where its Deployment is gone."""
        return self.world.revisions[self.run.stable or ""]

    @property
    def canary(self) -> Revision | None:
        """The revision that is released, once its Deployment exists."""
        return self.world.revisions.get(self.run.revision)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, as they were when the run started."""
        return self.spec.steps

    @property
    def index(self) -> int:
        """The step the run is in, counted from 0."""
        step = self.world.status.step
        return min(step.index, len(self.steps) - 1) if step is not None and self._remembered else 0

    @property
    def entered_at(self) -> datetime | None:
        """Since when the step's traffic flows; None while it is being reached."""
        step = self.world.status.step
        return parse_time(step.entered_at) if step is not None and step.entered_at and self._remembered else None

    @property
    def started_at(self) -> datetime:
        """Since when the step is being reached."""
        step = self.world.status.step
        return parse_time(step.started_at) if step is not None and self._remembered else parse_time(self.run.since)

    @property
    def _remembered(self) -> bool:
        """Whether the status speaks of this very run; after a loss the steps are walked from the first again."""
        known = self.world.status.run
        return known is not None and known.number == self.run.number and known.stage is not Stage.INITIAL

    @property
    def weight(self) -> float:
        """The share that the step being walked has, or that the step before it had while it is being reached."""
        if self.entered_at is not None:
            return self.steps[self.index].weight or 0
        return (self.steps[self.index - 1].weight or 0) if self.index else 0

    @property
    def match(self) -> Match | None:
        """Who goes to the canary besides the weight, in the same step as that."""
        if self.entered_at is not None:
            return self.steps[self.index].match
        return self.steps[self.index - 1].match if self.index else None

    @property
    def hold(self) -> Hold:
        """When the step is over; as soon as its traffic flows where nothing is declared."""
        return self.steps[self.index].hold or Hold()

    @property
    def earliest(self) -> datetime:
        """When the step may be left, as far as its time is concerned."""
        return (self.entered_at or self.now) + (self.hold.for_ or timedelta(0))

    @property
    def proof(self) -> bool:
        """Whether the step waits for evidence: without traffic there is none."""
        return self.hold.evidence and self.run.stage is Stage.STEPPING and bool(self.steps[self.index].weight)

    @property
    def latest(self) -> datetime | None:
        """Until when evidence is waited for; None without a limit, and while the step is being reached."""
        limit = self.hold.at_most if self.proof else None
        return self.entered_at + limit if limit is not None and self.entered_at is not None else None

    @property
    def stable_replicas(self) -> int:
        """Pods of the stable version: it never shrinks during a run."""
        return max(self.world.replicas, self.stable.replicas)

    def pods(self, index: int) -> int:
        """Pods the canary has in this step."""
        return pods(self.steps[index], self.world.replicas)

    @property
    def in_stage(self) -> timedelta:
        """How long the run has been in its stage."""
        return self.now - parse_time(self.run.since)

    @property
    def deadline(self) -> datetime:
        """When the canary's pods have to be ready."""
        return self.started_at + (self.spec.progress_deadline or PROGRESS_DEADLINE)

    @property
    def analysis(self) -> Analysis | None:
        """What the run is judged by."""
        return self.spec.analysis

    @property
    def unsettled(self) -> str | None:
        """Why what the stage wrote may not be in force yet; None when it is."""
        if not self.world.services:
            return None
        reason = routing.waiting(self.world, whole=self.run.stage is not Stage.ABORTING)
        if reason is None and self.settles_in > timedelta(0):
            return "giving the proxies time to follow"
        return reason

    @property
    def settles_in(self) -> timedelta:
        """How long the proxies are still given to follow; all of it while the routers have not accepted yet."""
        settle, since = self.world.settings.settle, self.run.routed_at
        return settle if since is None else settle - (self.now - parse_time(since))


def current_run(world: World) -> RunStatus | None:
    """The run that goes on or was the last, from the status where that can be believed.

    A status can be lost, or restored from a backup: the newest record and the marks on the objects decide.
    """
    run = world.status.run
    newest = world.runs[-1] if world.runs else None
    if newest is not None and (run is None or run.number < newest.spec.number):
        run = _rebuilt(world, newest.spec, newest.status)
    stable = world.stable
    if run is not None and stable is not None and (stable.mark(PROMOTED) or 0) > run.number:
        return run.model_copy(update={"stage": Stage.DONE, "outcome": run.outcome or Outcome.SUPERSEDED})
    if run is not None and run.stage is Stage.INITIAL and stable is not None and stable.mark(PROMOTED) == run.number:
        return promoted(world, run)  # the controller stopped between the mark and the status
    return _corrected(world, run) if run is not None and run.stage is not Stage.DONE else run


def _rebuilt(world: World, spec: RolloutRunSpec, status: RolloutRunStatus) -> RunStatus:
    started = status.started_at or stamp(world)
    stage = Stage.DONE if status.outcome else (Stage.STEPPING if spec.stable else Stage.INITIAL)
    return RunStatus(
        number=spec.number,
        name=record_name(world, spec.number),
        revision=spec.revision,
        stable=spec.stable,
        stage=stage,
        outcome=status.outcome,
        reason=status.message,
        started_at=started,
        since=stamp(world),
    )


def stamp(world: World) -> str:
    """The moment of the world, as a status holds it."""
    return format_time(world.now)


def _corrected(world: World, run: RunStatus) -> RunStatus:
    canary = world.revisions.get(run.revision)
    if run.stage is not Stage.INITIAL and canary is not None and (canary.mark(PROMOTED) or 0) >= run.number:
        return run if run.stage is Stage.FINISHING else to_stage(world, run, Stage.FINISHING)
    marked = canary is not None and (canary.mark(ABORTED) or 0) >= run.number
    if (marked or (routing.abort_mark(world) or 0) >= run.number) and run.stage is not Stage.ABORTING:
        return aborting(world, run, run.reason or "it was being taken back when the controller stopped")
    return run


def to_stage(world: World, run: RunStatus, stage: Stage) -> RunStatus:
    """The run as it enters a stage now."""
    forgotten = {"routed_at": None, "emptied_at": None, "emptied_for": None}
    return run.model_copy(update={"stage": stage, "since": stamp(world), **forgotten})


def routed(case: Case, *, written: bool) -> Case:
    """The case with since when the routers have accepted what its stage wrote; `written` is whether it stands there.

    Acceptance is not effect, and it may come long after the write: the time to settle counts from it.
    """
    if not case.world.services:
        return case
    waits = routing.waiting(case.world, whole=case.run.stage is not Stage.ABORTING)
    since = (case.run.routed_at or stamp(case.world)) if written and waits is None else None
    return case if since == case.run.routed_at else replace(case, run=case.run.model_copy(update={"routed_at": since}))


def ended(world: World, run: RunStatus) -> RunStatus:
    """The run as it ends now; how, it knows already."""
    return to_stage(world, run, Stage.DONE).model_copy(update={"ended_at": stamp(world)})


def promoted(world: World, run: RunStatus) -> RunStatus:
    """The run as it ends well now."""
    return ended(world, run).model_copy(update={"outcome": Outcome.PROMOTED, "reason": None})


def aborting(world: World, run: RunStatus, reason: str, outcome: Outcome = Outcome.ABORTED) -> RunStatus:
    """The run as it begins to be taken back."""
    return to_stage(world, run, Stage.ABORTING).model_copy(update={"reason": reason[:1024], "outcome": outcome})


def record_name(world: World, number: int) -> str:
    """What the record of this run is called."""
    return f"{world.key.name}-{number}"


def spec_of(world: World, run: RunStatus) -> RolloutRunSpec:
    """What the run copied when it started; where its record was deleted, what is declared now."""
    record = world.run(run.number)
    if record is not None:
        return record.spec
    spec = new_spec(world, number=run.number, revision=run.revision, stable=run.stable)
    live = world.revisions.get(run.revision)
    return spec if live is None else spec.model_copy(update={"template": bare(live.manifest["spec"]["template"])})


def new_spec(world: World, *, number: int, revision: str, stable: str | None) -> RolloutRunSpec:
    """What a run that starts now copies."""
    spec = world.spec
    analysis = Analysis() if spec is None or spec.analysis is None else spec.analysis
    return RolloutRunSpec(
        rollout=world.key.name,
        number=number,
        revision=revision,
        stable=stable,
        template=world.template or {},
        services=(spec.services or ()) if spec else (),
        traffic=(spec.traffic or ()) if spec else (),
        steps=compile_steps(spec.strategy) if spec and stable else (),
        bake=bake_of(spec.strategy) if spec else None,
        analysis=analysis.model_copy(update={"checks": world.checks, "templates": None}),
        progress_deadline=spec.progress_deadline if spec else None,
    )


def next_number(world: World) -> int:
    """The number of the next run: one more than any that is recorded anywhere."""
    known = [run.spec.number for run in world.runs]
    known += [mark for each in world.revisions.values() for mark in (each.mark(PROMOTED), each.mark(ABORTED)) if mark]
    return max([*known, *world.taken, world.status.run.number if world.status.run else 0]) + 1
