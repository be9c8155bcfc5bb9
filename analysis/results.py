"""What the controller reads: the state of each check, with the numbers and the sentence that explain it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal


class State(StrEnum):
    """What a check says now; exactly one."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    REGRESS = "regress"
    NOT_ENOUGH_DATA = "notEnoughData"
    NO_DATA = "noData"
    PROVIDER_DOWN = "providerDown"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The state of one check.

    `canary` and `stable` are shares of bad requests (0 to 1), or the values of a query; `requests` and `bad` are the
    canary's in what was looked at, `stable_requests` and `stable_bad` the other side's. `failing` samples in a row
    failed; `at` is the newest sample's own time, `proved_at` that of the sample that made it a regression, `since` when
    the state began. `silent` means that the canary answers nothing while it should; the state is then noData.

    Of a comparison: `ratio` of the two shares with the range it lies in (95 %, at every look), `evidence` against the
    canary (1 is none) and, where there is some, its `likelihood` in words, `suspicious` when nobody
    should give the canary more traffic, `proven` when it is not worse than allowed,
    `detectable` the smallest ratio that the rest of the step can find, `outlook` what would change the verdict. A
    regression that `holds_only` never takes a canary back. `sentence` says it all in words.
    """

    name: str
    state: State
    critical: bool
    warn_only: bool
    canary: float | None = None
    stable: float | None = None
    requests: int | None = None
    bad: int | None = None
    stable_requests: int | None = None
    stable_bad: int | None = None
    failing: int = 0
    at: datetime | None = None
    proved_at: datetime | None = None
    since: datetime
    silent: bool = False
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    evidence: float | None = None
    likelihood: str | None = None
    suspicious: bool = False
    proven: bool = False
    holds_only: bool = False
    detectable: float | None = None
    outlook: str | None = None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class ShareFinding:
    """The traffic is not split as configured, since when, and what that may mean."""

    kind: Literal["tooFew", "tooMany"]
    since: datetime
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Everything that is known of one rollout at one moment.

    `observed` is the canary's measured share in per cent, `checkpoint` what must not be forgotten of it all.
    """

    results: tuple[CheckResult, ...] = ()
    observed: float | None = None
    share: ShareFinding | None = None
    checkpoint: str | None = None
