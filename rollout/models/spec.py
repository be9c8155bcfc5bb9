"""What people declare in a `Rollout`."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema, model_validator

from rollout.models.analysis import Analysis
from rollout.models.base import (
    Duration,
    Field,
    Model,
    Name,
    ObjectName,
    Weight,
    atomic,
    keyed,
    rule,
    rules,
)
from rollout.models.traffic import Match, Traffic

_ONE_SOURCE = "spec needs exactly one of template and workloadRef: set one of them and remove the other"
_ONE_STRATEGY = "strategy needs exactly one of canary and blueGreen: set one of them and remove the other"
_NO_SERVICES = "traffic needs services: name the Services that the routes have as backends"
_ONE_CONDITION = "until needs exactly one of approval and evidence in each entry: give each one an entry of its own"
_NOTHING_LIMITED = "atMost limits evidence only: add {evidence: {}} to until, or remove atMost"
_AT_MOST_SHORT = "atMost is shorter than for: raise atMost, or lower for"
_SAME_NAME = "two steps have the same name: give each name once"


class WorkloadRef(Model):
    """The Deployment whose pod template is released."""

    api_version: Literal["apps/v1"] = Field(description="API group and version of the workload.")
    kind: Literal["Deployment"] = Field(description="Kind of the workload.")
    name: ObjectName = Field(description="Name of the Deployment, in the Rollout's namespace.")


class ServiceRef(Model):
    """A Service that leads to the workload."""

    name: Name = Field(description="Name of the Service, in the Rollout's namespace.")


class Approval(Model):
    """A person's consent; there is nothing to set."""


class Evidence(Model):
    """Proof that the canary is not worse than `notWorseThan`; there is nothing to set."""


class Until(Model):
    """One condition for leaving a step; exactly one of `approval` and `evidence`."""

    model_config = rules(rule("has(self.approval) != has(self.evidence)", _ONE_CONDITION))

    approval: Approval | None = Field(None, description="Wait until somebody promotes the step.")
    evidence: Evidence | None = Field(
        None,
        description="Wait until every critical `ratio` and `latency` that is compared is proved not to be worse than"
        " its `notWorseThan`, and every other critical check passes. Without traffic nothing can be proved, so a step"
        " with weight 0 is left as if this were not set.",
    )

    @model_validator(mode="after")
    def _one(self) -> "Until":
        if (self.approval is None) == (self.evidence is None):
            raise ValueError(_ONE_CONDITION)
        return self


class Hold(Model):
    """When a step is over: `for` has passed and every `until` entry holds."""

    model_config = rules(
        rule("!has(self.atMost) || has(self.until) && self.until.exists(u, has(u.evidence))", _NOTHING_LIMITED),
        rule(
            "!has(self.atMost) || !has(self.__for__) || duration(self.atMost) >= duration(self.__for__)", _AT_MOST_SHORT
        ),
    )

    for_: Duration | None = Field(None, alias="for", description="How long the step lasts at least.")
    until: tuple[Until, ...] | None = Field(
        None,
        max_length=8,
        description="What has to hold besides. A promotion leaves the step without evidence; where both `approval` and"
        " `evidence` are listed it is the approval, and the evidence is waited for until `atMost` is over.",
        json_schema_extra=atomic(),
    )
    at_most: Duration | None = Field(
        None,
        description="How long evidence is waited for, counted like `for`; then `analysis.onInconclusive.then` is done,"
        " which is to hold when not set. Without a limit when not set.",
    )

    @property
    def approval(self) -> bool:
        """Whether a person has to promote the step."""
        return any(entry.approval is not None for entry in self.until or ())

    @property
    def evidence(self) -> bool:
        """Whether evidence is waited for."""
        return any(entry.evidence is not None for entry in self.until or ())

    @model_validator(mode="after")
    def _limited(self) -> "Hold":
        if self.at_most is not None and not self.evidence:
            raise ValueError(_NOTHING_LIMITED)
        if self.at_most is not None and self.for_ is not None and self.at_most < self.for_:
            raise ValueError(_AT_MOST_SHORT)
        return self


def _replicas(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000:
        return value
    if isinstance(value, str) and re.fullmatch(REPLICAS_PATTERN, value):
        return value
    raise ValueError(f"{value!r} is not a number of pods; write a number from 0 to 10000 or a percentage like 50%")


REPLICAS_PATTERN = r"^(100|[0-9]{1,2})%$"
Replicas = Annotated[
    int | str,
    BeforeValidator(_replicas),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "pattern": REPLICAS_PATTERN,
            "maxLength": 4,
            "x-kubernetes-validations": [
                rule(
                    "type(self) == int ? self >= 0 && self <= 10000 : true",
                    "replicas must be from 0 to 10000, or a percentage like 50%",
                )
            ],
        }
    ),
]


