"""What the API server of either cluster was asked, whichever way that cluster tells it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from controlplane.access import USERS
from controlplane.audit import Asked, asked, end
from sandbox.apiserver import Fault, RequestRecord
from tests.backends import Backend

CONTROLLER = USERS["controller"].name
PERSON = USERS["admin"].name
_WRITES = {"create", "update", "patch", "delete", "deletecollection"}
APART = {"events", "leases"}  # counted, but not what a release or a Rollout costs


@dataclass(frozen=True)
class Journal:
    """The requests of a user since the journal was opened, in their order."""

    of: Callable[[str], list[Asked]]

    def controller(self, *, since: float = 0.0, until: float = float("inf")) -> list[Asked]:
        """What the controller asked between two moments (seconds since the epoch)."""
        return [each for each in self.of(CONTROLLER) if since <= each.received < until]


def is_write(each: Asked) -> bool:
    """Whether it changes something of a release; a dry run does not, but costs as much."""
    return each.verb in _WRITES and each.resource not in APART


def journal(backend: Backend) -> Journal:
    """Open the journal: the audit log of a real API server, or the sandbox's own list."""
    if backend.control_plane is None:
        noted = _Noted()
        assert backend.sandbox is not None, "one of the two is behind it"
        backend.sandbox.api.intercept = noted.note
        return Journal(noted.of)
    log = backend.control_plane.audit_log
    since = end(log)
    return Journal(lambda user: sorted(asked(log, user=user, since=since), key=lambda each: each.received))


@dataclass
class _Noted:
    """Requests to a sandbox, which says nothing about times, nor about how they ended."""

    requests: list[Asked] = field(default_factory=list)

    async def note(self, record: RequestRecord) -> Fault | None:
        """Remember one that is about to be executed; that takes well under a millisecond."""
        now = time.time()
        self.requests.append(
            Asked(
                user=record.user,
                verb=record.verb,
                resource=record.plural,
                subresource=record.subresource,
                namespace=record.namespace,
                name=record.name,
                dry_run="dryRun" in record.query,
                received=now,
                answered=now,
            )
        )
        return None

    def of(self, user: str) -> list[Asked]:
        """Those of one user."""
        return [each for each in self.requests if each.user == user]
