"""What is asked of a version: the checks a person declared and the two sides they are asked of."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

Side = Literal["canary", "stable"]

FALSE_ABORTS: Final = 0.01
FALSE_ADVANCES: Final = 0.05
"""The chances of a wrong verdict where none are declared."""

CEILING: Final = 0.05
"""The share of bad events that is bad in any case, where none is declared."""

_MILLISECOND_NAMES = ("_milliseconds", "_ms")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Judge the canary against the stable version.

    `tolerance` is the ratio of the two bad shares that is still tolerated, `not_worse_than` the one that has to be
    excluded before a step is left early; `ceiling` the share, in (0, 1], that is bad whatever the stable version does,
    5 % where None is declared.
    `weight` is this check's part of the chance of a false abort, relative to the other checks'; `spread` how much
    equal pods differ. A new pod's first `exclude` seconds are left out; None is for the kind of check to choose.
    Raises ValueError, naming the field, for values out of range.
    """

    tolerance: float = 1.2
    not_worse_than: float = 2.0
    ceiling: float | None = None
    weight: float = 1.0
    spread: float = 0.2
    exclude: float | None = None

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _require(1 <= self.tolerance < math.inf, f"tolerance must be at least 1, not {self.tolerance:g}")
        _require(
            self.tolerance <= self.not_worse_than < math.inf,
            f"notWorseThan must be at least tolerance ({self.tolerance:g}), not {self.not_worse_than:g}",
        )
        _require_ceiling(CEILING if self.ceiling is None else self.ceiling)
        _require(0 < self.weight < math.inf, f"weight must be above 0, not {self.weight:g}")
        _require(0 <= self.spread <= 10, f"spread must be from 0 to 10, not {self.spread:g}")
        _require(self.exclude is None or 0 <= self.exclude < math.inf, "exclude must be a duration")


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Judge the canary by a limit alone: samples above `ceiling`, a share in (0, 1], fail.

    As many failing samples in a row as `failure_limit` are a regression. Raises ValueError for values out of range.
    """

    ceiling: float
    failure_limit: int = 1

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _require_ceiling(self.ceiling)
        _require_failure_limit(self.failure_limit)


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Bad events among all: `total` and either `bad` or `good` are sums of counter selectors.

    `good` is for events of which more is better: the others are bad. `source` None is the first one configured.
    `args` are the values of `{{args.NAME}}`. Raises ValueError where not exactly one of `bad` and `good` is given.
    """

    name: str
    total: str
    bad: str | None = None
    good: str | None = None
    rule: Comparison | Threshold = field(default_factory=Comparison)
    source: str | None = None
    critical: bool = True
    warn_only: bool = False
    args: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a part that is missing, or given twice."""
        _require((self.bad is None) != (self.good is None), f"{self.name}: give bad or good, exactly one of them")

    @property
    def ceiling(self) -> float:
        """The share of events, 0 to 1, that may be bad."""
        return CEILING if self.rule.ceiling is None else self.rule.ceiling


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Slow requests among all: those that take longer than `below` seconds.

    `histogram` selects a histogram by its base name (`request_duration_seconds{...}`), and `below` must be one of its
    bucket bounds. Without `below` the canary's whole tail is compared with the stable version's, by a Comparison only.
    `unit` is how many seconds one unit of the bounds is; None goes by the name: milliseconds for `..._ms`,
    `..._milliseconds` and Envoy's `envoy_..._time`, seconds for all others. Raises ValueError for values out of range.
    """

    name: str
    histogram: str
    below: float | None = None
    rule: Comparison | Threshold = field(default_factory=Comparison)
    source: str | None = None
    critical: bool = True
    warn_only: bool = False
    args: tuple[tuple[str, str], ...] = ()
    unit: float | None = None

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _require(self.below is None or self.below > 0, f"{self.name}: below must be a positive duration")
        compared = isinstance(self.rule, Comparison)
        _require(self.below is not None or compared, f"{self.name}: give below, or compare with the stable version")
        _require(self.unit is None or self.unit > 0, f"{self.name}: unit must be positive")

    @property
    def ceiling(self) -> float:
        """The share of requests, 0 to 1, that may be slow."""
        return CEILING if self.rule.ceiling is None else self.rule.ceiling

    def bound(self, metric: str) -> float:
        """`below` in the unit of the bucket bounds of `metric`, the histogram's base name."""
        assert self.below is not None, "asked where there is a bound"
        return float(f"{self.below / (self.unit or _unit(metric)):.12g}")