class Step(Model):
    """A state to reach and a condition for leaving it."""

    name: Name | None = Field(None, description="What the step is called.")
    weight: Weight | None = Field(
        None,
        description="Share of the traffic that goes to the canary, in per cent; as in the step before when not set.",
    )
    replicas: Replicas | None = Field(
        None,
        description="Pods of the canary, as a number or in per cent of `spec.replicas`;"
        " `weight` per cent of them, rounded up, and at least one when not set.",
    )
    match: Match | None = Field(
        None,
        description="Requests that go to the canary in this step besides its weight."
        " Only an Ingress can do that, so every entry of `spec.traffic` has to be one.",
    )
    hold: Hold | None = Field(
        None, description="When the step is over; as soon as its traffic flows and its checks pass when not set."
    )
    checks: tuple[Name, ...] | None = Field(
        None,
        max_length=20,
        description="Names of the checks that count in this step; all when not set.",
        json_schema_extra=atomic(),
    )


class Bake(Model):
    """The time after 100 % in which the old version stays warm."""

    for_: Duration = Field(
        alias="for", description="How long the new version is still judged before the old one is removed."
    )


class Canary(Model):
    """Release in steps, each with more traffic than the last."""

    steps: tuple[Step, ...] = Field(
        min_length=1,
        max_length=50,
        description="The steps, in order. 100 % is added at the end when missing.",
        json_schema_extra=atomic()
        | {
            "x-kubernetes-validations": [
                rule(
                    # Filtering twice would read better and exceed the API server's budget: it forgets maxItems.
                    "self.all(s, !has(s.name) || self.filter(o, has(o.name) && o.name == s.name).size() == 1)",
                    _SAME_NAME,
                )
            ]
        },
    )
    bake: Bake | None = Field(None, description="Keep the old version warm for a while after 100 %.")

    @model_validator(mode="after")
    def _names_once(self) -> "Canary":
        names = [step.name for step in self.steps if step.name is not None]
        if len(set(names)) != len(names):
            raise ValueError(_SAME_NAME)
        return self


class BlueGreen(Model):
    """Release at full size beside the old version, and switch all traffic at once."""

    preview: Hold | None = Field(
        None,
        description="When to switch: the new version runs at full size without traffic meanwhile,"
        " reachable as `<service>-canary`. As soon as it is ready when not set.",
    )
    bake: Bake | None = Field(None, description="Keep the old version warm for a while after the switch.")


class Strategy(Model):
    """How a new version is released."""

    model_config = rules(rule("has(self.canary) != has(self.blueGreen)", _ONE_STRATEGY))

    canary: Canary | None = Field(None, description="In steps, each with more traffic than the last.")
    blue_green: BlueGreen | None = Field(None, description="At full size beside the old version, with one switch.")

    @model_validator(mode="after")
    def _one(self) -> "Strategy":
        if (self.canary is None) == (self.blue_green is None):
            raise ValueError(_ONE_STRATEGY)
        return self


class RolloutSpec(Model):
    """What to release, where its traffic is split, how, and what it is judged by."""

    model_config = rules(
        rule("has(self.template) != has(self.workloadRef)", _ONE_SOURCE),
        rule(
            "!has(self.traffic) || self.traffic.size() == 0 || (has(self.services) && self.services.size() > 0)",
            _NO_SERVICES,
        ),
    )

    replicas: int | None = Field(
        None,
        ge=0,
        le=10_000,
        description="Pods of the stable version. When not set: those of the referenced Deployment, or 1.",
    )
    template: dict[str, Any] | None = Field(
        None,
        description="Pod template to release, as in a Deployment.",
        json_schema_extra={"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    )
    workload_ref: WorkloadRef | None = Field(None, description="Deployment whose pod template is released.")
    services: tuple[ServiceRef, ...] | None = Field(
        None,
        max_length=10,
        description="The Services that lead to the workload; none for workers without traffic.",
        json_schema_extra=keyed("name"),
    )
    traffic: tuple[Traffic, ...] | None = Field(
        None,
        max_length=10,
        description="Where traffic is split; by the number of pods behind the Services when not set.",
        json_schema_extra=keyed("name"),
    )
    strategy: Strategy = Field(description="How a new version is released.")
    analysis: Analysis | None = Field(None, description="What a release is judged by. Readiness always counts.")
    progress_deadline: Duration | None = Field(
        None,
        description="How long the canary's pods may take to become ready before it is taken back; 10m when not set.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "RolloutSpec":
        if (self.template is None) == (self.workload_ref is None):
            raise ValueError(_ONE_SOURCE)
        if self.traffic and not self.services:
            raise ValueError(_NO_SERVICES)
        return self
