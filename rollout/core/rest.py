"""What happens outside a run: the first deployment, standing still, starting, being stuck, and leaving."""

from dataclasses import replace

from rollout.core import adoption, routing, say
from rollout.core.asked import Asked
from rollout.core.case import current_run, next_number, promoted, record_name, stamp
from rollout.core.target import Ruling, Target
from rollout.core.workload import renewed_at
from rollout.core.world import Revision, Run, World
from rollout.models.kinds import Manifest
from rollout.models.rollout import ABORTED, REVISION_LABEL, parse_time
from rollout.models.status import Outcome, Phase, RunStatus, Stage, Verb

_WAITING = frozenset({Verb.RETRY, Verb.RESTART, Verb.UNDO})  # have no effect while something is to be mended first


def stalled(world: World) -> Ruling:
    """Something a person has to mend; the stable version keeps serving, at the size that is asked for."""
    stable = world.stable
    sizes = {name: each.replicas for name, each in world.revisions.items()}
    return Ruling(
        phase=Phase.STALLED,
        reason="Invalid" if world.problems else "TemplateRefused",
        message=" ".join(world.problems) or world.status.message or "",
        target=Target(
            replicas=sizes | ({stable.name: world.replicas} if stable is not None else {}),
            keep_traffic=True,
            canary=_twin(world),
            finalizer=bool(world.revisions),
        ),
        run=current_run(world),
        kept=_WAITING,
    )


def _twin(world: World) -> str | None:
    """The revision that the owned Services select, which is left so."""
    found = (each.canary for each in world.services if each.canary is not None and routing.owned(world, each.canary))
    return next((pinned_to for each in found if (pinned_to := each["spec"]["selector"].get(REVISION_LABEL))), None)


def initial(world: World) -> Ruling:
    """The first version: nothing to compare it with, so it is simply brought up."""
    lost = lost_at_rest(world)
    if lost is not None:
        return lost
    assert world.wanted is not None, "a Rollout without problems has a template"
    stranger = adoption.foreigner(world) if world.references else None
    if stranger is not None:
        return _foreign(world, stranger)
    run = _first_run(world)
    revision = world.revisions.get(run.revision)
    if revision is None or not _serves(world, revision):
        return _bring_up(world, run, revision)
    alone = adoption.adopted(world, revision)
    return Ruling(
        phase=Phase.HEALTHY if alone else Phase.PROGRESSING,
        reason="Promoted" if alone else "Adopting",
        message=f"First version {say.called(world, revision.name)} serves with {say.pods(world.replicas)}.",
        target=Target(
            replicas={revision.name: world.replicas},
            promoted={revision.name: run.number},
            source=adoption.paused(world),
        ),
        run=promoted(world, run),
    )


def _bring_up(world: World, run: RunStatus, revision: Revision | None) -> Ruling:
    """Another first version that was asked for before makes room, unless pods of it serve."""
    earlier = {name: each.replicas for name, each in world.revisions.items() if each.ready}
    count = len(revision.ready) if revision else 0
    message = f"First version {say.called(world, run.revision)}: {count} of {say.pods(world.replicas)} ready."
    if run.revision != world.wanted:
        message += f" {say.called(world, world.wanted)} is released after it."
    return Ruling(
        phase=Phase.INITIALIZING,
        reason="FirstDeployment",
        message=message,
        target=Target(
            replicas=earlier | {run.revision: world.replicas},
            templates={run.revision: _first_template(world, run)},
            source=adoption.paused(world),
        ),
        run=run,
    )


def _serves(world: World, revision: Revision) -> bool:
    """Whether it has all its pods, and every Service already leads to them, among others perhaps."""
    full = len(revision.ready) >= world.replicas
    return full and all(revision.ready <= service.targets for service in world.services)


def _first_run(world: World) -> RunStatus:
    known = current_run(world)
    if known is not None and known.stage is Stage.INITIAL and _keeps_to(world, known):
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


def _keeps_to(world: World, run: RunStatus) -> bool:
    """Whether the first version stays the one that was begun.

    A template that changed meanwhile replaces one that does not serve. It is a release like any other where the
    version that was begun is there already, or serves as the referenced Deployment's.
    """
    if run.revision == world.wanted:
        return True
    revision = world.revisions.get(run.revision)
    complete = revision is not None and 0 < world.replicas <= len(revision.ready)
    return complete or (adoption.serves(world) and world.run(run.number) is not None)


def _first_template(world: World, run: RunStatus) -> Manifest:
    record = world.run(run.number)
    template = record.spec.template if record is not None and run.revision != world.wanted else world.template
    assert template is not None, "a Rollout without problems has a template"
    return template


def rest(world: World, asked: Asked) -> Ruling:
    """Nothing is released: the stable version at its size, routes and Services as declared."""
    stable = world.stable
    assert stable is not None, "without a stable version there is a first deployment, not rest"
    phase, reason, message = _adopting(world, stable) or _resting(world, asked, stable, current_run(world))
    target = replace(_at_rest(world, stable), restarted=_restart(world, stable))
    kept = frozenset({Verb.RETRY}) if phase is Phase.PAUSED else frozenset[Verb]()
    return Ruling(phase=phase, reason=reason, message=message, target=target, run=current_run(world), kept=kept)


