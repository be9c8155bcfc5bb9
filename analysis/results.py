"""What the controller reads: the state of each check, with the numbers and the sentence that explain it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
    canary's in the window looked at. `failing` samples in a row failed; `at` is the newest sample's own time,
    `proved_at` that of the sample that made it a regression, `since` when the state began. `silent` means that the
    canary answers nothing while it should; the state is then noData. `sentence` says it all in words.
    """

    name: str
    state: State
    critical: bool
    warn_only: bool
    canary: float | None = None
    stable: float | None = None
    requests: int | None = None
    bad: int | None = None
    failing: int = 0
    at: datetime | None = None
    proved_at: datetime | None = None
    since: datetime
    silent: bool = False
    sentence: str
