"""What happens outside a run: the first deployment, standing still, starting, being stuck, and leaving."""

from datetime import timedelta

from rollout.core import routing, say
from rollout.core.asked import Asked, paused_note
from rollout.core.case import current_run, next_number, record_name, stamp
from rollout.core.target import Ruling, Source, Target
from rollout.core.workload import bare
from rollout.core.world import Revision, World
from rollout.models.rollout import ABORTED
from rollout.models.status import Outcome, Phase, RunStatus, Stage


def stalled(world: World) -> Ruling:
    """Something a person has to mend; what serves keeps serving."""
    return Ruling(
        phase=Phase.STALLED,
        reason="Invalid" if world.problems else "TemplateRefused",
        message=" ".join(world.problems) or world.status.message or "",
        target=Target(hold=True, finalizer=bool(world.revisions)),
        run=current_run(world),
    )


def initial(world: World) -> Ruling:
    """The first version: nothing to compare it with, so it is simply brought up."""
    assert world.wanted is not None, "a Rollout without problems has a template"
    assert world.template is not None, "a Rollout without problems has a template"
    run = _first_run(world)
    revision = world.revisions.get(world.wanted)
    replicas = {name: each.replicas for name, each in world.revisions.items()} | {world.wanted: world.replicas}
    ready = revision is not None and len(revision.ready) >= world.replicas and _served(world, revision)
    target = Target(
        replicas=replicas,
        templates={world.wanted: world.template},
        source=_source(world, replicas=None),
    )
    if not ready:
        count = len(revision.ready) if revision else 0
        message = f"First version {say.called(world, world.wanted)}: {count} of {say.pods(world.replicas)} ready."
        return Ruling(phase=Phase.INITIALIZING, reason="FirstDeployment", message=message, target=target, run=run)
    done = run.model_copy(
        update={"stage": Stage.DONE, "outcome": Outcome.PROMOTED, "since": stamp(world), "ended_at": stamp(world)}
    )
    return Ruling(
        phase=Phase.HEALTHY,
        reason="Promoted",
        message=f"First version {say.called(world, world.wanted)} serves with {say.pods(world.replicas)}.",
        target=Target(
            replicas={world.wanted: world.replicas},
            promoted={world.wanted: run.number},
            source=_source(world, replicas=None),
        ),
        run=done,
    )


def _served(world: World, revision: Revision) -> bool:
    """Whether every Service already leads to this revision's pods, among others perhaps."""
    return all(revision.ready <= service.targets for service in world.services)


def _first_run(world: World) -> RunStatus:
    known = world.status.run
    if known is not None and known.stage is Stage.INITIAL and known.revision == world.wanted:
        return known
    number = next_number(world)
    return RunStatus(
        number=number,
        name=record_name(world, number),
        revision=world.wanted or "",
        stage=Stage.INITIAL,
        started_at=stamp(world),
        since=stamp(world),
    )


def _source(world: World, replicas: int | None) -> Source | None:
    """The referenced Deployment, paused so that it never rolls out by itself; `replicas` None leaves its size."""
    if world.source is None or not world.references:
        return None
    present = int(world.source["spec"].get("replicas", 1))
    return Source(paused=True, replicas=present if replicas is None else replicas)


def rest(world: World, asked: Asked) -> Ruling:
    """Nothing is released: the stable version at its size, routes and Services as declared."""
    stable = world.stable
    assert stable is not None, "without a stable version there is a first deployment, not rest"
    last = current_run(world)
    others = [each for each in world.revisions.values() if each.name != stable.name and (each.pods or each.replicas)]
    keep = {name: 0 for name in world.revisions if name == world.wanted and was_aborted(world)}
    target = Target(
        replicas={**{each.name: 0 for each in others}, **keep, stable.name: world.replicas},
        pin=_rest_pin(world, stable, alone=not others),
        source=_source(world, replicas=0),
        restarted=asked.restart,
    )
    phase, reason, message = _resting(world, asked, stable, last)
    return Ruling(phase=phase, reason=reason, message=message, target=target, run=last)


def _rest_pin(world: World, stable: Revision, *, alone: bool) -> str | None:
    """As declared, where only the stable version can be reached; a referenced Deployment's Services stay pinned.

    A pin is refused while it would shut out ready pods that are not the stable version's, such as those of the
    referenced Deployment before they are gone.
    """
    if not world.references:
        return None if alone else stable.name
    return None if routing.strangers(world, stable) and alone else stable.name


def _resting(world: World, asked: Asked, stable: Revision, last: RunStatus | None) -> tuple[Phase, str, str]:
    if was_aborted(world) and last is not None:
        return (
            Phase.ABORTED,
            "Aborted",
            _kept(world, "Aborted")
            or f"{say.called(world, world.wanted)} was taken back: {last.reason}. Retry, or change the template.",
        )
    if asked.paused_at and world.wanted != stable.name:
        return (
            Phase.PAUSED,
            "Paused",
            f"{paused_note(asked)}: {say.called(world, world.wanted)} is not released; resume to start.",
        )
    if len(stable.ready) < world.replicas:
        count = f"{len(stable.ready)} of {say.pods(world.replicas)} ready"
        return Phase.HEALTHY, "Scaling", f"{say.called(world, stable.name)} serves: {count}."
    return (
        Phase.HEALTHY,
        "Promoted",
        _kept(world, "Promoted") or f"{say.called(world, stable.name)} serves with {say.pods(world.replicas)}.",
    )


def _kept(world: World, reason: str) -> str | None:
    """The sentence the last run ended with, while it still holds."""
    ready = next((each for each in world.status.conditions or () if each.type == "Ready"), None)
    return world.status.message if ready is not None and ready.reason == reason else None