def _at_rest(world: World, stable: Revision) -> Target:
    others = [each for each in world.revisions.values() if each.name != stable.name and (each.pods or each.replicas)]
    keep = {name: 0 for name in world.revisions if name == world.wanted and was_aborted(world)}
    pin = stable.name if others else None
    return Target(
        replicas={**{each.name: 0 for each in others}, **keep, stable.name: world.replicas},
        pin=adoption.pin_at_rest(world, stable) if world.references else pin,
        source=adoption.taken_over(world, stable),
    )


def _restart(world: World, stable: Revision) -> str | None:
    """The restart that was asked for and is not made yet, by us or by somebody else since."""
    asked, newest = world.status.restarted_at, renewed_at(stable.manifest)
    return asked if asked is not None and (newest is None or newest < parse_time(asked)) else None


def _adopting(world: World, stable: Revision) -> tuple[Phase, str, str] | None:
    """What is said while the referenced Deployment's pods may still be reached, or are back."""
    if adoption.adopted(world, stable):
        return None
    stranger = adoption.foreigner(world)
    if stranger is not None:
        return Phase.STALLED, "ForeignEndpoint", _shut_out(stranger)
    name = world.source["metadata"]["name"] if world.source else ""
    message = f"{say.called(world, stable.name)} takes over from Deployment {world.key.namespace}/{name}."
    return Phase.PROGRESSING, "Adopting", message


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
            f"{say.paused(asked, world.now)}: {say.called(world, world.wanted)} is not released; resume to start.",
        )
    if len(stable.ready) < world.replicas:
        count = f"{len(stable.ready)} of {say.pods(world.replicas)} ready"
        return Phase.PROGRESSING, "Scaling", f"{say.called(world, stable.name)} serves: {count}."
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
    said = _adopting(world, world.stable)
    if said is not None:
        phase, reason, message = said
        target = _at_rest(world, world.stable)
        run = current_run(world)
        return Ruling(phase=phase, reason=reason, message=message, target=target, run=run, kept=_WAITING)
    stranger = adoption.stranger(world, world.stable)
    return None if stranger is None else _foreign(world, stranger)


def _foreign(world: World, stranger: str) -> Ruling:
    return Ruling(
        phase=Phase.STALLED,
        reason="ForeignEndpoint",
        message=_shut_out(stranger),
        target=Target(hold=True, finalizer=bool(world.revisions)),
        run=current_run(world),
        kept=_WAITING,
    )


def _shut_out(stranger: str) -> str:
    service, pod = stranger.split("/")
    return (
        f"Cannot start: Service {service} also leads to pod {pod}, which is not of the stable version; "
        "remove that pod, or narrow the Service's selector."
    )


def lost_at_rest(world: World) -> Ruling | None:
    """Somebody deleted the stable version's Deployment while nothing was released: what is asked for now may be
    another version, which nobody has judged."""
    known = world.status.revisions.stable if world.status.revisions else None
    runs = [each for each in world.runs if each.spec.revision == known.name] if known else []
    served = [each for each in world.runs if each.status.outcome is Outcome.PROMOTED]
    record = next(reversed(runs or served), None)
    return None if record is None else _rebuild(world, record, current_run(world), Target())


def lost_stable(world: World, run: RunStatus) -> Ruling | None:
    """Somebody deleted the Deployment of the version that serves: build it again, before anything else.

    Until it is there nothing moves: no route is touched, and Services that lead to the canary stay there.
    """
    name = run.revision if run.stage is Stage.FINISHING else run.stable
    record = next((each for each in reversed(world.runs) if each.spec.revision == name), None)
    if name is None or name in world.revisions:
        return None
    if record is None:
        return _forgotten(name, run)
    stays = Target(keep_traffic=True, canary=None if run.stage is Stage.FINISHING else run.revision)
    return _rebuild(world, record, run, stays)


def _forgotten(name: str, run: RunStatus) -> Ruling:
    """Neither the Deployment nor a record of the version that serves is left: nothing can be decided."""
    return Ruling(
        phase=Phase.STALLED,
        reason="StableLost",
        message=f"The Deployment and the record of the stable version {name} were deleted, so nothing is moved: "
        "restore one of them, or delete the Rollout and create it again.",
        target=Target(hold=True),
        run=run,
    )


def _rebuild(world: World, record: Run, run: RunStatus | None, stays: Target) -> Ruling:
    name = record.spec.revision
    target = replace(
        stays,
        replicas={each.name: each.replicas for each in world.revisions.values()} | {name: _size(world, name)},
        templates={name: record.spec.template},
        promoted={name: record.spec.number},
        pin=name if world.references and stays.pin is None else stays.pin,
    )
    message = f"The Deployment of the stable version {name} was deleted: building it again from {record.name}."
    return Ruling(phase=Phase.PROGRESSING, reason="StableLost", message=message, target=target, run=run, urgent=True)


def _size(world: World, name: str) -> int:
    """Pods of a version whose Deployment is gone: what is declared, else what the status says it had."""
    if world.spec is not None and world.spec.replicas is not None:
        return world.spec.replicas
    revisions = world.status.revisions
    known = (
        next((each for each in (revisions.stable, revisions.canary) if each and each.name == name), None)
        if revisions
        else None
    )
    return known.replicas if known is not None and known.replicas else max(world.replicas, 1)
