"""The record of one attempt to release a version."""

from typing import Any

from analysis.checkpoint import LIMIT
from rollout.models.analysis import Analysis
from rollout.models.base import Duration, Field, Model, StatusModel, Text, Time, Weight, atomic, keyed, rule, rules
from rollout.models.spec import Bake, ServiceRef, Step
from rollout.models.status import CheckStatus, Outcome
from rollout.models.traffic import Traffic

"""How many characters a checkpoint may have: the record has to fit in one object of the API server."""


class RolloutRunSpec(Model):
    """What is released and how, copied when the run starts; never changed after."""

    model_config = rules(
        rule("self == oldSelf", "a RolloutRun is a record and cannot be edited: start a new run instead")
    )

    rollout: str = Field(max_length=50, description="The Rollout it belongs to.")
    number: int = Field(ge=1, description="Counted from 1 for the first deployment.")
    revision: str = Field(max_length=63, description="The revision it releases.")
    stable: str | None = Field(
        None, max_length=63, description="The revision it replaces; none for the first deployment."
    )
    template: dict[str, Any] = Field(
        description="The pod template that is released, from which `undo` builds it again.",
        json_schema_extra={"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    )
    services: tuple[ServiceRef, ...] = Field(
        (), max_length=10, description="The Services.", json_schema_extra=keyed("name")
    )
    traffic: tuple[Traffic, ...] = Field(
        (), max_length=10, description="Where traffic is split.", json_schema_extra=keyed("name")
    )
    steps: tuple[Step, ...] = Field((), max_length=51, description="The steps.", json_schema_extra=atomic())
    bake: Bake | None = Field(None, description="The time after 100 % in which the old version stays warm.")
    analysis: Analysis | None = Field(None, description="What it is judged by, templates resolved.")
    progress_deadline: Duration | None = Field(None, description="How long the canary's pods may take to become ready.")


class StepRecord(StatusModel):
    """When a step's traffic began to flow."""

    name: str = Field(max_length=63, description="The step.")
    weight: Weight = Field(description="The canary's share, in per cent.")
    at: Time = Field(description="When its weight was written.")


class RolloutRunStatus(StatusModel):
    """How the run went."""

    outcome: Outcome | None = Field(None, description="How it ended; none while it goes on.")
    message: Text | None = Field(None, description="How it ended, in one sentence.")
    started_at: Time | None = Field(None, description="When the template changed.")
    ended_at: Time | None = Field(None, description="When it ended.")
    steps: tuple[StepRecord, ...] = Field(
        (), max_length=60, description="The steps that were entered.", json_schema_extra=atomic()
    )
    analysis: tuple[CheckStatus, ...] = Field(
        (), max_length=50, description="What each check said last.", json_schema_extra=atomic()
    )
    checkpoint: str | None = Field(
        None,
        max_length=LIMIT,
        description="What the comparison remembers, for the controller that goes on with it; none once it is over.",
    )
    checkpoint_at: Time | None = Field(None, description="When that was last written.")
