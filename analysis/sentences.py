"""What a check's state sounds like: one plain sentence, numbers with their units, no codes."""

from collections.abc import Callable

from analysis.checks import Check, Latency, Query, Ratio
from analysis.judge import words
from analysis.judgement import limit_of


def measured(
    check: Ratio | Latency | Query, canary: float | None, stable: float | None, *, bad: int = 0, requests: int = 0
) -> str:
    """What was measured on both sides and what is allowed."""
    if isinstance(check, Query):
        return f"{check.name}: canary {_number(canary)}{_against(stable, _number)}, allowed {_range(check)}"
    subject = "canary " + percent(canary)
    if isinstance(check, Latency) and check.below is not None:
        subject = f"{percent(canary)} of the canary's requests slower than {duration(check.below)}"
    limit = f"at most {percent(check.ceiling)} allowed ({bad} of {requests} requests)"
    return f"{check.name}: {subject}{_against(stable, percent)}, {limit}"


def unfinished(check: Check, *, bad: int, requests: int, needed: int) -> str:
    """How far the requests are from deciding."""
    return f"{check.name}: {requests} of the {needed} requests needed so far, {bad} of them bad"


def suspicious(check: Check, text: str, *, failing: int) -> str:
    """`text` is what was measured: too bad, and not yet often enough."""
    return f"{text}, {failing} of {limit_of(check)} bad samples in a row"


def waiting(check: Check) -> str:
    """Nothing has been measured yet, and nothing is wrong with that."""
    return f"{check.name}: waiting for the first {'answer' if isinstance(check, Query) else 'scrape'}"


def missing(check: Check, reason: str) -> str:
    """There is no data, and why."""
    return f"{check.name}: no data: {reason}"


def silent(check: Check, *, expected: float, stable: float) -> str:
    """The canary answers nothing."""
    return (
        f"{check.name}: the canary answered none of about {expected:.0f} requests, while stable answered {stable:.0f}"
    )


def down(check: Check, reason: str) -> str:
    """Nothing can be measured."""
    return f"{check.name}: {f'source {check.source}' if check.source else 'the metric source'} is down: {reason}"


def stopped(seconds: float) -> str:
    """The reason where samples stopped coming; to a tenth of a second, since no scrape is ever quite on time."""
    return f"nothing new for more than {duration(round(seconds, 1))}"


def _against(stable: float | None, spelled: Callable[[float], str]) -> str:
    return "" if stable is None else f" against {spelled(stable)} on stable"


def percent(share: float | None) -> str:
    """A share of 0 to 1 in per cent, with two digits."""
    return "nothing" if share is None else words.percent(share)


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.4g}"


def _range(check: Query) -> str:
    if check.min is None:
        return f"at most {_number(check.max)}"
    return f"at least {_number(check.min)}" if check.max is None else f"{_number(check.min)} to {_number(check.max)}"


def duration(seconds: float) -> str:
    """`300 ms`, `2 s`."""
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"
