"""One frozen snapshot of everything a decision may look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from rollout.models.checks import Check
from rollout.models.kinds import Key, Manifest
from rollout.models.rollout import PROMOTED, REVISION_LABEL, parse_time
from rollout.models.run import RolloutRunSpec, RolloutRunStatus
from rollout.models.spec import RolloutSpec
from rollout.models.split import Backend
from rollout.models.status import RolloutStatus
from rollout.models.traffic import RouteRef


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator chooses for the whole controller."""

    settle: timedelta = timedelta(seconds=15)  # from a route's acceptance to its effect, at most
    write_numbers_every: timedelta = timedelta(seconds=30)  # measured numbers reach the status at most this often
    annotation_commands: bool = False  # whether annotations may do more than pause and abort
    history: int = 10  # finished runs kept for each Rollout
    leader: str | None = None  # the identity of this process, with which it marks what it may raise


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One pod of a revision."""

    name: str
    ready: bool
    terminating: bool = False
    restarts: int = 0
    problem: str | None = None  # why a container is not running, such as CrashLoopBackOff
    address: str | None = None


@dataclass(frozen=True, kw_only=True)
class Revision:
    """One version of the workload: its Deployment and the pods of that."""

    name: str
    manifest: Manifest
    pods: tuple[Pod, ...] = ()

    @property
    def replicas(self) -> int:
        """Pods the Deployment should have."""
        return int(self.manifest["spec"].get("replicas", 1))

    @cached_property
    def ready(self) -> frozenset[str]:
        """Names of the pods that are ready and stay."""
        return frozenset(pod.name for pod in self.pods if pod.ready and not pod.terminating)

    @property
    def restarts(self) -> int:
        """Container restarts of all its pods together."""
        return sum(pod.restarts for pod in self.pods)

    @property
    def unavailable_since(self) -> datetime | None:
        """Since when the Deployment reports too few available pods; None while it reports enough."""
        for condition in (self.manifest.get("status") or {}).get("conditions") or ():
            if condition["type"] == "Available" and condition["status"] == "False":
                return parse_time(condition["lastTransitionTime"])
        return None

    def mark(self, annotation: str) -> int | None:
        """The run number that this annotation of the Deployment holds, if it holds one."""
        value = (self.manifest["metadata"].get("annotations") or {}).get(annotation, "")
        return int(value) if value.isdigit() else None


@dataclass(frozen=True, kw_only=True)
class Service:
    """One Service people have, the owned one beside it, and whom each leads to."""

    name: str
    manifest: Manifest | None
    canary: Manifest | None = None
    targets: frozenset[str] = frozenset()  # names of the ready pods in its EndpointSlices
    canary_targets: frozenset[str] = frozenset()
    writer: str | None = None  # who wrote it last, when that was not this controller

    @property
    def pinned(self) -> str | None:
        """The revision its selector is pinned to."""
        selector = ((self.manifest or {}).get("spec") or {}).get("selector") or {}
        value = selector.get(REVISION_LABEL)
        return str(value) if value else None


@dataclass(frozen=True, kw_only=True)
class Route:
    """One route the traffic is split by, and of routers that leave it alone the object beside it."""

    name: str  # of the router in the Rollout
    ref: RouteRef
    key: Key
    manifest: Manifest | None
    granted: bool = True  # whether a ReferenceGrant allows it, when it lives in another namespace
    twin_key: Key | None = None  # of the object beside it; None where the route carries the split itself
    twin: Manifest | None = None  # whatever has that name
    others: tuple[Manifest, ...] = ()  # routes of its namespace that might be in its way
    writer: str | None = None  # who wrote what carries the split last, when that was not this controller


@dataclass(frozen=True, kw_only=True)
class Run:
    """A `RolloutRun` as it stands in the cluster."""

    name: str
    spec: RolloutRunSpec
    status: RolloutRunStatus


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything a decision may look at; what is not in here does not exist for it."""

    now: datetime
    key: Key
    manifest: Manifest
    spec: RolloutSpec | None
    status: RolloutStatus
    settings: Settings = Settings()
    problems: tuple[str, ...] = ()  # what keeps a release from starting, one sentence each, with the remedy
    template: Manifest | None = None  # the pod template that is asked for
    wanted: str | None = None  # the revision it stands for
    source: Manifest | None = None  # the referenced Deployment
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    routes: tuple[Route, ...] = ()
    runs: tuple[Run, ...] = ()  # oldest first
    taken: frozenset[int] = frozenset()  # numbers of records that cannot be read, or are of an earlier Rollout
    checks: tuple[Check, ...] = ()  # the Rollout's own and its templates', arguments filled in

    @property
    def deleting(self) -> bool:
        """Whether the Rollout was deleted and waits for its finalizer."""
        return "deletionTimestamp" in self.manifest["metadata"]

    @property
    def uid(self) -> str:
        """What tells the Rollout apart from a later one of the same name."""
        return str(self.manifest["metadata"]["uid"])

    @property
    def generation(self) -> int:
        """The generation of the Rollout's spec."""
        return int(self.manifest["metadata"].get("generation", 1))

    @cached_property
    def stable(self) -> Revision | None:
        """The revision that serves: the one with the highest promotion mark.

        The marks are on the Deployments, so that a lost or outdated status is harmless. Where somebody removed
        them all, the status is believed.
        """
        marked = [revision for revision in self.revisions.values() if revision.mark(PROMOTED) is not None]
        if marked:
            return max(marked, key=lambda revision: revision.mark(PROMOTED) or 0)
        known = self.status.revisions.stable.name if self.status.revisions and self.status.revisions.stable else ""
        return self.revisions.get(known)

    @property
    def references(self) -> bool:
        """Whether the template is another Deployment's."""
        return self.spec is not None and self.spec.workload_ref is not None

    @cached_property
    def replicas(self) -> int:
        """Pods the stable version should have: what is declared, else what it has, else 1."""
        if self.spec is not None and self.spec.replicas is not None:
            return self.spec.replicas
        if self.stable is not None:
            return self.stable.replicas
        return int(self.source["spec"].get("replicas", 1)) if self.source is not None else 1

    @property
    def backends(self) -> tuple[Backend, ...]:
        """The Services with their owned twins, as routers need them."""
        return tuple(
            Backend(service=service.name, canary=f"{service.name}-canary", namespace=self.key.namespace)
            for service in self.services
        )

    def run(self, number: int) -> Run | None:
        """The run with this number, if its record exists."""
        return next((run for run in self.runs if run.spec.number == number), None)
