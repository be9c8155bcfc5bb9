"""What the controller asked of either cluster in the test's namespace, counted by the API server itself."""

import asyncio
from collections import Counter
from pathlib import Path

from controlplane.access import USERS
from controlplane.audit import What, audited, end
from tests.controller.harness import Stage

_QUIET = 0.5  # seconds; the audit log is behind the answers by less
_PATIENCE = 60.0  # seconds
_CONTROLLER = USERS["controller"].name


class Counting:
    """Counts from its beginning on, or from `forget`; what is not in the namespace is not counted."""

    def __init__(self, made: Stage) -> None:
        self._made = made
        self._since = 0
        self.forget()

    def forget(self) -> None:
        """Count from now on."""
        self._since = end(self._log) if self._real else len(self._made.cluster.requests)

    def everything(self) -> Counter[What]:
        """What was asked, by verb, resource and subresource."""
        if self._real:
            return audited(self._log, user=_CONTROLLER, namespace=self._made.namespace, since=self._since)
        asked = tuple(self._made.cluster.requests)[self._since :]
        return Counter(
            (each.verb, each.plural, each.subresource)
            for each in asked
            if (each.user, each.namespace) == (_CONTROLLER, self._made.namespace)
        )

    def asked(self, *apart: str) -> Counter[What]:
        """What was asked; watches, events and the kinds named are counted apart."""
        left_out = {"events", *apart}
        every = self.everything().items()
        return Counter({what: times for what, times in every if what[0] != "watch" and what[1] not in left_out})

    async def settled(self) -> None:
        """Wait until nothing was asked for half a second; raises TimeoutError when that does not come."""
        before = None
        async with asyncio.timeout(_PATIENCE):
            while before != (before := self.everything()):  # noqa: ASYNC110 - the log tells nobody
                await asyncio.sleep(_QUIET)

    @property
    def _real(self) -> bool:
        return self._made.backend.control_plane is not None

    @property
    def _log(self) -> Path:
        assert self._made.backend.control_plane is not None
        return self._made.backend.control_plane.audit_log
