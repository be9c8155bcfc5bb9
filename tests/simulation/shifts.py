"""Promises about traffic: who may get more of it, on what evidence, and how fast it is taken away."""

import asyncio
from dataclasses import dataclass, field
from math import ceil

from analysis.results import State
from rollout.models.rollout import REVISION_LABEL
from sandbox.changes import Change
from tests.simulation.knowledge import Known
from tests.simulation.trace import Trace
from tests.simulation.truth import NOBODY, Truth, is_accepted, revision_of

_PROMPT = 2.0
_RETRIES = 4.0  # seconds in which an urgent write that met a conflict has been tried again
_BLIND = {State.NO_DATA, State.PROVIDER_DOWN}
TWIN = "shop-canary"
_TRAFFIC = {"httproutes", "ingresses", "services"}
_QUIET = {"events", "leases", "pods"}


@dataclass
class Shifts:
    """Follows the shares of the traffic, change by change."""

    truth: Truth
    trace: Trace
    shares: dict[str, float] = field(default_factory=dict)
    followed: dict[str, float] = field(default_factory=dict)  # the shares that proxies have, as long as they lag
    last_share: dict[str, float] = field(default_factory=dict)  # when a revision last had traffic
    last_twin: float = -1e9  # when the canary's Service last had
    twin_followed: bool = False
    weights: list[tuple[float, float]] = field(default_factory=list)  # of the canary's Service, with their moments
    highest: dict[int, float] = field(default_factory=dict)  # share that a run's canary has had
    owed: dict[str, Known] = field(default_factory=dict)  # the breach that a controller has to answer first
    unready_since: dict[str, float] = field(default_factory=dict)
    foreign: float = -1e9  # when somebody else last changed a route or Service
    promoted: bool = False  # whether a person overrode the evidence
    fenced: bool = False  # whether the request that is carried out tests the version of what it changes
    late: bool = False  # whether writes may arrive that were sent long ago

    def decides(self, controller: str, mind: Known, *, certain: bool) -> None:
        """A breach that is known has to be answered by the very next write."""
        self._overdue(controller, mind.at, certain=certain)
        able = mind.ready.get(mind.stable, 0) > 0 and mind.stable in mind.deployed
        if mind.breach and mind.in_progress and able and self.shares.get(mind.canary, 0) > 0:
            self.owed.setdefault(controller, mind)
        else:
            self.owed.pop(controller, None)

    def _overdue(self, controller: str, at: float, *, certain: bool) -> None:
        owed = self.owed.get(controller)
        if owed is not None and certain and at - owed.at > _RETRIES:
            self.trace.wrong("a breach is known for seconds, and the canary still has traffic")

    def sees(self, change: Change, writer: str, mind: Known | None, *, certain: bool) -> None:
        """One change: what it did to the shares."""
        now = asyncio.get_running_loop().time()
        before, self.shares = self.shares, self.truth.shares()
        self._remember(now, before)
        if writer and mind is not None and change.key not in _QUIET:
            if change.key in _TRAFFIC:
                self._judge(change, before, mind, now, certain=certain)
                self._prepared(change, mind)
            self._settle(change, writer, before)
        elif change.key in _TRAFFIC and not writer and _is_about_traffic(change):
            self.foreign = now

    def _remember(self, now: float, before: dict[str, float]) -> None:
        for revision in {*before, *self.shares, *self.followed}:
            self.last_share[revision] = now
        weights = self.truth.weights
        if weights.get(TWIN) or self.twin_followed:
            self.last_twin = now
        if self.truth.accepted:
            self.followed, self.twin_followed = dict(self.shares), bool(weights.get(TWIN))
        canary = 100 * weights.get(TWIN, 0) / (sum(weights.values()) or 1)
        if not self.weights or self.weights[-1][1] != canary:
            self.weights.append((now, canary))
        for deployed in self.truth.list("deployments"):
            revision = revision_of(deployed)
            if self.truth.ready(revision):
                self.unready_since.pop(revision, None)
            else:
                self.unready_since.setdefault(revision, now)

    def _judge(self, change: Change, before: dict[str, float], mind: Known, now: float, *, certain: bool) -> None:
        """A controller changed a route or a Service."""
        if sum(self.truth.weights.values()) == 0:
            self.trace.wrong("a write of ours gives no backend any weight")
        if self.shares.get(NOBODY, 0) > before.get(NOBODY, 0) and self._known_dead(before, now, certain=certain):
            self.trace.wrong("a write of ours moves traffic to a Service without ready pods")
        had, has = before.get(mind.canary, 0.0), self.shares.get(mind.canary, 0.0)
        if mind.stage in ("Stepping", "Switching", "Baking", "Aborting") and has > had + 1e-9:
            self._raised(mind, has)
            if (change.type == "MODIFIED" or change.key == "ingresses") and not self.fenced:
                self.trace.wrong("traffic rises by a write that a later leader could not make fail")
            if certain and self.truth.weights.get(TWIN) and not self.truth.endpoints(TWIN):
                self.trace.wrong("traffic rises to a Service that has no endpoints yet")
        if had > 0 and has == 0 and self.fenced:
            self.trace.wrong("traffic is taken by a write that any other change would make fail")
        if certain and TWIN in self.truth.weights and self.truth.get("services", TWIN) is None:
            self.trace.wrong("a route names a Service that is not there")

    def _prepared(self, change: Change, mind: Known) -> None:
        """The first share is given over a backend that the route already named, and the Gateway so knows."""
        step = self.truth.status.get("step") or {}
        begins = mind.stage in ("Done", "Stepping") and step.get("index", 0) == 0 and step.get("enteredAt") is None
        if not begins or change.key not in {"httproutes", "ingresses"} or change.previous is None:
            return
        if not self.truth.weights.get(TWIN):
            return
        if TWIN not in str(change.previous["spec"]):
            self.trace.wrong("traffic is given to a Service that the route did not name before")
        elif change.key == "httproutes" and not is_accepted(change.previous):
            self.trace.wrong("traffic is given before the Gateway has taken the route at weight 0")

    def _known_dead(self, before: dict[str, float], now: float, *, certain: bool) -> bool:
        """Whether somebody could answer before, and who was given more could not for so long that it is known."""
        if not certain or set(before) <= {NOBODY}:
            return False
        led = [self.truth.led_to(name) for name, weight in self.truth.weights.items() if weight]
        return any(self.unready_since.get(each, now) < now - _PROMPT for each in led if each is not None)

    def _raised(self, mind: Known, share: float) -> None:
        if mind.stage == "Aborting":
            self.trace.wrong("traffic rises while the canary is being taken back")
        if mind.breach:
            self.trace.wrong("traffic rises although a regression is known")
        needed = min(max(1, ceil(share * mind.replicas - 1e-9)), mind.replicas)
        # After the switch the new version has served alone: what somebody undid is put back whatever is being scaled.
        if mind.stage == "Baking":
            needed = 1
        if mind.ready.get(mind.canary, 0) < needed:
            self.trace.wrong("traffic rises to a revision without enough ready pods")
        highest = self.highest.get(mind.number, 0.0)
        if share > highest > 0 and mind.states & _BLIND and not self.promoted and mind.stage == "Stepping":
            self.trace.wrong("traffic rises beyond what it was although there is no data")
        self.highest[mind.number] = max(highest, share)

    def _settle(self, change: Change, writer: str, before: dict[str, float]) -> None:
        owed = self.owed.get(writer)
        if owed is None or self.late:
            return
        if self.shares.get(owed.canary, 0) >= before.get(owed.canary, 0) > 0 and not _leads_back(change, owed.stable):
            self.trace.wrong(f"a breach is known, and {change.key} are written before traffic is taken")
        if not self.shares.get(owed.canary):
            del self.owed[writer]


def _leads_back(change: Change, stable: str) -> bool:
    """Whether it pins a Service to the stable version: a route that leads there must find it so."""
    selector = (change.object.get("spec") or {}).get("selector") or {}
    return change.key == "services" and selector.get(REVISION_LABEL) == stable


def _is_about_traffic(change: Change) -> bool:
    return change.previous is None or change.type == "DELETED" or change.previous["spec"] != change.object["spec"]