def was_aborted(world: World) -> bool:
    """Whether the revision that is asked for was taken back, and nobody asked for it again since."""
    wanted = world.revisions.get(world.wanted or "")
    if wanted is not None and wanted.mark(ABORTED) is not None:
        return True
    last = current_run(world)
    return last is not None and last.revision == world.wanted and last.outcome is Outcome.ABORTED


def wants_release(world: World, asked: Asked) -> bool:
    """Whether a run starts now."""
    if world.stable is None or world.wanted in (None, world.stable.name) or asked.paused_at:
        return False
    return asked.retry or not was_aborted(world)


def start(world: World) -> RunStatus:
    """The run that starts now."""
    assert world.stable is not None, "a release has two versions"
    assert world.wanted is not None, "a release has two versions"
    number = next_number(world)
    return RunStatus(
        number=number,
        name=record_name(world, number),
        revision=world.wanted,
        stable=world.stable.name,
        stage=Stage.STEPPING,
        started_at=stamp(world),
        since=stamp(world),
    )


def blocked(world: World) -> Ruling | None:
    """Why a run cannot start yet although nothing is wrong with what is declared."""
    assert world.stable is not None, "a release has two versions"
    stranger = routing.strangers(world, world.stable)
    if stranger is None:
        return None
    service, pod = stranger.split("/")
    message = (
        f"Cannot start: Service {service} also leads to pod {pod}, which is not of the stable version; "
        "remove that pod, or narrow the Service's selector."
    )
    return Ruling(
        phase=Phase.STALLED, reason="ForeignEndpoint", message=message, target=Target(hold=True), run=current_run(world)
    )


def terminating(world: World) -> Ruling:
    """The Rollout was deleted: give routes and Services back, then let go."""
    stable = world.stable
    others = [each for each in world.revisions.values() if stable is None or each.name != stable.name]
    shifted = any(routing.route_weight(world, route) is not None for route in world.routes)
    gone = not any(each.pods for each in others)
    back = world.references and stable is not None and world.source is not None
    returned = _source_serves(world) if back else True
    target = Target(
        replicas=_last_replicas(world, stable, others, returned=bool(back and returned), gone=gone),
        pin=stable.name if stable is not None and not (gone and returned) else None,
        weight=None,
        canary=others[0].name if others and not gone else None,
        source=_given_back(world, stable) if back and stable is not None else None,
        finalizer=not (gone and not shifted and returned and _stable_gone(stable, returns=bool(back))),
    )
    return Ruling(
        phase=Phase.TERMINATING,
        reason="Deleted",
        message=_leaving(shifted=shifted, gone=gone, returned=returned),
        target=target,
        run=current_run(world),
        urgent=shifted,
        after=timedelta(seconds=1),
    )


def _last_replicas(
    world: World, stable: Revision | None, others: list[Revision], *, returned: bool, gone: bool
) -> dict[str, int]:
    """Others go at once; the stable version goes with an inline template, or when the source serves again."""
    replicas = {each.name: 0 for each in others if each.pods}
    if stable is None:
        return replicas
    if world.references and world.source is not None:
        return replicas | (
            {stable.name: 0} if returned and stable.pods else {} if returned else {stable.name: stable.replicas}
        )
    return replicas if gone else replicas | {stable.name: stable.replicas}


def _stable_gone(stable: Revision | None, *, returns: bool) -> bool:
    """Whether nothing of ours is left that would have to be removed in order."""
    return stable is None or not returns or not stable.pods


def _given_back(world: World, stable: Revision) -> Source:
    template = bare(stable.manifest["spec"]["template"])
    return Source(paused=False, replicas=max(stable.replicas, world.replicas), template=template)


def _source_serves(world: World) -> bool:
    """Whether the referenced Deployment runs the stable template at full size, and the Services lead there."""
    assert world.source is not None, "there is a Deployment to give back to"
    assert world.stable is not None, "there is a version to give back"
    spec, status = world.source["spec"], world.source.get("status") or {}
    if spec.get("paused") or bare(spec["template"]) != bare(world.stable.manifest["spec"]["template"]):
        return False
    seen = status.get("observedGeneration", 0) >= world.source["metadata"].get("generation", 1)
    wanted = spec.get("replicas", 1)
    return bool(
        seen and wanted > 0 and status.get("updatedReplicas", 0) >= wanted and status.get("readyReplicas", 0) >= wanted
    )


def _leaving(*, shifted: bool, gone: bool, returned: bool) -> str:
    if shifted:
        return "Deleted: giving the routes back."
    if not gone:
        return "Deleted: routes are given back; the canary goes next."
    if not returned:
        return "Deleted: the referenced Deployment takes over again; waiting for its pods."
    return "Deleted: everything is given back."


def lost_stable(world: World, run: RunStatus) -> Ruling | None:
    """Somebody deleted the stable version's Deployment: build it again from its record, before anything else."""
    if run.stage is Stage.FINISHING or run.stable is None or run.stable in world.revisions:
        return None
    record = next((each for each in reversed(world.runs) if each.spec.revision == run.stable), None)
    if record is None:
        return None
    target = Target(
        replicas={name: each.replicas for name, each in world.revisions.items()} | {run.stable: world.replicas},
        templates={run.stable: record.spec.template},
        promoted={run.stable: record.spec.number},
        pin=run.stable,
        weight=routing.routed(world) if world.routes else None,
        canary=run.revision,
    )
    message = f"The Deployment of the stable version {run.stable} was deleted: building it again from {record.name}."
    return Ruling(phase=Phase.PROGRESSING, reason="StableLost", message=message, target=target, run=run, urgent=True)
