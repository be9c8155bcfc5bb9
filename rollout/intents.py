"""Which intents of people make sense now, and how one is written in an annotation."""

import json
from collections.abc import Callable, Collection, Mapping

from pydantic import ValidationError

from rollout.models.rollout import COMMAND, explain, parse_time
from rollout.models.status import Command, Outcome, Phase, RolloutStatus, RunStatus, Stage, Verb

MAX_WAITING = 20  # commands that may wait in `status.commands`, as its schema says
_MAX_ID = 64
_FIRST = "the first version is still being brought up"
_NOTHING = "Nothing is being released"
_VERBS = ", ".join(Verb)


def check(command: Command, status: RolloutStatus, *, runs: Collection[int] | None = None) -> str | None:
    """Why `command` cannot be carried out on a Rollout in this state, and what would work; None when it can.

    `runs` are the numbers of the recorded runs, None when they are not known. An abort is for its run: it does not
    matter which step that has reached meanwhile.
    """
    if status.phase is Phase.TERMINATING:
        return "The Rollout is being deleted: nothing can be asked of it any more."
    return _gone(command, status) or _senseless(command, status, runs)


def is_going_on(status: RolloutStatus) -> bool:
    """Whether a run has started and not ended."""
    return _current(status) is not None


def parse_annotation(value: str) -> Command:
    """The command in an annotation: `verb`, `verb:anything-that-makes-it-new`, or a Command as JSON.

    The id of the first two is the value itself. `by` is what the writer claims. Raises ValueError with the remedy.
    """
    text = value.strip()
    if text.startswith("{"):
        return _parse_json(text)
    verb = text.partition(":")[0]
    if verb not in set(Verb):
        raise ValueError(f"{verb!r} in annotation {COMMAND} is not a command: write one of {_VERBS}")
    if len(text) > _MAX_ID:
        raise ValueError(f"annotation {COMMAND} is too long: write at most {_MAX_ID} characters, like {verb}:2")
    return Command(id=text, verb=Verb(verb))


def _parse_json(text: str) -> Command:
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise ValueError(f"annotation {COMMAND} is not JSON: {error}; a verb alone, like abort, works too") from None
    unknown = sorted(set(fields) - set(Command.model_fields))
    if unknown:
        known = ", ".join(Command.model_fields)
        raise ValueError(f"annotation {COMMAND} has no field {', '.join(unknown)}: use {known}")
    try:
        command = Command.model_validate(fields)
        if command.at is not None:
            parse_time(command.at)
    except ValidationError as error:
        raise ValueError(f"annotation {COMMAND}: {explain(error)}") from None
    except ValueError:
        raise ValueError(f"annotation {COMMAND}: at is not a time: write it like 2026-05-01T13:41:00Z") from None
    return command


def _current(status: RolloutStatus) -> RunStatus | None:
    run = status.run
    return run if run is not None and run.stage is not Stage.DONE else None


def _gone(command: Command, status: RolloutStatus) -> str | None:
    """Why the run, revision or step that the command names is not the present one."""
    run, step = status.run, status.step
    if command.run is not None and (run is None or command.run != run.number):
        now = f"the last one is run {run.number}" if run else "there has been no run yet"
        return f"It is meant for run {command.run}, but {now}: look at the Rollout and ask again."
    if command.revision is not None and (run is None or command.revision != run.revision):
        now = f"the last run released {run.revision}" if run else "there has been no run yet"
        return f"It is meant for revision {command.revision}, but {now}: look at the Rollout and ask again."
    if command.step is None or command.verb is Verb.ABORT or (step is not None and command.step == step.index):
        return None
    now = f"the run is in step {step.index + 1} ({step.name})" if step else "no step is going on"
    return f"It is meant for step {command.step + 1}, but {now}: look at the Rollout and ask again."


def _senseless(command: Command, status: RolloutStatus, runs: Collection[int] | None) -> str | None:
    match command.verb:
        case Verb.PROMOTE:
            return _promote(command, status)
        case Verb.UNDO:
            return _undo(command, status, runs)
        case Verb.ABORT if _begins(status, runs):
            return None
        case verb:
            return _CHECKS[verb](status)


def _begins(status: RolloutStatus, runs: Collection[int] | None) -> bool:
    """Whether there is a record of a run that the status does not tell of yet, as while a write before it fails."""
    return max(runs or (0,)) > (status.run.number if status.run else 0)


