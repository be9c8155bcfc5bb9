"""The door of the API server: who has died is heard no more, and one may be told to die at a certain write."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.apiserver import CUT, Fault, RequestRecord
from tests.simulation.witness import CONTROLLER, Witness

_BESIDE = {"events", "leases"}
_NEEDED = {"deployments", "endpointslices", "httproutes", "ingresses", "pods", "rolloutruns", "rollouts", "services"}


@dataclass
class Death:
    """A controller is to die at the n-th write from now on, before or after its effect; `die` is told which one."""

    write: int
    after: bool
    die: Callable[[str], None]


@dataclass
class Gate:
    """Both seams of the API server."""

    witness: Witness
    dead: set[str] = field(default_factory=set)
    listed: dict[str, set[str]] = field(default_factory=dict)  # which kinds each controller was told of
    death: Death | None = None

    async def before(self, record: RequestRecord) -> Fault | None:
        """Asked before a request is carried out."""
        if record.user in self.dead:
            return CUT
        if _counts(record) and not self.listed.get(record.user, set()) >= _NEEDED:
            self.witness.trace.wrong("a controller writes before it knows every kind")
        if self._is_due(record) and self.death is not None and not self.death.after:
            return self._kill(record.user)
        self.witness.carried_out(record)
        return None

    async def after(self, record: RequestRecord) -> Fault | None:
        """Asked once it was carried out."""
        if record.verb == "list":
            self.listed.setdefault(record.user, set()).add(record.plural)
        if self.death is not None and self.death.after and self.death.write <= 0 and _counts(record):
            return self._kill(record.user)
        return CUT if record.user in self.dead else None

    def _is_due(self, record: RequestRecord) -> bool:
        if self.death is None or not _counts(record):
            return False
        self.death.write -= 1
        return self.death.write <= 0

    def _kill(self, user: str) -> Fault:
        assert self.death is not None, "asked for only where a death is near"
        death, self.death = self.death, None
        self.dead.add(user)
        death.die(user)
        return CUT


def _counts(record: RequestRecord) -> bool:
    return record.user.startswith(CONTROLLER) and record.write and record.plural not in _BESIDE
