"""Sees every change of the cluster in the moment it is made, knows which controller made it, and judges transitions."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sandbox.apiserver import RequestRecord
from sandbox.changes import Change
from tests.simulation.claims import Claims
from tests.simulation.conduct import Conduct
from tests.simulation.knowledge import Known
from tests.simulation.shifts import Shifts
from tests.simulation.sizes import Sizes
from tests.simulation.trace import Trace
from tests.simulation.truth import Truth

CONTROLLER = "controller-"
LEASE = "progressive-delivery"
_PROMPT = 2.0  # seconds in which news reach a controller whose connections are well


@dataclass
class Witness:
    """`doubtful_until` is when controllers are as good as up to date again, on the loop's clock."""

    truth: Truth
    trace: Trace
    shifts: Shifts
    sizes: Sizes
    claims: Claims
    conduct: Conduct
    doubtful_until: float = 0.0
    hindered_until: float = 0.0  # and when their writes succeed again
    elected: bool = False  # whether the controllers agree by a lease who acts
    writer: str = ""  # the controller whose request is being carried out in this very moment
    last_writer: str = ""
    minds: dict[str, Known] = field(default_factory=dict)

    @classmethod
    def of(cls, truth: Truth, trace: Trace) -> "Witness":
        """A witness of a cluster."""
        shifts = Shifts(truth, trace)
        others = Sizes(truth, trace, shifts), Claims(truth, trace, shifts), Conduct(truth, trace, shifts)
        return cls(truth, trace, shifts, *others)

    def carried_out(self, record: RequestRecord) -> None:
        """A request is carried out now: what changes before the loop goes on is its doing."""
        if not record.user.startswith(CONTROLLER):
            return
        self.writer = self.last_writer = record.user
        self.shifts.fenced = b'"/metadata/resourceVersion"' in record.body
        asyncio.get_running_loop().call_soon(self._carried_out)

    def _carried_out(self) -> None:
        self.writer = ""

    def decides(self, controller: str, mind: Known) -> None:
        """A controller makes up its mind."""
        self.minds[controller] = mind
        free = asyncio.get_running_loop().time() >= self.hindered_until
        self.shifts.decides(controller, mind, certain=self.certain and free)

    @property
    def certain(self) -> bool:
        """Whether what is so now is known to the controllers, as far as it is older than a moment."""
        return asyncio.get_running_loop().time() >= self.doubtful_until

    def doubt(self, seconds: float) -> None:
        """For so long a controller may not know what is so."""
        self.doubtful_until = max(self.doubtful_until, asyncio.get_running_loop().time() + seconds)

    def hinder(self, seconds: float) -> None:
        """For so long a controller may not be able to do what it wants."""
        self.hindered_until = max(self.hindered_until, asyncio.get_running_loop().time() + seconds)

    def sees(self, change: Change) -> None:
        """One change."""
        if change.namespace != "shop":
            return
        mind = self.minds.get(self.writer) if self.writer else None
        self._say(change)
        if self.elected and self.writer:
            self._leads()
        self.shifts.sees(change, self.writer, mind, certain=self.certain)
        self.sizes.sees(change, self.writer, mind, certain=self.certain)
        self.claims.sees(change, self.writer, mind, certain=self.certain)
        self.conduct.sees(change, self.writer, mind, certain=self.certain)

    def _leads(self) -> None:
        """Whoever writes holds the lease in this moment; a write that was on its way for long is another matter."""
        lease = self.truth.storage.record("leases", "default", LEASE)
        holder = lease.object["spec"].get("holderIdentity") if lease else ""
        if holder != self.writer and not self.shifts.late:
            self.trace.wrong("a controller writes that does not hold the lease")

    def _say(self, change: Change) -> None:
        if change.key in {"endpointslices", "events", "pods", "replicasets"}:
            return
        who = self.writer or "somebody"
        what = f"{who} {change.type} {change.key}/{change.name}"
        if change.key in {"httproutes", "ingresses"}:
            what += f" {self.truth.weights}"
        if change.key == "deployments":
            what += f" replicas={change.object['spec'].get('replicas')}"
        if change.key == "services":
            what += f" {change.object['spec'].get('selector')}"
        if change.key == "rollouts":
            status = change.object.get("status") or {}
            step = status.get("step") or {}
            what += f" {status.get('phase')} {(status.get('run') or {}).get('stage')} step={step.get('index')}"
            what += f" entered={step.get('enteredAt')} traffic={status.get('traffic')} {status.get('message')}"
        self.trace.say(what)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See all changes of the kinds that matter until the block ends."""
        kinds = ("httproutes", "ingresses", "services", "deployments", "pods", "rollouts", "rolloutruns")
        ends: list[Callable[[], None]] = [self.truth.storage.listen(kind, self.sees) for kind in kinds]
        try:
            yield
        finally:
            for end in ends:
                end()
