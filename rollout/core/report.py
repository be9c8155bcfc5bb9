"""From a ruling to the status, the record and the events; equal means silent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import isfinite

from analysis.checkpoint import LIMIT
from analysis.results import CheckResult
from rollout.core import routing
from rollout.core.asked import Asked, carried, waiting
from rollout.core.case import new_spec, spec_of
from rollout.core.findings import Findings
from rollout.core.target import Decision, Event, Record, Ruling, Target
from rollout.core.workload import images
from rollout.core.world import Revision, World
from rollout.models.checks import Check
from rollout.models.rollout import ROLLOUT_LABEL, format_time, parse_time
from rollout.models.run import RolloutRunSpec, RolloutRunStatus, StepRecord
from rollout.models.status import (
    CheckStatus,
    Condition,
    Outcome,
    Phase,
    Revisions,
    RevisionStatus,
    RolloutStatus,
    RunStatus,
    Stage,
    TrafficStatus,
)

_MEASURED = frozenset({"revisions", "replicas", "analysis", "message", "measured_at"})


def report(world: World, asked: Asked, found: Findings, ruling: Ruling) -> Decision:
    """The decision with everything that is said about it."""
    asked = carried(asked, ruling.kept)
    status = _status(world, asked, found, ruling)
    due = _due(world, status)
    quiet = world.status if due is None or due > timedelta(0) else status
    record, later = _record(world, found, status)
    return Decision(
        target=ruling.target,
        status=quiet,
        live=status,
        reason=ruling.reason,
        after=min((wait for wait in (ruling.after, due, later) if wait), default=None),
        urgent=ruling.urgent,
        record=record,
        events=(*asked.events, *_events(world, status, ruling)),
    )


def _status(world: World, asked: Asked, found: Findings, ruling: Ruling) -> RolloutStatus:
    old = world.status
    return RolloutStatus(
        observed_generation=world.generation,
        phase=ruling.phase,
        message=ruling.message[:1024],
        replicas=sum(len(each.pods) for each in world.revisions.values()),
        selector=f"{ROLLOUT_LABEL}={world.key.name}",
        revisions=_revisions(world, ruling),
        step=ruling.step,
        traffic=_traffic(world, found, ruling),
        analysis=_analysis(world, found, ruling),
        run=ruling.run,
        conditions=_conditions(world, ruling),
        commands=waiting(world, asked.handled) or None,
        handled=asked.handled or None,
        refusals=asked.refusals or None,
        paused_at=asked.paused_at,
        override=asked.override if asked.override and asked.override.template else None,
        restarted_at=_restarted(world, asked, ruling),
        refused=old.refused if old.refused == world.wanted and not _tried(ruling, old.refused) else None,
        measured_at=format_time(world.now),
        notified=old.notified,
    )


def _restarted(world: World, asked: Asked, ruling: Ruling) -> str | None:
    """The restart of the version that serves: it is recorded with its command, and made from there, so only once."""
    if ruling.run is not None and ruling.run.stage is not Stage.DONE:
        return None
    return asked.restart or world.status.restarted_at


def _tried(ruling: Ruling, revision: str | None) -> bool:
    """Whether a run of the revision that was refused got further since."""
    return ruling.run is not None and ruling.run.revision == revision


def _analysis(world: World, found: Findings, ruling: Ruling) -> tuple[CheckStatus, ...] | None:
    """What the checks say; once nothing is measured any more, what they said last."""
    run, before = ruling.run, world.status.run
    if run is None or before is None:
        return world.status.analysis
    taken = run.stage is Stage.ABORTING and before.stage is not Stage.ABORTING  # this very verdict is to be kept
    if not taken and run.stage not in (Stage.STEPPING, Stage.SWITCHING, Stage.BAKING):
        return world.status.analysis
    declared = {check.name: check for check in found.checks}
    return tuple(_check(declared[result.name], result) for result in found.results) or None


def _revisions(world: World, ruling: Ruling) -> Revisions:
    promoted = ruling.target.promoted
    stable = next((name for name in promoted if name in world.revisions), world.stable.name if world.stable else None)
    run = ruling.run
    canary = run.revision if run is not None and run.stage is not Stage.DONE and run.revision != stable else None
    return Revisions(
        stable=_revision(world, stable, ruling.target.replicas),
        canary=_revision(world, canary, ruling.target.replicas),
    )


def _revision(world: World, name: str | None, replicas: Mapping[str, int]) -> RevisionStatus | None:
    if name is None:
        return None
    revision: Revision | None = world.revisions.get(name)
    wanted = replicas.get(name)
    template = revision.manifest["spec"]["template"] if revision else world.template or {}
    return RevisionStatus(
        name=name,
        images=images(template),
        replicas=wanted if wanted is not None else (revision.replicas if revision else 0),
        ready=len(revision.ready) if revision else 0,
    )


def _traffic(world: World, found: Findings, ruling: Ruling) -> TrafficStatus | None:
    run = ruling.run
    if run is None or run.stage in (Stage.INITIAL, Stage.DONE) or not world.services:
        return None
    behind = run.stage in (Stage.BAKING, Stage.FINISHING)
    desired = 100.0 if behind else (ruling.target.weight or 0.0)
    if ruling.target.keep_traffic and world.status.traffic is not None:
        desired = world.status.traffic.desired
    routed = desired if behind else routing.routed(world) or 0.0
    observed = round(found.observed, 1) if found.observed is not None and run.stage is Stage.STEPPING else None
    matched = ruling.target.match is not None
    if ruling.target.keep_traffic and world.status.traffic is not None:
        matched = bool(world.status.traffic.matched)
    return TrafficStatus(
        desired=desired,
        routed=None if routing.waiting(world) else routed,
        observed=observed,
        matched=matched or None,
    )


def _check(check: Check, result: CheckResult) -> CheckStatus:
    share = check.ratio is not None or check.latency is not None
    return CheckStatus(
        name=result.name,
        state=str(result.state),
        message=result.sentence[:1024],
        canary=_value(result.canary, share=share),
        stable=_value(result.stable, share=share),
        unit="%" if share else None,
        requests=result.requests,
        bad=result.bad,
        stable_requests=result.stable_requests,
        stable_bad=result.stable_bad,
        ratio=_digits(result.ratio),
        ratio_low=_digits(result.ratio_low),
        ratio_high=_digits(result.ratio_high),
        evidence=_digits(result.evidence),
        likelihood=result.likelihood[:64] if result.likelihood else None,
        proven=result.proven if check.provable else None,
        detectable=_digits(result.detectable),
        outlook=result.outlook[:1024] if result.outlook else None,
        since=format_time(result.since) if result.since.year > 1 else None,
        proved_at=format_time(result.proved_at) if result.proved_at else None,
    )


def _value(number: float | None, *, share: bool) -> float | None:
    """A share in per cent, any other value as it is."""
    return round(number * 100, 4) if number is not None and share else number


def _digits(number: float | None) -> float | None:
    """Three digits, which is more than anybody reads; None where there is no bound."""
    return float(f"{number:.3g}") if number is not None and isfinite(number) else None


def _conditions(world: World, ruling: Ruling) -> tuple[Condition, ...]:
    """`Ready`, `Reconciling` and `Stalled` as kstatus reads them: never both of the last two.

    An aborted Rollout is Stalled, so that whoever waits for it stops waiting.
    """
    stalled = ruling.phase in (Phase.STALLED, Phase.ABORTED)
    ready = ruling.phase is Phase.HEALTHY
    facts = (("Ready", ready), ("Reconciling", not ready and not stalled), ("Stalled", stalled))
    return tuple(_condition(world, ruling, kind, "True" if value else "False") for kind, value in facts)


def _condition(world: World, ruling: Ruling, kind: str, status: str) -> Condition:
    old = next((each for each in world.status.conditions or () if each.type == kind), None)
    same = old is not None and old.status == status
    return Condition(
        type=kind,
        status=status,
        reason=ruling.reason,
        message=ruling.message[:1024],
        observed_generation=world.generation,
        last_transition_time=old.last_transition_time if same and old else format_time(world.now),
    )


def _due(world: World, new: RolloutStatus) -> timedelta | None:
    """In what time the new status is to be written: at once (0), or later where only measured numbers differ and
    those were written lately; None where nothing differs.

    A sentence that tells a number is measured too, as long as its reason stays the same.
    """
    old = world.status
    if _facts(new) != _facts(old):
        return timedelta(0)
    if _facts(new, measured=True) == _facts(old, measured=True):
        return None
    moving = new.run is not None and new.run.stage is not Stage.DONE
    if old.measured_at is None or not moving:
        return timedelta(0)
    return max(parse_time(old.measured_at) + world.settings.write_numbers_every - world.now, timedelta(0))


def _facts(status: RolloutStatus, *, measured: bool = False) -> object:
    without = {"measured_at"} if measured else set(_MEASURED)
    facts = status.model_dump(exclude=without)
    for condition in facts["conditions"] or ():
        if not measured:
            condition.pop("message")
    if facts["traffic"] and not measured:
        facts["traffic"] = facts["traffic"]["desired"]
    return facts


def _record(world: World, found: Findings, status: RolloutStatus) -> tuple[Record | None, timedelta | None]:
    """The `RolloutRun` as it should be, and in what time it has to be written again.

    It is created with the run, and written at each step and at the end. What has to be remembered of the comparison
    goes along, and is else written now and then.
    """
    run = status.run
    known = world.run(run.number) if run is not None else None
    if run is None or (known is not None and known.status.outcome is not None):
        return None, None
    spec = known.spec if known else _spec(world, run)
    before = known.status if known else RolloutRunStatus()
    after = _progress(before, run, status)
    since = parse_time(before.checkpoint_at or run.started_at)
    after, later = _remembered(world, before, after, found.checkpoint, since)
    return Record(name=run.name, spec=spec, status=after), later


def _remembered(
    world: World, before: RolloutRunStatus, after: RolloutRunStatus, checkpoint: str | None, since: datetime
) -> tuple[RolloutRunStatus, timedelta | None]:
    """The record with what has to be remembered, where it is written anyway or that is due; else in what time it is."""
    if after.outcome is not None:
        return after.model_copy(update={"checkpoint": None, "checkpoint_at": None}), None
    if checkpoint in (None, before.checkpoint) or len(checkpoint or "") > LIMIT:
        return after, None
    waits = since + world.settings.write_numbers_every - world.now
    if after == before and waits > timedelta(0):
        return after, waits
    return after.model_copy(update={"checkpoint": checkpoint, "checkpoint_at": format_time(world.now)}), None


def _spec(world: World, run: RunStatus) -> RolloutRunSpec:
    if run.stable is None:
        return new_spec(world, number=run.number, revision=run.revision, stable=None)
    return spec_of(world, run)


def _progress(before: RolloutRunStatus, run: RunStatus, status: RolloutStatus) -> RolloutRunStatus:
    steps, step = before.steps, status.step
    told = steps[-1].name if steps else None  # a step whose traffic was given back is the same step
    if step is not None and step.entered_at and step.name != told and status.traffic:
        steps = (*steps, StepRecord(name=step.name, weight=status.traffic.desired, at=step.entered_at))
    if run.stage is not Stage.DONE:
        return before.model_copy(update={"steps": steps, "started_at": run.started_at}) if steps else before
    return before.model_copy(
        update={
            "steps": steps,
            "started_at": run.started_at,
            "outcome": run.outcome,
            "message": run.reason if run.outcome is not Outcome.PROMOTED else status.message,
            "ended_at": run.ended_at,
            "analysis": status.analysis or (),
        }
    )


def _events(world: World, status: RolloutStatus, ruling: Ruling) -> tuple[Event, ...]:
    """One event for each transition: a phase or a reason that is new, a step that was entered, a revert."""
    old = world.status
    events = []
    if (old.phase, _reason_of(old)) != (status.phase, ruling.reason):
        bad = status.phase in (Phase.ABORTING, Phase.ABORTED, Phase.STALLED)
        events.append(Event(reason=ruling.reason, note=ruling.message, warning=bad))
    elif _entered(old) != _entered(status):
        events.append(Event(reason="StepEntered", note=ruling.message))
    if status.run and old.run and status.run.reverts > old.run.reverts:
        events.append(Event(reason="Reverted", note=status.run.reason or "", warning=True))
    return tuple(events)


def _reason_of(status: RolloutStatus) -> str | None:
    return next((each.reason for each in status.conditions or () if each.type == "Ready"), None)


def _entered(status: RolloutStatus) -> tuple[int, bool] | None:
    return (status.step.index, status.step.entered_at is not None) if status.step else None


def refused(world: World, message: str) -> Decision:
    """What is said when the API server refuses the pod template: nothing starts before it changes, or a retry."""
    told = message.rstrip(".")
    sentence = f"Cannot start: the API server refuses spec.template of {world.wanted}: {told}. Mend the template."
    ruling = Ruling(
        phase=Phase.STALLED, reason="TemplateRefused", message=sentence, target=Target(hold=True), run=world.status.run
    )
    status = world.status.model_copy(
        update={
            "observed_generation": world.generation,
            "phase": ruling.phase,
            "message": ruling.message[:1024],
            "conditions": _conditions(world, ruling),
            "refused": world.wanted,
        }
    )
    return Decision(
        target=ruling.target,
        status=status,
        live=status,
        reason=ruling.reason,
        events=_events(world, status, ruling),
    )
