"""How a release is judged: checks, the policies for what they report, and templates of checks."""

from enum import StrEnum

from pydantic import model_validator

from rollout.models.base import (
    Ceiling,
    Duration,
    Expression,
    Field,
    Model,
    Name,
    ObjectName,
    Share,
    atomic,
    keyed,
    rule,
    rules,
)


class Then(StrEnum):
    """What to do when a policy's time is over."""

    HOLD = "hold"
    ADVANCE = "advance"
    ABORT = "abort"


class Policy(Model):
    """What to do when a check cannot say yes or no."""

    after: Duration = Field(description="How long the state may last before `then` is done.")
    then: Then = Field(
        description="`hold` keeps the step as it is, `advance` lets the step pass without this check,"
        " `abort` takes the canary back."
    )


class Ratio(Model):
    """The share of bad events among all events, such as the error rate."""

    bad: Expression = Field(
        description='Counter selector of the bad events, such as `requests_total{service="{{service}}",code=~"5.."}`.'
        " `{{namespace}}`, `{{service}}`, `{{revision}}` and `{{pods}}` stand for those of the side that is measured."
    )
    total: Expression = Field(description="Counter selector of all events, good and bad, templated like `bad`.")


class Latency(Model):
    """The share of requests that take too long."""

    histogram: Expression = Field(
        description="Selector of the classic histogram without its `_bucket` suffix,"
        ' such as `request_duration_seconds{service="{{service}}"}`, templated like `ratio.bad`.'
    )
    below: Duration = Field(
        description="A request is slow when it takes longer. Has to be one of the histogram's bucket bounds."
    )
    share: Share = Field(description="How many per cent of the requests have to be faster than `below`, such as 99.")


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
    """A limit on container restarts of the canary's pods; needs no metrics."""

    max: int = Field(
        ge=0, le=1000, description="How many restarts all pods of the canary together may show during a run."
    )


class Argument(Model):
    """A value for a template's `{{args.NAME}}`."""

    name: Name = Field(description="Name of the argument.")
    value: str | None = Field(
        None, max_length=1024, description="Its value; in a template, the value when the Rollout gives none."
    )


_KINDS = ("ratio", "latency", "query", "restarts")
_ONE_KIND = (
    "one of ratio, latency, query and restarts has to be set: keep one of them,"
    " and give each other one an entry of its own"
)
_CEILING = "ceiling and ratio belong together: set ceiling to the largest bad share in per cent, such as 1"
_CRITICAL = "critical and warnOnly exclude each other: remove one"


class Check(Model):
    """One thing a release is judged by; exactly one of `ratio`, `latency`, `query` and `restarts`."""

    model_config = rules(
        rule(
            "[has(self.ratio), has(self.latency), has(self.query), has(self.restarts)].filter(x, x).size() == 1",
            _ONE_KIND,
        ),
        rule("has(self.ceiling) == has(self.ratio)", _CEILING),
        rule("!has(self.critical) || !has(self.warnOnly) || !self.warnOnly || !self.critical", _CRITICAL),
    )

    name: Name = Field(description="What the check is called in status, events and on the dashboard.")
    ratio: Ratio | None = Field(None, description="Judge a share of bad events, such as the error rate.")
    latency: Latency | None = Field(None, description="Judge the share of slow requests.")
    query: Query | None = Field(None, description="Judge the value of a PromQL expression.")
    restarts: Restarts | None = Field(None, description="Judge container restarts of the canary.")
    ceiling: Ceiling | None = Field(
        None, description="The largest share of bad events that is allowed, in per cent. Goes with `ratio`."
    )
    failure_limit: int | None = Field(
        None,
        ge=1,
        le=100,
        description="How many samples in a row have to fail before the canary is taken back; 1 when not set.",
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

    @model_validator(mode="after")
    def _consistent(self) -> "Check":
        if sum(getattr(self, kind) is not None for kind in _KINDS) != 1:
            raise ValueError(_ONE_KIND)
        if (self.ceiling is None) != (self.ratio is None):
            raise ValueError(_CEILING)
        if self.critical and self.warn_only:
            raise ValueError(_CRITICAL)
        return self


class TemplateKind(StrEnum):
    """Kinds of templates a Rollout can name."""

    NAMESPACED = "AnalysisTemplate"
    CLUSTER = "ClusterAnalysisTemplate"


class TemplateRef(Model):
    """A template whose checks are added to the Rollout's own."""

    name: ObjectName = Field(description="Name of the template.")
    kind: TemplateKind | None = Field(None, description="Kind of the template; `AnalysisTemplate` when not set.")
    args: tuple[Argument, ...] | None = Field(
        None, max_length=20, description="Values for the template's arguments.", json_schema_extra=keyed("name")
    )


class Analysis(Model):
    """What a release is judged by, and what to do when that is not possible."""

    checks: tuple[Check, ...] | None = Field(
        None, max_length=20, description="The checks.", json_schema_extra=keyed("name")
    )
    templates: tuple[TemplateRef, ...] | None = Field(
        None, max_length=10, description="Templates whose checks are added.", json_schema_extra=atomic()
    )
    on_no_data: Policy | None = Field(
        None,
        description="When a query answers, but with nothing. Holds without a limit when not set. A canary that answers"
        " nothing while the stable version has traffic is taken off the traffic at once in any case.",
    )
    on_provider_down: Policy | None = Field(
        None,
        description="When the metric source does not answer or answers garbage. Holds without a limit when not set.",
    )
    on_inconclusive: Policy | None = Field(
        None, description="When there is data, but too little of it for a verdict. Holds without a limit when not set."
    )


class AnalysisTemplateSpec(Model):
    """Checks that several Rollouts share."""

    args: tuple[Argument, ...] | None = Field(
        None, max_length=20, description="Arguments the checks use as `{{args.NAME}}`.", json_schema_extra=keyed("name")
    )
    checks: tuple[Check, ...] = Field(
        min_length=1, max_length=20, description="The checks.", json_schema_extra=keyed("name")
    )
