"""What the controller reports about a `Rollout`, and what it remembers there."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from rollout.models.base import Field, StatusModel, Text, Time, Weight, atomic, keyed


class Phase(StrEnum):
    """Where a Rollout is, in one word."""

    INITIALIZING = "Initializing"
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    BAKING = "Baking"
    ABORTING = "Aborting"
    ABORTED = "Aborted"
    STALLED = "Stalled"
    TERMINATING = "Terminating"


class Stage(StrEnum):
    """Where a run is; a run goes through them in this order, or aborts out of the first three."""

    INITIAL = "Initial"  # the first version is brought up; there is nothing to compare it with
    STEPPING = "Stepping"  # the steps are walked
    SWITCHING = "Switching"  # all traffic is on the canary; the Services follow
    BAKING = "Baking"  # the route is as declared; the old version is warm
    FINISHING = "Finishing"  # the roles are swapped; the old version goes
    ABORTING = "Aborting"  # traffic is back on the stable version; the canary goes
    DONE = "Done"


class Outcome(StrEnum):
    """How a run ended."""

    PROMOTED = "promoted"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"  # another version was asked for before this one got anywhere


class Verb(StrEnum):
    """What people can ask for."""

    PROMOTE = "promote"
    ABORT = "abort"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    UNDO = "undo"
    RESTART = "restart"


CommandId = Annotated[str, StringConstraints(max_length=64)]


class Command(StatusModel):
    """One intent of a person, carried out once."""

    id: CommandId = Field(description="Told apart by this; a handled one is not carried out again.")
    verb: Verb = Field(description="What is asked for.")
    run: int | None = Field(None, description="The run it is meant for; refused when that one is over.")
    revision: str | None = Field(
        None, max_length=63, description="The revision it is meant for; refused when another one is released."
    )
    step: int | None = Field(
        None, description="The step it is meant for, counted from 0; refused when that one is over."
    )
    to: str | None = Field(
        None, max_length=63, description="`end` promotes past all steps; for `undo` the number of a run."
    )
    by: str | None = Field(None, max_length=253, description="Who asked.")
    reason: Text | None = Field(None, description="Why, in the person's words.")
    at: Time | None = Field(None, description="When it was asked.")


class Refusal(StatusModel):
    """A command that was not carried out."""

    id: CommandId = Field(description="The command's.")
    reason: Text = Field(description="Why, and what would work.")


class RevisionStatus(StatusModel):
    """One version of the workload as it stands."""

    name: str = Field(max_length=63, description="The revision: a hash of its pod template.")
    images: tuple[Text, ...] = Field(
        (), max_length=20, description="Images of its containers.", json_schema_extra=atomic()
    )
    replicas: int = Field(0, description="Pods it should have.")
    ready: int = Field(0, description="Pods that are ready.")


class Revisions(StatusModel):
    """The versions and their roles."""

    stable: RevisionStatus | None = Field(None, description="The version that serves.")
    canary: RevisionStatus | None = Field(None, description="The version that is being released.")


class StepStatus(StatusModel):
    """The step a run is in."""

    index: int = Field(description="Counted from 0.")
    count: int = Field(description="How many steps the run has.")
    name: str = Field(max_length=63, description="The step's name.")
    progress: str = Field(max_length=16, description="The step and the number of steps, such as `2/4`.")
    started_at: Time = Field(description="Since when the step is being reached.")
    entered_at: Time | None = Field(None, description="Since when its traffic flows; `hold.for` counts from here.")


class TrafficStatus(StatusModel):
    """The canary's share of the traffic, in per cent."""

    desired: Weight = Field(description="What the controller asked for.")
    routed: Weight | None = Field(None, description="What the routers say is in force.")
    observed: Weight | None = Field(None, description="What was measured.")
    matched: bool | None = Field(
        None, description="Whether requests that the step's `match` names go to the canary besides."
    )


class CheckStatus(StatusModel):
    """What one check says."""

    name: str = Field(max_length=63, description="The check.")
    state: str = Field(max_length=32, description="`pass`, `regress`, `notEnoughData`, `noData` or `providerDown`.")
    message: Text = Field(description="The finding in one sentence.")
    canary: float | None = Field(None, description="The canary's value, in `unit`.")
    stable: float | None = Field(None, description="The stable version's value, in `unit`.")
    unit: str | None = Field(None, max_length=16, description="`%` for shares of requests; none for plain numbers.")
    requests: int | None = Field(None, description="The canary's requests that were judged.")
    bad: int | None = Field(None, description="The bad ones among them.")
    stable_requests: int | None = Field(None, description="The stable version's requests that were judged.")
    stable_bad: int | None = Field(None, description="The bad ones among them.")
    ratio: float | None = Field(None, description="The canary's value as a multiple of the stable version's.")
    ratio_low: float | None = Field(None, description="The lower end of where that multiple lies (95 %, at any time).")
    ratio_high: float | None = Field(None, description="The upper end; none where there is none yet.")
    evidence: float | None = Field(
        None,
        description="The evidence against the canary: 1 is none, and at 100 divided by `falseAborts` it is enough.",
    )
    likelihood: str | None = Field(
        None,
        max_length=64,
        description="How likely so much evidence against an equal version would be, such as `1 in 3,400`.",
    )
    proven: bool | None = Field(None, description="Whether it is proved that the canary is not worse than allowed.")
    detectable: float | None = Field(
        None, description="The smallest multiple that the rest of the step can find, at the traffic there is."
    )
    outlook: Text | None = Field(None, description="What would change the verdict, in one sentence.")
    since: Time | None = Field(None, description="Since when it is in this state.")
    proved_at: Time | None = Field(None, description="When the sample that proved a breach was taken.")


