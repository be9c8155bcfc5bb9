"""A bad day as a value: how a Rollout is set up, where it stands when the day begins, and what happens then."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Shape(StrEnum):
    """How a version is released."""

    CANARY = "canary"  # two steps, then all
    BLUE_GREEN = "blueGreen"  # one switch, the old version kept warm


class Begin(StrEnum):
    """Where the Rollout stands when the day begins."""

    FIRST = "first"  # nothing serves yet
    SETTLED = "settled"
    STEPPING = "stepping"  # v2 has a share of the traffic
    BAKING = "baking"  # v2 has all of it, v1 is warm
    ABORTING = "aborting"  # v2 is being taken back


class Sky(StrEnum):
    """What the metric source says."""

    GOOD = "good"
    BAD = "bad"  # one request in twenty to the newest version fails
    NONE = "none"  # an answer without series
    NAN = "nan"
    ERROR = "error"
    HANG = "hang"
    SILENT = "silent"  # the canary answers nothing


class Trouble(StrEnum):
    """What may be wrong between the controller and the API server."""

    DELAY = "delay"
    CONFLICTS = "conflicts"
    THROTTLED = "throttled"
    ERRORS = "errors"
    ROUTES_REFUSED = "routesRefused"  # nothing but routes cannot be written
    UNAVAILABLE = "unavailable"
    CUT_BEFORE = "cutBefore"
    CUT_AFTER = "cutAfter"
    CUT_WITHIN = "cutWithin"
    HALF_OPEN = "halfOpen"
    SILENT_WATCHES = "silentWatches"
    TWICE = "twice"
    LATE = "late"
    GONE = "gone"
    SLOW_LISTS = "slowLists"
    EXPIRED_TOKEN = "expiredToken"
    HELD = "held"  # patches arrive when the trouble is over, whatever their sender believes by then


class Whose(StrEnum):
    """Whose pods."""

    STABLE = "stable"
    CANARY = "canary"


@dataclass(frozen=True)
class Release:
    """Somebody changes the pod template."""

    version: str


@dataclass(frozen=True)
class Ask:
    """Somebody asks for something, by annotation or by an entry in the status; `to_end` is for promotions."""

    verb: str
    to_end: bool = False
    by_status: bool = False


@dataclass(frozen=True)
class Weather:
    """The metric source says something else from now on."""

    sky: Sky


@dataclass(frozen=True)
class Unready:
    """Pods become unready: so many of a version, or all of them."""

    whose: Whose
    count: int


@dataclass(frozen=True)
class AllReady:
    """Every pod is well again."""


@dataclass(frozen=True)
class Restarts:
    """A container of the canary has restarted so often."""

    count: int = 2


@dataclass(frozen=True)
class GitOps:
    """Another program makes the route or the Service what Git says; beside an Ingress, it prunes what Git lacks."""

    kind: str


@dataclass(frozen=True)
class Scale:
    """Somebody changes `spec.replicas`."""

    replicas: int


@dataclass(frozen=True)
class Kill:
    """The controller that acts dies at its n-th write from now on, before or after that takes effect."""

    write: int
    after: bool
    seconds: float  # until it is started again, with nothing in its memory


@dataclass(frozen=True)
class Partition:
    """Nothing passes between the controller that acts and the API server, as if it were frozen."""

    seconds: float


@dataclass(frozen=True)
class Harm:
    """Some requests of every controller suffer; `percent` is the share of those that can."""

    trouble: Trouble
    seconds: float
    percent: int = 100


@dataclass(frozen=True)
class Remove:
    """Somebody deletes an object; what people declared comes back after `seconds`."""

    kind: str
    seconds: float = 30.0


@dataclass(frozen=True)
class Leave:
    """Somebody deletes the Rollout; what follows asks nothing of it any more."""


Action: TypeAlias = (
    Release | Ask | Weather | Unready | AllReady | Restarts | GitOps | Scale | Kill | Partition | Harm | Remove | Leave
)


@dataclass(frozen=True)
class Event:
    """An action, so many simulated seconds after the one before."""

    gap: float
    action: Action


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What is released, and by how many controllers; `seed` is that of every delay and chance."""

    shape: Shape = Shape.CANARY
    routed: bool = True  # False: no router, pins and numbers of pods decide
    ingress: bool = False  # routed by an Ingress, and not by a route of the Gateway API
    adopted: bool = False  # the template is a Deployment's
    judged: bool = True
    warns: bool = False  # the check of errors only warns
    no_data: str = ""  # what the policy does after a minute without data: hold, abort; without a policy, nothing
    lag: float = 0.0  # seconds until the metric source counts what a change of the traffic leads to
    begin: Begin = Begin.SETTLED
    replicas: int = 3
    controllers: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Schedule:
    """One day."""

    setup: Setup
    events: tuple[Event, ...] = ()
    ends: str = ""  # what the last run has to say of its end, `outcome: reason`, or a part of it