@dataclass(frozen=True, kw_only=True)
class Query:
    """One number: the PromQL expression `expr` must answer a value inside [`min`, `max`]; None leaves a side open.

    As many answers outside in a row as `failure_limit` are a regression. Raises ValueError for values out of range.
    """

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
        _require_failure_limit(self.failure_limit, f"{self.name}: ")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one request costs, or one pod: the canary may use up to `margin` (0.2 is 20 %) more than the stable version.

    Either `counter` (a sum of counter selectors, such as processor seconds) or `gauge` (such as bytes of memory);
    `per` selects the counters of requests, and only a gauge does without: it is then measured per pod. Averages over
    `batch` seconds are compared. Such a check holds a release or warns, and never takes one back.
    """

    name: str
    counter: str | None = None
    gauge: str | None = None
    per: str | None = None
    margin: float = 0.2
    batch: float = 60.0
    source: str | None = None
    critical: bool = True
    warn_only: bool = False
    args: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _require((self.counter is None) != (self.gauge is None), f"{self.name}: give counter or gauge, one of them")
        _require(self.gauge is not None or self.per is not None, f"{self.name}: counter needs per")
        _require(0 < self.margin < math.inf, f"{self.name}: margin must be above 0")
        _require(self.batch > 0, f"{self.name}: batch must be a positive duration")


@dataclass(frozen=True, kw_only=True)
class Restarts:
    """Container restarts per second of a pod's life, on both sides; the cluster tells them, no source is asked."""

    name: str
    rule: Comparison = field(default_factory=Comparison)
    critical: bool = True
    warn_only: bool = False

    @property
    def source(self) -> None:
        """None: nothing is asked."""
        return None


Asked = Ratio | Latency | Query | Usage
"""What a metric source is asked."""

Check = Asked | Restarts


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One side of the comparison, as its metrics know it.

    `service` is None where the rollout has no Service; with `beside` it is one of its own, beside that of the other
    side. `addresses` are the IP addresses of `pods`, and `restarts` how
    often their containers were restarted, in the same order; only those need them who scrape the pods themselves, or
    compare restarts. Raises ValueError where their numbers differ.
    """

    side: Side
    revision: str
    namespace: str
    service: str | None = None
    beside: bool = False
    pods: tuple[str, ...] = ()
    addresses: tuple[str, ...] = field(default=(), repr=False)
    restarts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse addresses that cannot be those of the pods."""
        _require(len(self.addresses) in (0, len(self.pods)), "addresses: give none, or one for each pod")
        _require(len(self.restarts) in (0, len(self.pods)), "restarts: give none, or a number for each pod")


@dataclass(frozen=True, kw_only=True)
class Split:
    """The canary's configured share of the traffic in per cent (0 to 100), and since when it is in force.

    With `matched` it gets requests by what they say, too, so that its share has no upper bound.
    `routed` is whether routers split by it; without any, numbers of pods decide, and only roughly. `until` is when the
    step ends at the earliest, where that is known.
    """

    weight: float
    since: datetime
    routed: bool = True
    matched: bool = False
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """What is measured for one rollout: every check, on every side given.

    The comparison begins at `since`, or where that is None with the first scrape after subscribing. Without a `split`,
    or at 0 or 100 per cent, nobody expects requests of the canary, so it is never called silent. `false_aborts` is the
    chance that all checks together take an equal version back, `false_advances` the chance of each to let a step be
    left early wrongly. Evidence is kept as long as `run` and the canary's revision are the same, also where a new
    `since` makes the counting start anew. Nothing is compared before the traffic is `divided` at random between the
    sides: until then only an outage of the canary is looked for. `checkpoint` is what an earlier process remembered.
    Raises ValueError for subjects without a canary, for names that occur twice and for chances that are none.
    """

    checks: tuple[Check, ...]
    subjects: tuple[Subject, ...]
    split: Split | None = None
    since: datetime | None = None
    false_aborts: float = FALSE_ABORTS
    false_advances: float = FALSE_ADVANCES
    run: int = 0
    divided: bool = True
    checkpoint: str | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what has no canary, and sides or checks of one name."""
        sides, names = [each.side for each in self.subjects], [each.name for each in self.checks]
        _require("canary" in sides and len(set(sides)) == len(sides), "subjects: give a canary, and each side once")
        _require(len(set(names)) == len(names), "checks: their names must differ")
        for name, chance in (("falseAborts", self.false_aborts), ("falseAdvances", self.false_advances)):
            _require(0 < chance < 1, f"{name} must be between 0 and 100 per cent")

    @property
    def canary(self) -> Subject:
        """The side that is judged."""
        return next(subject for subject in self.subjects if subject.side == "canary")


def _unit(metric: str) -> float:
    envoy = metric.startswith("envoy_") and metric.endswith("_time")
    return 0.001 if envoy or metric.endswith(_MILLISECOND_NAMES) else 1.0


def _require_ceiling(ceiling: float) -> None:
    _require(0 < ceiling <= 1, f"ceiling must be above 0 and at most 1, not {ceiling:g}")


def _require_failure_limit(limit: int, of: str = "") -> None:
    _require(limit >= 1, f"{of}failureLimit must be at least 1")


def _require(condition: bool, problem: str) -> None:  # noqa: FBT001 - reads as a sentence where it is called
    if not condition:
        raise ValueError(problem)