class RunStatus(StatusModel):
    """The current run, or the last one."""

    number: int = Field(description="Counted from 1 for the first deployment.")
    name: str = Field(max_length=63, description="The `RolloutRun` that keeps its record.")
    revision: str = Field(max_length=63, description="The revision it releases.")
    stable: str | None = Field(
        None, max_length=63, description="The revision it replaces; none for the first deployment."
    )
    stage: Stage = Field(description="Where it is.")
    outcome: Outcome | None = Field(None, description="How it ended.")
    reason: Text | None = Field(None, description="Why it was aborted, in one sentence.")
    started_at: Time = Field(description="When the template changed.")
    since: Time = Field(description="Since when it is in this stage.")
    routed_at: Time | None = Field(
        None, description="Since when every router has accepted what this stage wrote, where something waits for that."
    )
    ended_at: Time | None = Field(None, description="When it ended.")
    reverts: int = Field(0, description="How often in this step somebody else undid the controller's writes.")
    emptied_at: Time | None = Field(
        None, description="Since when the canary is off the traffic because it stopped answering, or got too little."
    )
    emptied_for: Text | None = Field(
        None, description="What was wrong with its share of the traffic; none where it answered nothing."
    )


class Condition(StatusModel):
    """One aspect, in the form that `kubectl wait` and kstatus read."""

    type: str = Field(max_length=64, description="The aspect.")
    status: str = Field(max_length=8, description="`True`, `False` or `Unknown`.")
    reason: str = Field(max_length=128, description="Why, in one word.")
    message: str = Field(max_length=1024, description="Why, in one sentence.")
    observed_generation: int = Field(description="The generation this is about.")
    last_transition_time: Time = Field(description="When `status` changed.")


class Override(StatusModel):
    """A version that `undo` asked for; counts until the template changes."""

    run: int = Field(description="The run whose template is released again.")
    revision: str = Field(max_length=63, description="Its revision.")
    template: str = Field(
        max_length=63, description="The revision the template stands for, which is being passed over."
    )


class Notified(StatusModel):
    """Something that was told, or given up, once."""

    id: str = Field(max_length=200, description="What happened, told apart by this.")
    targets: tuple[Annotated[str, StringConstraints(max_length=50)], ...] = Field(
        (), max_length=50, description="Who need not be told any more.", json_schema_extra=atomic()
    )


class RolloutStatus(StatusModel):
    """Everything the controller reports and remembers about a Rollout."""

    observed_generation: int | None = Field(None, description="The generation of the spec that this is about.")
    phase: Phase | None = Field(None, description="Where the Rollout is, in one word.")
    message: Text | None = Field(None, description="Where it is, why, and what comes next, in one sentence.")
    replicas: int | None = Field(None, description="Pods of all revisions, for the scale subresource.")
    selector: str | None = Field(
        None, max_length=512, description="Selector of all revisions' pods, for the scale subresource."
    )
    revisions: Revisions | None = Field(None, description="The versions and their roles.")
    step: StepStatus | None = Field(None, description="The step of the current run.")
    traffic: TrafficStatus | None = Field(None, description="The canary's share of the traffic.")
    analysis: tuple[CheckStatus, ...] | None = Field(
        None, max_length=50, description="What each check says.", json_schema_extra=keyed("name")
    )
    run: RunStatus | None = Field(None, description="The current run, or the last one.")
    conditions: tuple[Condition, ...] | None = Field(
        None,
        max_length=16,
        description="`Ready`, `Reconciling` and `Stalled` as kstatus defines them.",
        json_schema_extra=keyed("type"),
    )
    commands: tuple[Command, ...] | None = Field(
        None, max_length=20, description="What people asked for and is not done yet.", json_schema_extra=keyed("id")
    )
    handled: tuple[CommandId, ...] | None = Field(
        None,
        max_length=50,
        description="The last commands that were carried out or refused.",
        json_schema_extra=atomic(),
    )
    refusals: tuple[Refusal, ...] | None = Field(
        None,
        max_length=10,
        description="Those of the last handled commands that were refused.",
        json_schema_extra=atomic(),
    )
    paused_at: Time | None = Field(None, description="Since when a person paused it.")
    override: Override | None = Field(None, description="A version that `undo` asked for.")
    restarted_at: Time | None = Field(
        None, description="When a person last asked for new pods of the version that serves; until the next run starts."
    )
    refused: str | None = Field(
        None, max_length=63, description="A revision whose pod template the API server refused."
    )
    measured_at: Time | None = Field(None, description="When the measured numbers in here were last written.")
    notified: tuple[Notified, ...] | None = Field(
        None,
        max_length=100,
        description="Which notifications about the present run need not be sent any more.",
        json_schema_extra=keyed("id"),
    )
