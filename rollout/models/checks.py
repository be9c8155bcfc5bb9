"""What a release can be judged by: checks, and what each of them measures."""

from pydantic import model_validator

from rollout.models.base import (
    Ceiling,
    Duration,
    Expression,
    Field,
    Margin,
    Model,
    Name,
    Share,
    keyed,
    rule,
    rules,
)

_ONE_COUNT = "ratio needs exactly one of bad and good: set one of them and remove the other"


class Ratio(Model):
    """The share of bad events among all events, such as the error rate."""

    model_config = rules(rule("has(self.bad) != has(self.good)", _ONE_COUNT))

    bad: Expression | None = Field(
        None,
        description='Counter selector of the bad events, such as `requests_total{service="{{service}}",code=~"5.."}`.'
        " `{{namespace}}`, `{{service}}`, `{{revision}}` and `{{pods}}` stand for those of the side that is measured.",
    )
    good: Expression | None = Field(
        None,
        description="Counter selector of the good events instead, such as orders that were paid, templated like `bad`;"
        " all others are bad.",
    )
    total: Expression = Field(description="Counter selector of all events, good and bad, templated like `bad`.")

    @model_validator(mode="after")
    def _one(self) -> "Ratio":
        if (self.bad is None) == (self.good is None):
            raise ValueError(_ONE_COUNT)
        return self


_SHARE_ALONE = "latency.share needs latency.below: set below to a bucket bound, or remove share"


class Latency(Model):
    """The share of requests that take too long."""

    model_config = rules(rule("!has(self.share) || has(self.below)", _SHARE_ALONE))

    histogram: Expression = Field(
        description="Selector of the histogram, of a classic one without its `_bucket` suffix,"
        ' such as `request_duration_seconds{service="{{service}}"}`, templated like `ratio.bad`.'
    )
    below: Duration | None = Field(
        None,
        description="A request is slow when it takes longer. Has to be one of the histogram's bucket bounds."
        " When not set, all slow requests are compared, whatever slow means.",
    )
    share: Share | None = Field(
        None,
        description="How many per cent of the requests have to be faster than `below` in any case, such as 99;"
        " 95 when not set.",
    )

    @model_validator(mode="after")
    def _bounded(self) -> "Latency":
        if self.share is not None and self.below is None:
            raise ValueError(_SHARE_ALONE)
        return self


_NO_BOUND = "query needs a bound: set min, max or both"
_SWAPPED = "query.min is above query.max: swap them"


class Query(Model):
    """A PromQL expression whose value has to stay within bounds."""

    model_config = rules(
        rule("has(self.min) || has(self.max)", _NO_BOUND),
        rule("!has(self.min) || !has(self.max) || self.min <= self.max", _SWAPPED),
    )

    expr: Expression = Field(description="PromQL that gives one number for the canary, templated like `ratio.bad`.")
    min: float | None = Field(None, description="The value fails below this.")
    max: float | None = Field(None, description="The value fails above this.")

    @model_validator(mode="after")
    def _bounded(self) -> "Query":
        if self.min is None and self.max is None:
            raise ValueError(_NO_BOUND)
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(_SWAPPED)
        return self


class Restarts(Model):
    """Container restarts of the canary's pods; needs no metrics."""

    max: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="How many restarts all pods of the canary together may show during a run. When not set, the time"
        " between restarts is compared with the stable version's.",
    )


_ONE_GAUGE = "usage needs exactly one of counter and gauge: set one of them and remove the other"
_NO_PER = "usage.counter needs usage.per: set per to the counter of requests"


