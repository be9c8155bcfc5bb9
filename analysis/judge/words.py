"""What the evidence sounds like: one plain sentence, in ordinary words, with the numbers behind it."""

import math
from typing import Final, Protocol

from analysis.judge.evidence import reaches
from analysis.judge.key import ENOUGH
from analysis.judge.rule import Rule

_NEVER: Final = 1e9
_NOTHING: Final = 2


class Comparison(Protocol):
    """What is known of both sides: an Evidence or a Tail."""

    @property
    def rule(self) -> Rule:
        """Its settings."""

    @property
    def canary_requests(self) -> float:
        """The canary's requests."""

    @property
    def canary_bad(self) -> float:
        """The canary's bad requests."""

    @property
    def stable_requests(self) -> float:
        """The stable's requests."""

    @property
    def stable_bad(self) -> float:
        """The stable's bad requests."""

    @property
    def e_value(self) -> float:
        """The evidence against the canary."""

    @property
    def key(self) -> float:
        """Whether it is more than pods differ."""

    @property
    def advances(self) -> bool:
        """Whether it is proved to be not worse than allowed."""

    def ratio(self) -> float | None:
        """How many times the stable's rate."""

    def interval(self) -> tuple[float, float]:
        """Between which values."""


def compared(evidence: Comparison, *, bad: str = "bad") -> str:
    """Both sides, how many times the stable's rate the canary's is, and how likely that is by chance.

    `bad` is what is said of the requests that count: bad, or slow.
    """
    if not evidence.canary_requests and not evidence.stable_requests:
        return "no requests to compare so far"
    canary = f"canary {_side(evidence.canary_bad, evidence.canary_requests, f' requests {bad}')}"
    stable = f"stable {_side(evidence.stable_bad, evidence.stable_requests, '')}"
    return f"{canary}, {stable}: {_times(evidence.ratio(), evidence.interval())}{_meaning(evidence)}"


def chance(evidence: float) -> str:
    """How likely as much is by chance, or that nothing speaks against the canary."""
    return "no sign of harm" if evidence < _NOTHING else f"by chance {likelihood(evidence)}"


def likelihood(e: float) -> str:
    """How likely it is at most that chance ever brings so much, as in "1 in 3,400"."""
    if e >= _NEVER:
        return f"less than 1 in {_NEVER:,.0f}"
    return f"1 in {figure(max(1.0, e))}"


def figure(number: float) -> str:
    """A number to two digits, its thousands separated."""
    rounded = float(f"{number:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def percent(part: float) -> str:
    """A share in per cent, to two digits."""
    return "under 0.001 %" if 0 < part < 1e-5 else f"{figure(100 * part)} %"


def _side(bad: float, requests: float, noun: str) -> str:
    if not requests:
        return "without requests"
    return f"{bad:,.0f} of {requests:,.0f}{noun} ({percent(bad / requests)})"


def _times(ratio: float | None, interval: tuple[float, float]) -> str:
    if ratio is None:
        return ""
    said = figure(ratio)
    return f"{'about' if said == '1' else f'{said} times'} the stable's rate{_between(interval)}; "


def _between(interval: tuple[float, float]) -> str:
    low, high = interval
    if math.isinf(high):
        return f", at least {figure(low)} times" if low else ""
    return f", between {figure(low)} and {figure(high)} times" if low else f", at most {figure(high)} times"


def _meaning(evidence: Comparison) -> str:
    said = chance(evidence.e_value)
    if reaches(evidence.e_value, 1 / evidence.rule.alpha) and evidence.key < ENOUGH:
        return f"{said}, but equal pods may differ as much"
    if evidence.advances and evidence.e_value < _NOTHING:
        return f"{said}, and less than {figure(evidence.rule.not_worse_than)} times is proved"
    return said
