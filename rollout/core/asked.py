"""What people asked for: the waiting commands, carried out once or refused with a reason."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from rollout.core.target import Event
from rollout.core.world import World
from rollout.intents import check, parse_annotation
from rollout.models.rollout import COMMAND, format_time
from rollout.models.status import Command, Override, Refusal, Stage, Verb

_REMEMBERED = 50  # handled ids that the status keeps
_REFUSALS = 10  # refused ones among them
_BY_ANYBODY = (Verb.ABORT, Verb.PAUSE)  # an annotation's author is not verified


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The effects of all waiting commands, and what the status remembers of them."""

    paused_at: str | None
    override: Override | None
    handled: tuple[str, ...]
    abort: str | None = None
    promote: bool = False
    promote_to_end: bool = False
    resume: bool = False
    retry: bool = False
    restart: str | None = None
    accepted: tuple[Command, ...] = ()  # taken now
    events: tuple[Event, ...] = ()  # refusals
    refusals: tuple[Refusal, ...] = ()  # those of handled commands, as far as they are remembered


def take(world: World) -> Asked:
    """Carry out every command that is new and makes sense, abort first; refuse the others with a reason."""
    status = world.status
    asked = Asked(
        paused_at=status.paused_at,
        override=status.override,
        handled=_remembered(world),
        refusals=status.refusals or (),
    )
    commands = [*(status.commands or ()), *_annotated(world)]
    for command in sorted(commands, key=lambda command: command.verb is not Verb.ABORT):
        if command.id not in asked.handled:
            asked = _handle(world, asked, command)
    trouble = None if _annotated(world) else unreadable(world)
    if trouble is not None:
        refusal = Event(reason="CommandRefused", note=trouble, warning=True)
        asked = replace(asked, events=(*asked.events, refusal))
    handled = asked.handled[-_REMEMBERED:]
    refusals = tuple(each for each in asked.refusals if each.id in handled)
    return replace(asked, handled=handled, refusals=refusals[-_REFUSALS:])


def _remembered(world: World) -> tuple[str, ...]:
    """The handled ids; that of an annotation only while it is there, so that its words can be used again."""
    present = {command.id for command in _annotated(world)}
    return tuple(
        each for each in world.status.handled or () if each in present or each.partition(":")[0] not in set(Verb)
    )


def _annotated(world: World) -> tuple[Command, ...]:
    value = (world.manifest["metadata"].get("annotations") or {}).get(COMMAND)
    if not value:
        return ()
    try:
        return (parse_annotation(value),)
    except ValueError:
        return ()  # `take` tells of it


def unreadable(world: World) -> str | None:
    """What is wrong with the command annotation, when it cannot be read or may not be used."""
    value = (world.manifest["metadata"].get("annotations") or {}).get(COMMAND)
    if not value:
        return None
    try:
        command = parse_annotation(value)
    except ValueError as error:
        return str(error)
    if command.verb in _BY_ANYBODY or world.settings.annotation_commands:
        return None
    return (
        f"{command.verb} by annotation is not accepted, since nobody can tell who wrote it: "
        "use the API, or start the controller with --annotation-commands=all"
    )


def _handle(world: World, asked: Asked, command: Command) -> Asked:
    asked = replace(asked, handled=(*asked.handled, command.id))
    annotated = command in _annotated(world)
    runs = [run.spec.number for run in world.runs]
    refusal = (unreadable(world) if annotated else None) or check(command, world.status, runs=runs)
    who = f" by {command.by}" if command.by else ""
    if refusal:
        note = f"{command.verb}{who} was refused: {refusal}"
        event = Event(reason="CommandRefused", note=note, warning=True)
        told = Refusal(id=command.id, reason=refusal[:1024])
        others = (each for each in asked.refusals if each.id != command.id)  # an annotation's words can come again
        return replace(asked, events=(*asked.events, event), refusals=(*others, told))
    return replace(_effect(world, asked, command), accepted=(*asked.accepted, command))


def carried(asked: Asked, kept: frozenset[Verb]) -> Asked:
    """What was taken once those that had no effect yet are left waiting: they are neither handled nor told of."""
    waiting = {command.id for command in asked.accepted if command.verb in kept}
    events = tuple(_taken(command) for command in asked.accepted if command.id not in waiting)
    handled = tuple(each for each in asked.handled if each not in waiting)
    restart = None if Verb.RESTART in kept else asked.restart
    return replace(asked, handled=handled, events=(*asked.events, *events), restart=restart)


def waiting(world: World, handled: tuple[str, ...]) -> tuple[Command, ...]:
    """The commands of the status that are not handled yet."""
    return tuple(command for command in world.status.commands or () if command.id not in handled)


def annotation_waits(value: str, handled: tuple[str, ...]) -> bool:
    """Whether the annotation's command can be read and is not handled yet."""
    try:
        return parse_annotation(value).id not in handled
    except ValueError:
        return False


def _taken(command: Command) -> Event:
    who = f" by {command.by}" if command.by else ""
    why = f": {command.reason}" if command.reason else ""
    return Event(reason=f"{command.verb.capitalize()}Asked", note=f"{command.verb} asked for{who}{why}")


def _effect(world: World, asked: Asked, command: Command) -> Asked:
    why = f": {command.reason}" if command.reason else ""
    effects: dict[Verb, Callable[[], Asked]] = {
        Verb.ABORT: lambda: replace(asked, abort=f"{command.by or 'a person'} asked for it{why}"),
        Verb.PROMOTE: lambda: replace(asked, promote=True, promote_to_end=command.to == "end", paused_at=None),
        Verb.PAUSE: lambda: replace(asked, paused_at=asked.paused_at or format_time(world.now)),
        Verb.RESUME: lambda: replace(asked, paused_at=None, resume=True),
        Verb.RETRY: lambda: replace(asked, retry=True),
        Verb.UNDO: lambda: replace(asked, override=_override(world, command)),
        Verb.RESTART: lambda: replace(asked, restart=format_time(world.now)),
    }
    return effects[command.verb]()


def _override(world: World, command: Command) -> Override | None:
    """The version before the stable one, or that of the named run; nothing where its record is gone."""
    stable = world.stable.name if world.stable else None
    told = int(command.to) if command.to and command.to.isdigit() else None
    for run in reversed(world.runs):
        chosen = (
            run.spec.number == told if told is not None else run.spec.revision != stable and _served(run.status.outcome)
        )
        if chosen and world.wanted is not None:
            return Override(run=run.spec.number, revision=run.spec.revision, template=template_revision(world) or "")
    return world.status.override


def _served(outcome: object) -> bool:
    return outcome == "promoted"


def template_revision(world: World) -> str | None:
    """The revision the declared template stands for, whatever `undo` asked for."""
    override = world.status.override
    return override.template if override is not None and world.wanted == override.revision else world.wanted


def in_progress(stage: Stage) -> bool:
    """Whether a run in this stage can still be taken back."""
    return stage in (Stage.STEPPING, Stage.SWITCHING, Stage.BAKING)