class Usage(Model):
    """What one request costs, such as processor time; it can hold a release, and never takes one back."""

    model_config = rules(
        rule("has(self.counter) != has(self.gauge)", _ONE_GAUGE),
        rule("!has(self.counter) || has(self.per)", _NO_PER),
    )

    counter: Expression | None = Field(
        None,
        description="Counter selector of what is used up, such as"
        ' `container_cpu_usage_seconds_total{pod=~"{{pods}}"}`, templated like `ratio.bad`.',
    )
    gauge: Expression | None = Field(
        None,
        description="Gauge selector of what is in use, such as"
        ' `container_memory_working_set_bytes{pod=~"{{pods}}"}`, templated like `ratio.bad`.',
    )
    per: Expression | None = Field(
        None,
        description="Counter selector of the requests that the usage is divided by, templated like `ratio.bad`."
        " A gauge is measured per pod when not set.",
    )
    margin: Margin | None = Field(
        None, description="How many per cent more than the stable version the canary may use; 20 when not set."
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Usage":
        if (self.counter is None) == (self.gauge is None):
            raise ValueError(_ONE_GAUGE)
        if self.counter is not None and self.per is None:
            raise ValueError(_NO_PER)
        return self


class Argument(Model):
    """A value for a template's `{{args.NAME}}`."""

    name: Name = Field(description="Name of the argument.")
    value: str | None = Field(
        None, max_length=1024, description="Its value; in a template, the value when the Rollout gives none."
    )


_KINDS = ("ratio", "latency", "query", "restarts", "usage")
_COMPARED = ("tolerance", "not_worse_than", "weight", "spread", "exclude")
_TOLERANCE, _NOT_WORSE_THAN = 1.2, 2.0  # when not set

_ONE_KIND = (
    "one of ratio, latency, query, restarts and usage has to be set: keep one of them,"
    " and give each other one an entry of its own"
)
_CRITICAL = "critical and warnOnly exclude each other: remove one"
_COMPARE = "compare goes with ratio and latency: remove it here"
_CEILING = "ceiling goes with ratio: remove it here, and for latency set latency.share"
_NO_LIMIT = "compare: false needs a limit: set ceiling, or for latency latency.below and latency.share"
_FAILURE_LIMIT = "failureLimit goes with query or compare: false: remove it, or set compare to false"
_NO_COMPARISON = (
    "tolerance, notWorseThan, weight, spread and exclude are of a comparison: remove them,"
    " because nothing is compared with compare: false, query, usage or restarts.max"
)
_NOT_WORSE = (
    "notWorseThan (2 when not set) is below tolerance (1.2 when not set): raise notWorseThan, or lower tolerance"
)
_IS_COMPARED = (
    "(has(self.ratio) || has(self.latency)) && !(has(self.compare) && !self.compare)"
    " || has(self.restarts) && !has(self.restarts.max)"
)


class Check(Model):
    """One thing a release is judged by; exactly one of `ratio`, `latency`, `query`, `restarts` and `usage`."""

    model_config = rules(
        rule(
            "[has(self.ratio), has(self.latency), has(self.query), has(self.restarts), has(self.usage)]"
            ".filter(x, x).size() == 1",
            _ONE_KIND,
        ),
        rule("!has(self.critical) || !has(self.warnOnly) || !self.warnOnly || !self.critical", _CRITICAL),
        rule("!has(self.compare) || has(self.ratio) || has(self.latency)", _COMPARE),
        rule("!has(self.ceiling) || has(self.ratio)", _CEILING),
        rule(
            "!has(self.compare) || self.compare || (has(self.latency) ? has(self.latency.share)"
            " : has(self.ceiling) || !has(self.ratio))",
            _NO_LIMIT,
        ),
        rule(
            "!has(self.failureLimit) || has(self.query) || has(self.compare) && !self.compare",
            _FAILURE_LIMIT,
        ),
        rule(
            "!(has(self.tolerance) || has(self.notWorseThan) || has(self.weight) || has(self.spread)"
            f" || has(self.exclude)) || {_IS_COMPARED}",
            _NO_COMPARISON,
        ),
        rule(
            f"(has(self.notWorseThan) ? self.notWorseThan : {_NOT_WORSE_THAN})"
            f" >= (has(self.tolerance) ? self.tolerance : {_TOLERANCE})",
            _NOT_WORSE,
        ),
    )

    name: Name = Field(description="What the check is called in status, events and on the dashboard.")
    ratio: Ratio | None = Field(None, description="Judge a share of bad events, such as the error rate.")
    latency: Latency | None = Field(None, description="Judge the share of slow requests.")
    query: Query | None = Field(None, description="Judge the value of a PromQL expression.")
    restarts: Restarts | None = Field(None, description="Judge container restarts of the canary.")
    usage: Usage | None = Field(None, description="Judge what a request costs; holds, and never takes back.")
    compare: bool | None = Field(
        None,
        description="Whether the canary is compared with the stable version; true when not set. With `false`, for"
        " `ratio` and `latency`, samples above `ceiling` or below `latency.share` fail, whatever the stable version"
        " does.",
    )
    ceiling: Ceiling | None = Field(
        None,
        description="The share of bad events, in per cent, that is bad in any case; 5 when not set. Goes with `ratio`;"
        " for `latency` it is what `latency.share` leaves.",
    )
    tolerance: float | None = Field(
        None,
        ge=1,
        le=1000,
        description="How many times the stable version's bad share is still tolerated; 1.2 when not set.",
    )
    not_worse_than: float | None = Field(
        None,
        ge=1,
        le=1000,
        description="How many times the stable version's bad share has to be excluded before a step that waits for"
        " evidence is left; 2 when not set.",
    )
    weight: float | None = Field(
        None,
        ge=0.001,
        le=1000,
        description="This check's part of `falseAborts`, relative to the other checks'; 1 when not set.",
    )
    spread: float | None = Field(
        None,
        ge=0,
        le=10,
        description="How much the bad shares of equal pods differ, as a part of them; 0.2 when not set. Less finds"
        " smaller differences between the versions.",
    )
    exclude: Duration | None = Field(
        None,
        description="How long a new pod is left out of the comparison, counted from its first request; 30s when not"
        " set, 60s for `latency`, 0s for `restarts`.",
    )
    failure_limit: int | None = Field(
        None,
        ge=1,
        le=100,
        description="How many samples in a row have to fail before the canary is taken back; 1 when not set. Goes with"
        " `query` or `compare: false`.",
    )
    critical: bool | None = Field(
        None, description="Whether the check has to pass before a step is left; true when not set."
    )
    warn_only: bool | None = Field(None, description="Report a breach, but neither hold nor abort because of it.")
    source: Name | None = Field(
        None, description="Metric source of the controller to ask; the first configured one when not set."
    )
    args: tuple[Argument, ...] | None = Field(
        None,
        max_length=20,
        description="Values for `{{args.NAME}}` in this check; a check of a template has the template's.",
        json_schema_extra=keyed("name"),
    )

    @property
    def compared(self) -> bool:
        """Whether the canary is compared with the stable version."""
        shares = self.ratio is not None or self.latency is not None
        return self.compare is not False if shares else self.restarts is not None and self.restarts.max is None

    @property
    def provable(self) -> bool:
        """Whether it can be proved not to be worse; restarts are too rare for that."""
        return self.compared and self.restarts is None

    @model_validator(mode="after")
    def _consistent(self) -> "Check":
        if sum(getattr(self, kind) is not None for kind in _KINDS) != 1:
            raise ValueError(_ONE_KIND)
        if self.critical and self.warn_only:
            raise ValueError(_CRITICAL)
        return self

    @model_validator(mode="after")
    def _limited(self) -> "Check":
        if self.compare is not None and self.ratio is None and self.latency is None:
            raise ValueError(_COMPARE)
        if self.ceiling is not None and self.ratio is None:
            raise ValueError(_CEILING)
        if self.compare is False and self.ceiling is None and (self.latency is None or self.latency.share is None):
            raise ValueError(_NO_LIMIT)
        if self.failure_limit is not None and self.query is None and self.compare is not False:
            raise ValueError(_FAILURE_LIMIT)
        return self

    @model_validator(mode="after")
    def _comparable(self) -> "Check":
        if not self.compared and any(getattr(self, field) is not None for field in _COMPARED):
            raise ValueError(_NO_COMPARISON)
        if (self.not_worse_than or _NOT_WORSE_THAN) < (self.tolerance or _TOLERANCE):
            raise ValueError(_NOT_WORSE)
        return self
