"""What a decision is: the state the cluster should be in, and what is said about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from rollout.models.kinds import Manifest
from rollout.models.run import RolloutRunSpec, RolloutRunStatus
from rollout.models.status import Phase, RolloutStatus, RunStatus, StepStatus, Verb
from rollout.models.traffic import Match


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the referenced Deployment should look like."""

    paused: bool
    replicas: int
    template: Manifest | None = None  # None: as it is


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the cluster should look like. It is a function of the step alone, so it can be reached from anywhere."""

    replicas: Mapping[str, int] = field(default_factory=dict)  # by revision; one that is missing is deleted
    templates: Mapping[str, Manifest] = field(default_factory=dict)  # of revisions that may have to be created
    pin: str | None = None  # the revision the Services select; None: as declared
    weight: float | None = None  # the canary's share in the routes; None: as declared
    match: Match | None = None  # requests that go to the canary besides, through the routes
    canary: str | None = None  # the revision the owned Services select; None: there are none
    promoted: Mapping[str, int] = field(default_factory=dict)  # promotion marks by revision
    aborted: Mapping[str, int] = field(default_factory=dict)  # abort marks by revision
    restarted: str | None = None  # value of the restart annotation of the stable revision, when it is to change
    source: Source | None = None  # None: leave it alone
    hold: bool = False  # leave everything but the status as it is
    keep_traffic: bool = False  # leave routes and Services' selectors as they are, whatever is said above
    finalizer: bool = True


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened, once."""

    reason: str
    note: str
    warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What a stage decides."""

    phase: Phase
    reason: str  # one word, stable
    message: str  # one sentence: where it is, why, what comes next and when
    target: Target
    run: RunStatus | None = None
    step: StepStatus | None = None
    after: timedelta | None = None  # look again then, when nothing happens before
    urgent: bool = False  # traffic is taken from a revision: nothing may delay the writes
    kept: frozenset[Verb] = frozenset()  # what people asked for and has had no effect yet: it goes on waiting


@dataclass(frozen=True, kw_only=True)
class Record:
    """The `RolloutRun` as it should be."""

    name: str
    spec: RolloutRunSpec
    status: RolloutRunStatus


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What the cluster should look like, what the status says, and when to look again."""

    target: Target
    status: RolloutStatus
    live: RolloutStatus  # the status with the numbers of this moment, whether or not it is time to write them
    reason: str
    after: timedelta | None = None
    urgent: bool = False
    record: Record | None = None
    events: tuple[Event, ...] = ()