def _promote(command: Command, status: RolloutStatus) -> str | None:
    run = _current(status)
    if command.to not in {None, "end"}:
        return f"A promotion cannot go to {command.to!r}: write end for all steps, or leave `to` out."
    if run is None:
        return f"{_NOTHING}, so there is nothing to promote: change the pod template to start a release."
    match run.stage:
        case Stage.STEPPING | Stage.BAKING:
            return None
        case Stage.INITIAL:
            return f"There is no step to promote: {_FIRST}, and serves as soon as its pods are ready."
        case Stage.ABORTING:
            return f"Run {run.number} is being taken back: wait until that is done, then retry it."
        case _:
            return f"All traffic is on {run.revision} already: run {run.number} finishes by itself."


def _abort(status: RolloutStatus) -> str | None:
    run = _current(status)
    if run is None:
        return f"{_NOTHING}, so there is nothing to take back: undo releases an earlier version again."
    match run.stage:
        case Stage.INITIAL:
            return f"There is no version to go back to: {_FIRST}. Change the pod template, or delete the Rollout."
        case Stage.ABORTING:
            return f"Run {run.number} is being taken back already."
        case Stage.FINISHING:
            return f"{run.revision} is the stable version already: undo releases the earlier version again."
        case _:
            return None


def _pause(status: RolloutStatus) -> str | None:
    """At rest, a pause keeps the next version from being released."""
    run = _current(status)
    if status.paused_at is not None:
        return f"It is paused since {status.paused_at} already: resume goes on."
    if run is None:
        return None
    match run.stage:
        case Stage.INITIAL:
            return f"There is no step to pause in: {_FIRST}."
        case Stage.ABORTING:
            return f"Run {run.number} is being taken back, and that is not stopped half-way."
        case Stage.FINISHING:
            return f"{run.revision} is the stable version already: there is nothing left to pause."
        case _:
            return None


def _resume(status: RolloutStatus) -> str | None:
    run = _current(status)
    if status.paused_at is not None or (run is not None and run.emptied_at is not None):
        return None
    return "It is not paused, so there is nothing to resume: promote gives the approval that a step waits for."


def _retry(status: RolloutStatus) -> str | None:
    run = status.run
    if status.refused:
        return None
    if run is None:
        return "There has been no run yet, so there is nothing to retry."
    if run.stage is Stage.ABORTING:
        return f"Run {run.number} is still being taken back: retry it when that is done."
    if run.outcome is Outcome.ABORTED:
        returned = status.phase is Phase.HEALTHY
        return "The template asks for the stable version: change it to what is to be tried again." if returned else None
    if run.outcome is None:
        return f"Run {run.number} is going on: only a run that was aborted can be retried."
    return f"Run {run.number} was not aborted but {run.outcome}: restart gives its version new pods."


def _undo(command: Command, status: RolloutStatus, runs: Collection[int] | None) -> str | None:
    run = status.run
    if run is None or (run.stable is None and run.number == 1):
        return "There is no earlier version to go back to: this is the first one."
    if command.to is None:
        return _undo_last(run)
    if not command.to.isdecimal() or int(command.to) < 1:
        return f"{command.to!r} is not a run: write the number of an earlier one, from 1 to {run.number - 1}."
    if int(command.to) >= run.number:
        return f"Run {command.to} is not an earlier one: write a number from 1 to {run.number - 1}."
    if runs is not None and int(command.to) not in runs:
        known = ", ".join(str(number) for number in sorted(runs)) or "none"
        return f"There is no record of run {command.to} any more; there is one of {known}."
    return None


def _undo_last(run: RunStatus) -> str | None:
    if run.outcome is None and run.stage in {Stage.STEPPING, Stage.SWITCHING, Stage.BAKING}:
        return f"Run {run.number} is going on: abort takes it back. To release an earlier version, name its run."
    if run.stage is Stage.ABORTING or run.outcome is Outcome.ABORTED:
        return f"Run {run.number} was taken back, and {run.stable} serves: to go back further, name a run."
    return None


def _restart(status: RolloutStatus) -> str | None:
    run = _current(status)
    if run is not None:
        return f"Run {run.number} is going on, and brings new pods anyway: restart when it is over."
    if status.revisions is None or status.revisions.stable is None:
        return "There is no version that serves yet, so there is nothing to restart."
    return None


_CHECKS: Mapping[Verb, Callable[[RolloutStatus], str | None]] = {
    Verb.ABORT: _abort,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.RETRY: _retry,
    Verb.RESTART: _restart,
}
