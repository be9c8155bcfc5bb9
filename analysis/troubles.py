"""Why nothing can be judged now: a source that is down, data that is missing or old, a canary that answers nothing."""

from dataclasses import dataclass
from datetime import datetime

from analysis import sentences
from analysis.checks import Check, Query, Split
from analysis.history import History, Trouble
from analysis.results import State
from analysis.silence import STALE, Silence, silence


@dataclass(frozen=True, kw_only=True)
class Hindrance:
    """What keeps a check from being judged: the state it is in, since when, and why."""

    state: State
    since: datetime
    sentence: str
    silent: bool = False


def hindrance(
    check: Check, canary: History, stable: History | None, now: datetime, split: Split | None
) -> Hindrance | None:
    """A source that is down, else a silent canary, else data that is missing or older than three intervals."""
    if off := _down(canary, stable):
        return Hindrance(state=State.PROVIDER_DOWN, since=off.since, sentence=sentences.down(check, off.reason))
    if owed := _silent(check, canary, stable, now, split):
        sentence = sentences.silent(check, expected=owed.expected, stable=owed.stable)
        return Hindrance(state=State.NO_DATA, since=owed.since, sentence=sentence, silent=True)
    if gone := stale(check, canary, now) or _missing(canary, stable, now):
        return Hindrance(state=State.NO_DATA, since=gone.since, sentence=sentences.missing(check, gone.reason))
    return None


def stale(check: Check, canary: History, now: datetime) -> Trouble | None:
    """What makes the samples too old to say anything."""
    if isinstance(check, Query) and canary.trouble and canary.trouble.kind == "noData":
        return canary.trouble
    since = canary.at + STALE * canary.interval if canary.at else now
    if now <= since:
        return None
    reason = canary.trouble.reason if canary.trouble else sentences.stopped((STALE * canary.interval).total_seconds())
    return Trouble("noData", reason, since)


def _down(canary: History, stable: History | None) -> Trouble | None:
    """The source of either side, where it does not answer."""
    troubles = (side.trouble for side in (canary, stable) if side)
    return next((each for each in troubles if each and each.kind == "providerDown"), None)


def _silent(
    check: Check, canary: History, stable: History | None, now: datetime, split: Split | None
) -> Silence | None:
    """The canary's silence, where a check counts requests."""
    if isinstance(check, Query) or not stable or not split:
        return None
    return silence(canary, stable, now, split)


def _missing(canary: History, stable: History | None, now: datetime) -> Trouble | None:
    """Why there are no samples at all, where nobody has any, or the canary still has none after three intervals."""
    trouble = canary.trouble
    if canary.at or not trouble:
        return None
    everywhere = stable is None or (stable.at is None and stable.trouble is not None)
    grace_over = trouble.since + STALE * canary.interval
    if everywhere:
        return trouble
    return Trouble("noData", trouble.reason, grace_over) if now > grace_over else None
