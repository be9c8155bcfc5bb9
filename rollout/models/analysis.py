"""How a release is judged: by which checks and templates of checks, and what is done when they cannot say."""

from enum import StrEnum

from rollout.models.base import Chance, Duration, Field, Model, ObjectName, atomic, keyed
from rollout.models.checks import Argument, Check


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
    false_aborts: Chance | None = Field(
        None,
        description="The chance, in per cent, that all comparisons together take back a version that is as good as the"
        " stable one; of the whole release, however long it takes. 1 when not set.",
    )
    false_advances: Chance | None = Field(
        None,
        description="The chance, in per cent, that a step that waits for evidence is left with a version that is worse"
        " than `notWorseThan`; of each step. 5 when not set.",
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
        None,
        description="When there is data, but too little of it for a verdict. Holds without a limit when not set. In a"
        " step that waits for evidence, `then` is done once the step's `atMost` is over, and `after` does not count.",
    )


class AnalysisTemplateSpec(Model):
    """Checks that several Rollouts share."""

    args: tuple[Argument, ...] | None = Field(
        None, max_length=20, description="Arguments the checks use as `{{args.NAME}}`.", json_schema_extra=keyed("name")
    )
    checks: tuple[Check, ...] = Field(
        min_length=1, max_length=20, description="The checks.", json_schema_extra=keyed("name")
    )
