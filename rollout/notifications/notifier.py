"""What the reconciles say goes to the targets that want it, and who was told goes into the status."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NoReturn

from rollout.models.kinds import Key
from rollout.models.status import RolloutStatus
from rollout.notifications.configuration import Target
from rollout.notifications.notice import Notice
from rollout.notifications.outbox import Fate, Outbox
from rollout.notifications.owed import is_current, owed, remembering, told
from rollout.notifications.sending import Send

_Owner = tuple[Key, str]  # a Rollout and its uid: a namesake that follows it is another one
_Pending = dict[str, set[str]]  # names of targets by the id of a notice


class Notifier:
    """Only the leader keeps `run` running. Whoever follows it reads from the statuses what is still owed.

    `settled` is called each time a target need not be told any more, with the notice, the target's name and the
    outcome; the status is to be written soon after.
    """

    def __init__(
        self,
        targets: Sequence[tuple[Target, Send]],
        *,
        now: Callable[[], datetime],
        settled: Callable[[Notice, str, Fate], None],
    ) -> None:
        self._now = now
        self._told_of = settled
        self._targets = tuple(
            (target, Outbox(target.name, send, now=now, settled=self._settled)) for target, send in targets
        )
        self._offered: dict[_Owner, _Pending] = {}
        self._done: dict[_Owner, _Pending] = {}

    @property
    def outboxes(self) -> tuple[Outbox, ...]:
        """One for each target."""
        return tuple(outbox for _, outbox in self._targets)

    def remembering(self, key: Key, uid: str, status: RolloutStatus) -> RolloutStatus:
        """The status with who was told since it was last written; never waits."""
        return remembering(status, self._done.get((key, uid), {}))

    def offer(self, key: Key, uid: str, status: RolloutStatus) -> None:
        """Tell whoever wants it, and was not told, what this status says, as it stands in the cluster; never waits."""
        self._forget((key, uid), status)
        known = told(status)
        for notice in owed(key, uid, status, now=self._now()):
            spared = known.get(notice.id, frozenset()) | self._offered.get((key, uid), {}).get(notice.id, set())
            for target, outbox in self._targets:
                if target.wants(notice) and target.name not in spared:
                    self._offered.setdefault((key, uid), {}).setdefault(notice.id, set()).add(target.name)
                    outbox.put(notice)

    def forget(self, key: Key) -> None:
        """The Rollout is gone; what waits is still sent."""
        for pending in (self._offered, self._done):
            for owner in [each for each in pending if each[0] == key]:
                del pending[owner]

    async def run(self) -> NoReturn:
        """Send until cancelled; what was not sent then is owed by the next leader."""
        try:
            async with asyncio.TaskGroup() as group:
                for outbox in self.outboxes:
                    group.create_task(outbox.run())
        finally:
            self._offered.clear()
            self._done.clear()
            for outbox in self.outboxes:
                outbox.clear()
        raise AssertionError("an outbox never ends by itself")

    def _forget(self, owner: _Owner, status: RolloutStatus) -> None:
        """Let go of what the status remembers, and of what is over."""
        known = told(status)
        for pending in (self._offered, self._done):
            kept = {
                name: rest
                for name, targets in pending.pop(owner, {}).items()
                if is_current(name, status) and (rest := targets - known.get(name, frozenset()))
            }
            if kept:
                pending[owner] = kept

    def _settled(self, notice: Notice, target: str, fate: Fate) -> None:
        self._done.setdefault((notice.subject, notice.uid), {}).setdefault(notice.id, set()).add(target)
        self._told_of(notice, target, fate)
