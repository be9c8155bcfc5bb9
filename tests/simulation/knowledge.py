"""What a controller knew when it decided: overheard where it asks for the state of its checks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from analysis.checks import Check, Subscription
from analysis.collector import Collector
from analysis.results import Assessment, State
from rollout.kube.store import Store
from rollout.models.kinds import DEPLOYMENTS, PODS, ROLLOUTS, Key
from tests.simulation.objects import NAMESPACE
from tests.simulation.truth import is_ready, revision_of

_OWNER = f"{NAMESPACE}/shop"
_IN_PROGRESS = ("Stepping", "Switching", "Baking")
_MAX_RESTARTS = 1


@dataclass(frozen=True, kw_only=True)
class Known:
    """The cluster and the evidence in a controller's memory at one moment."""

    at: float
    stage: str = ""
    number: int = 0
    canary: str = ""
    stable: str = ""
    replicas: int = 0
    ready: dict[str, int] = field(default_factory=dict)
    deployed: frozenset[str] = frozenset()
    states: frozenset[State] = frozenset()
    breach: bool = False

    @property
    def in_progress(self) -> bool:
        """Whether the run can still be taken back."""
        return self.stage in _IN_PROGRESS


def known(store: Store, assessed: Assessment, at: float) -> Known:
    """What a controller with this cache and this assessment knows."""
    results = assessed.results
    rollout = store.get(ROLLOUTS, Key(NAMESPACE, "shop")) or {}
    run: dict[str, Any] = (rollout.get("status") or {}).get("run") or {}
    pods = [(revision_of(pod), pod) for pod in store.by_index(PODS, "rollout", _OWNER)]
    judged = bool((rollout.get("spec") or {}).get("analysis"))
    restarted = judged and _restarts([pod for name, pod in pods if name == run.get("revision")]) > _MAX_RESTARTS
    return Known(
        at=at,
        stage=run.get("stage", ""),
        number=run.get("number", 0),
        canary=run.get("revision", ""),
        stable=run.get("stable", ""),
        replicas=(rollout.get("spec") or {}).get("replicas", 0),
        ready={name: sum(is_ready(pod) for owner, pod in pods if owner == name) for name, _ in pods},
        deployed=frozenset(revision_of(each) for each in store.by_index(DEPLOYMENTS, "rollout", _OWNER)),
        states=frozenset(result.state for result in results if not result.warn_only),  # those hold nothing
        breach=restarted or any(each.state is State.REGRESS and not each.warn_only for each in results),
    )


def _restarts(pods: list[dict[str, Any]]) -> int:
    statuses = [each for pod in pods for each in (pod.get("status") or {}).get("containerStatuses") or ()]
    return sum(each.get("restartCount", 0) for each in statuses)


@dataclass(frozen=True)
class Overheard:
    """A collector that tells what it answers to a reconcile; else it is the collector itself."""

    collector: Collector[Key]
    tell: Callable[[Assessment], None]

    def assessment(self, key: Key, now: datetime) -> Assessment:
        """As the collector's."""
        assessed = self.collector.assessment(key, now)
        self.tell(assessed)
        return assessed

    def subscribe(self, key: Key, subscription: Subscription) -> None:
        """As the collector's."""
        self.collector.subscribe(key, subscription)

    def unsubscribe(self, key: Key) -> None:
        """As the collector's."""
        self.collector.unsubscribe(key)

    def refusal(self, check: Check) -> str | None:
        """As the collector's."""
        return self.collector.refusal(check)

    async def run(self) -> None:
        """As the collector's."""
        await self.collector.run()
