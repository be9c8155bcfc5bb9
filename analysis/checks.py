"""What is asked of a version: the checks a person declared and the two sides they are asked of."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Side = Literal["canary", "stable"]

_MILLISECOND_NAMES = ("_milliseconds", "_ms")


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Bad requests among all: `bad` and `total` are sums of counter selectors, `ceiling` a share in (0, 1].

    `failure_limit` samples in a row above the ceiling are a regression; `source` None is the first one configured.
    `args` are the values of `{{args.NAME}}`. Raises ValueError, naming the field, for values out of range.
    """

    name: str
    bad: str
    total: str
    ceiling: float
    failure_limit: int = 1
    source: str | None = None
    critical: bool = True
    warn_only: bool = False
    args: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _require(0 < self.ceiling <= 1, f"{self.name}: ceiling must be above 0 and at most 1, not {self.ceiling:g}")
        _require_failure_limit(self)


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Slow requests among all: at least `share` per cent must take less than `below` seconds.

    `histogram` selects a classic histogram by its base name (`request_duration_seconds{...}`), and `below` must be one
    of its bucket bounds. `unit` is how many seconds one unit of the bounds is; None goes by the name: milliseconds for
    `..._ms`, `..._milliseconds` and Envoy's `envoy_..._time`, seconds for all others.
    """

    name: str
    histogram: str
    below: float
    share: float
    failure_limit: int = 1
    source: str | None = None
    critical: bool = True
    warn_only: bool = False
    args: tuple[tuple[str, str], ...] = ()
    unit: float | None = None

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _require(0 < self.share < 100, f"{self.name}: share must be between 0 and 100 per cent, not {self.share:g}")
        _require(self.below > 0, f"{self.name}: below must be a positive duration")
        _require(self.unit is None or self.unit > 0, f"{self.name}: unit must be positive")
        _require_failure_limit(self)

    @property
    def ceiling(self) -> float:
        """The share of requests, 0 to 1, that may be slow."""
        return round(1 - self.share / 100, 12)

    def bound(self, metric: str) -> float:
        """`below` in the unit of the bucket bounds of `metric`, the histogram's base name."""
        return float(f"{self.below / (self.unit or _unit(metric)):.12g}")


@dataclass(frozen=True, kw_only=True)
class Query:
    """One number: the PromQL expression `expr` must answer a value inside [`min`, `max`]; None leaves a side open."""

    name: str
    expr: str
    min: float | None = None
    max: float | None = None
    failure_limit: int = 1
    source: str | None = None
    critical: bool = True
    warn_only: bool = False
    args: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _require(self.min is not None or self.max is not None, f"{self.name}: give min, max or both")
        _require_failure_limit(self)


Check = Ratio | Latency | Query


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One side of the comparison, as its metrics know it.

    `service` is None where the rollout has no Service. `addresses` are the IP addresses of `pods`, in the same order;
    only sources that scrape the pods themselves need them. Raises ValueError where their numbers differ.
    """

    side: Side
    revision: str
    namespace: str
    service: str | None = None
    pods: tuple[str, ...] = ()
    addresses: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Refuse addresses that cannot be those of the pods."""
        _require(len(self.addresses) in (0, len(self.pods)), "addresses: give none, or one for each pod")


@dataclass(frozen=True, kw_only=True)
class Split:
    """The canary's configured share of the traffic in per cent (0 to 100), and since when it is in force."""

    weight: float
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """What is measured for one rollout: every check, on every side given.

    The comparison begins at `since`, or where that is None with the first scrape after subscribing. Without a `split`,
    or at 0 or 100 per cent, nobody expects requests of the canary, so it is never called silent. Raises ValueError for
    subjects without a canary and for names that occur twice.
    """

    checks: tuple[Check, ...]
    subjects: tuple[Subject, ...]
    split: Split | None = None
    since: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse what has no canary, and sides or checks of one name."""
        sides, names = [each.side for each in self.subjects], [each.name for each in self.checks]
        _require("canary" in sides and len(set(sides)) == len(sides), "subjects: give a canary, and each side once")
        _require(len(set(names)) == len(names), "checks: their names must differ")

    @property
    def canary(self) -> Subject:
        """The side that is judged."""
        return next(subject for subject in self.subjects if subject.side == "canary")


def _unit(metric: str) -> float:
    envoy = metric.startswith("envoy_") and metric.endswith("_time")
    return 0.001 if envoy or metric.endswith(_MILLISECOND_NAMES) else 1.0


def _require_failure_limit(check: Check) -> None:
    _require(check.failure_limit >= 1, f"{check.name}: failureLimit must be at least 1")


def _require(condition: bool, problem: str) -> None:  # noqa: FBT001 - reads as a sentence where it is called
    if not condition:
        raise ValueError(problem)
