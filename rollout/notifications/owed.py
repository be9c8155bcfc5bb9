"""Which notices follow from a status alone, so that whoever reads it after a crash owes the same ones."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from hashlib import sha256

from rollout.models.kinds import Key
from rollout.models.rollout import parse_time
from rollout.models.status import Notified, Outcome, Phase, RolloutStatus, RunStatus, Stage
from rollout.notifications.notice import Kind, Notice, moving, reason_of

PATIENCE = timedelta(hours=1)  # what is older is told to nobody any more
REMEMBERED = 60  # notices that a status keeps
HELD = frozenset(
    {
        "NotProved",
        "NoData",
        "ProviderDown",
        "CanarySilent",
        "CanaryUnready",
        "RouteUnfit",
        "ShareTooSmall",
        "ShareTooLarge",
        "Reverted",
        "StableLost",
        "CanaryLost",
        "Paused",
    }
)

Told = Mapping[str, Set[str]]  # names of targets by the id of a notice


def owed(subject: Key, uid: str, status: RolloutStatus, *, now: datetime) -> tuple[Notice, ...]:
    """The notices that hold by this status, first to last, whether or not they were told.

    What happened is owed for an hour; what needs a person is owed for as long as it does.
    """
    return tuple(
        Notice(kind=kind, id=name, at=at, subject=subject, uid=uid, status=status)
        for kind, name, at in _found(status, now)
        if status.phase is not Phase.TERMINATING
    )


def _found(status: RolloutStatus, now: datetime) -> Iterator[tuple[Kind, str, datetime]]:
    if status.run is not None:
        for kind, at in _of_run(status.run):
            if now - at <= PATIENCE:
                yield kind, f"{status.run.number}/{kind}", at
    if moving(status):
        yield from _of_step(status, now)
    if status.phase is Phase.STALLED:
        yield Kind.STALLED, f"{_standstill(status)}/{_digest(status)}", now


def _of_run(run: RunStatus) -> Iterator[tuple[Kind, datetime]]:
    if run.outcome is not Outcome.SUPERSEDED:
        yield Kind.STARTED, parse_time(run.started_at)
    ended = parse_time(run.ended_at or run.since)
    if run.stage is Stage.FINISHING or (run.stage is Stage.DONE and run.outcome is Outcome.PROMOTED):
        yield Kind.PROMOTED, ended
    if run.outcome is Outcome.ABORTED and run.stage in (Stage.ABORTING, Stage.DONE):
        yield Kind.ABORTED, ended


def _of_step(status: RolloutStatus, now: datetime) -> Iterator[tuple[Kind, str, datetime]]:
    """Once for each step and reason: what comes and goes is no news the second time."""
    assert status.run is not None, "a run goes on"
    reason, since = reason_of(status), ""
    place = f"{status.run.number}/{status.step.index if status.step else status.run.stage}"
    if reason == "WaitingForApproval":
        yield Kind.NEEDS_APPROVAL, f"{place}/{Kind.NEEDS_APPROVAL}", now
    if reason in HELD or status.phase is Phase.PAUSED:
        if status.phase is Phase.PAUSED:
            reason, since = "Paused", f"/{_digits(status.paused_at)}"
        yield Kind.HELD, f"{place}/{Kind.HELD}/{reason}{since}", now


def _standstill(status: RolloutStatus) -> str:
    """What all notices of one standstill have in common: when it began. That of an aborted Rollout begins then."""
    began = next((each.last_transition_time for each in status.conditions or () if each.type == "Stalled"), None)
    return f"{Kind.STALLED}/{_digits(began)}"


def _digest(status: RolloutStatus) -> str:
    """Tells one thing to mend from another; a number that changes in its sentence makes it no other."""
    return sha256(re.sub(r"\d+", "0", status.message or "").encode()).hexdigest()[:12]


def _digits(time: str | None) -> str:
    return re.sub(r"\D", "", time or "")


def told(status: RolloutStatus) -> dict[str, frozenset[str]]:
    """Who was told what, as this status remembers it."""
    return {each.id: frozenset(each.targets) for each in status.notified or ()}


def is_current(notice: str, status: RolloutStatus) -> bool:
    """Whether the notice with this id is about the present run, or the present standstill."""
    if status.phase is Phase.STALLED and notice.startswith(f"{_standstill(status)}/"):
        return True
    return status.run is not None and notice.startswith(f"{status.run.number}/")


def remembering(status: RolloutStatus, more: Told) -> RolloutStatus:
    """The status that also remembers who was told `more`, and forgets what is over."""
    known = told(status)
    merged = {each: known.get(each, frozenset()) | more.get(each, frozenset()) for each in (*known, *more)}
    kept = [
        Notified(id=each, targets=tuple(sorted(names))) for each, names in merged.items() if is_current(each, status)
    ]
    notified = _bounded(kept) or None
    return status if notified == status.notified else status.model_copy(update={"notified": notified})


def _bounded(kept: Sequence[Notified]) -> tuple[Notified, ...]:
    """As many as a status keeps; the oldest pauses and holds go first, since there may be any number of them."""
    surplus = max(len(kept) - REMEMBERED, 0)
    going = [each.id for each in kept if f"/{Kind.HELD}/" in each.id][:surplus]
    return tuple(each for each in kept if each.id not in going)[-REMEMBERED:]
