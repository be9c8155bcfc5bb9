"""What a Rollout went through between two statuses: a release that ended, a step that was left, a breach acted on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollout.models.rollout import parse_time
from rollout.models.status import Outcome, RolloutStatus, Stage


@dataclass(frozen=True, kw_only=True)
class Passages:
    """What happened, as far as anything did; all of it once, whichever process saw it."""

    outcome: Outcome | None = None
    release: timedelta | None = None
    step: timedelta | None = None
    proved_at: datetime | None = None


def passages(before: RolloutStatus, after: RolloutStatus, now: datetime) -> Passages:
    """From the status as it was read to the one that was written.

    `release` is how long the one that ended took from the change of its template, and `step` how long the step that
    was left took, reaching it included. `proved_at` is when the sample was taken that proves the breach for which the
    traffic was taken just now; None where a person or something else was the reason.
    """
    outcome = _ended(before, after)
    ended = before.run if outcome is Outcome.SUPERSEDED and _replaced(before, after) else after.run
    started = parse_time(ended.started_at) if outcome is not None and ended is not None else now
    return Passages(
        outcome=outcome,
        release=now - started if outcome is not None else None,
        step=_left(before, after, now),
        proved_at=_proved(before, after),
    )


def _ended(before: RolloutStatus, after: RolloutStatus) -> Outcome | None:
    """The outcome of a run that was not over before; one that was replaced in the same write was superseded."""
    was, run = before.run, after.run
    if run is None or run.stage is not Stage.DONE:
        return Outcome.SUPERSEDED if _replaced(before, after) else None
    if was is not None and was.number == run.number and was.stage is Stage.DONE:
        return None
    return run.outcome


def _replaced(before: RolloutStatus, after: RolloutStatus) -> bool:
    was, run = before.run, after.run
    return was is not None and run is not None and was.stage is not Stage.DONE and run.number > was.number


def _left(before: RolloutStatus, after: RolloutStatus, now: datetime) -> timedelta | None:
    was, is_ = before.step, after.step
    same_run = before.run is not None and after.run is not None and before.run.number == after.run.number
    if was is None or not same_run or (is_ is not None and is_.index == was.index):
        return None
    return now - parse_time(was.started_at)


def _proved(before: RolloutStatus, after: RolloutStatus) -> datetime | None:
    if before.run is None or after.run is None or after.run.stage is not Stage.ABORTING:
        return None
    if before.run.stage is Stage.ABORTING or before.run.number != after.run.number:
        return None
    known = {each.proved_at for each in before.analysis or ()}
    return max(_moments(each.proved_at for each in after.analysis or () if each.proved_at not in known), default=None)


def _moments(texts: Iterable[str | None]) -> Iterable[datetime]:
    return (parse_time(text) for text in texts if text is not None)
