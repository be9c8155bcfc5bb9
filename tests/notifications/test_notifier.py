"""From statuses to targets and back: who gets what, what is remembered, and that no reconcile waits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rollout.models.kinds import Key
from rollout.models.status import Notified, RolloutStatus, Stage
from rollout.notifications.notice import Notice
from rollout.notifications.notifier import Notifier
from rollout.notifications.outbox import Fate
from rollout.notifications.sending import NotSent
from tests.notifications.builders import KEY, NOW, SECRET, UID, a_run, a_status, aborted, promoted, settings
from tests.notifications.test_outbox import in_fake_time


@dataclass
class Receiver:
    """Takes everything, unless it is down."""

    down: bool = False
    got: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def send(self, notice: Notice) -> None:
        if self.down:
            raise NotSent("down")
        self.got.append(f"{notice.subject.name}: {notice.id}")


def a_target(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "webhook": {"url": "http://receiver/", "secretFrom": {"env": SECRET}}, **fields}


def a_notifier(
    receivers: dict[str, Receiver],
    settled: Callable[[Notice, str, Fate], None] = lambda *_: None,
    **fields: dict[str, Any],
) -> Notifier:
    file = settings(*(a_target(name, **fields.get(name, {})) for name in receivers))
    targets = [(target, receivers[target.name].send) for target in file.targets]
    return Notifier(targets, now=lambda: NOW, settled=settled)


@asynccontextmanager
async def running(notifier: Notifier) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(notifier.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


class Cluster:
    """The status as the reconciles write it, one after another."""

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier
        self.status = RolloutStatus()
        self.uid = UID
        self.writes = 0

    def reconcile(self, status: RolloutStatus | None = None) -> None:
        """As the controller does: remember, write where something differs, then offer."""
        wanted = (status or self.status).model_copy(update={"notified": self.status.notified})
        wanted = self.notifier.remembering(KEY, self.uid, wanted)
        self.writes += wanted != self.status
        self.status = wanted
        self.notifier.offer(KEY, self.uid, self.status)

    @property
    def told(self) -> dict[str, tuple[str, ...]]:
        return {each.id: each.targets for each in self.status.notified or ()}


@in_fake_time
async def test_each_target_gets_what_it_wants() -> None:
    chat, pager, other = Receiver(), Receiver(), Receiver()
    notifier = a_notifier(
        {"chat": chat, "pager": pager, "other": other},
        pager={"on": ["aborted"], "namespaces": ["st*"]},
        other={"namespaces": ["*"], "rollouts": ["cart", "pay-*"]},
    )
    async with running(notifier):
        notifier.offer(KEY, UID, aborted())
        notifier.offer(Key("store", "pay-eu"), "uid-2", a_status())
        await asyncio.sleep(1)
    assert chat.got == ["shop: 3/started", "shop: 3/aborted", "pay-eu: 3/started"]
    assert pager.got == ["shop: 3/aborted"]
    assert other.got == ["pay-eu: 3/started"]


@in_fake_time
async def test_a_release_is_told_once_however_often_it_is_looked_at_and_costs_one_write_for_each_notice() -> None:
    chat = Receiver()
    cluster = Cluster(a_notifier({"chat": chat}))
    async with running(cluster.notifier):
        for status in (a_status(), a_status(reason="WaitingForApproval"), promoted()):
            cluster.reconcile(status)
            for _ in range(5):
                await asyncio.sleep(1)
                cluster.reconcile()
    assert chat.got == ["shop: 3/started", "shop: 3/0/needsApproval", "shop: 3/promoted"]
    assert cluster.told == {"3/started": ("chat",), "3/0/needsApproval": ("chat",), "3/promoted": ("chat",)}
    assert cluster.writes == 3 + 3


@in_fake_time
async def test_who_was_told_is_written_with_the_next_change_of_the_status() -> None:
    cluster = Cluster(a_notifier({"chat": Receiver()}))
    async with running(cluster.notifier):
        cluster.reconcile(a_status())
        await asyncio.sleep(0.1)
        cluster.reconcile(a_status(reason="WaitingForApproval"))
    assert (cluster.writes, cluster.told) == (2, {"3/started": ("chat",)})


@in_fake_time
async def test_whoever_comes_after_a_crash_sends_what_was_not_remembered_with_the_same_identity() -> None:
    chat, mail = Receiver(), Receiver(down=True)
    before = Cluster(a_notifier({"chat": chat, "mail": mail}))
    async with running(before.notifier):
        before.reconcile(aborted())
        await asyncio.sleep(1)
        before.reconcile()
    mail.down = False
    after = Cluster(a_notifier({"chat": chat, "mail": mail}))
    after.status = before.status
    async with running(after.notifier):
        after.reconcile()
        await asyncio.sleep(1)
        after.reconcile()
    assert chat.got == mail.got == ["shop: 3/started", "shop: 3/aborted"]
    assert after.told == {"3/started": ("chat", "mail"), "3/aborted": ("chat", "mail")}


@in_fake_time
async def test_one_that_lost_the_lease_forgets_what_waited_and_owes_it_again_when_it_leads_again() -> None:
    chat = Receiver(down=True)
    cluster = Cluster(a_notifier({"chat": chat}))
    async with running(cluster.notifier):
        cluster.reconcile(a_status())
        await asyncio.sleep(1)
    assert cluster.notifier.outboxes[0].waiting == 0
    chat.down = False
    async with running(cluster.notifier):
        await asyncio.sleep(100)
        assert chat.got == []
        cluster.reconcile()
        await asyncio.sleep(1)
    assert chat.got == ["shop: 3/started"]


@in_fake_time
async def test_a_dead_target_delays_neither_a_thousand_reconciles_nor_another_target() -> None:
    alive, dead = Receiver(), Receiver(down=True)
    notifier = a_notifier({"dead": dead, "alive": alive})
    async with running(notifier):
        for number in range(1000):  # not one of them gives the loop a turn
            notifier.offer(Key("store", f"shop-{number}"), f"uid-{number}", a_status())
        assert [outbox.waiting for outbox in notifier.outboxes] == [1000, 1000]
        await asyncio.sleep(1)
        assert [outbox.waiting for outbox in notifier.outboxes] == [1000, 0]
    assert alive.got == [f"shop-{number}: 3/started" for number in range(1000)]


@in_fake_time
async def test_a_notice_that_is_given_up_is_remembered_too_so_that_nobody_tries_it_for_ever() -> None:
    fates: list[tuple[str, str, Fate]] = []

    async def refuses(_notice: Notice) -> None:
        raise NotSent("answered 400", final=True)

    chat = Receiver()
    chat.send = refuses  # type: ignore[method-assign]
    cluster = Cluster(a_notifier({"chat": chat}, lambda notice, target, fate: fates.append((notice.id, target, fate))))
    async with running(cluster.notifier):
        cluster.reconcile(a_status())
        await asyncio.sleep(1)
        cluster.reconcile()
        await asyncio.sleep(1)
    assert fates == [("3/started", "chat", Fate.GIVEN_UP)]
    assert cluster.told == {"3/started": ("chat",)}


@in_fake_time
async def test_when_the_next_run_begins_the_last_one_is_forgotten_and_what_of_it_waits_is_still_sent() -> None:
    chat = Receiver(down=True)
    cluster = Cluster(a_notifier({"chat": chat}))
    async with running(cluster.notifier):
        cluster.reconcile(promoted())
        cluster.reconcile(a_status(run=a_run(Stage.STEPPING, number=4)))
        chat.down = False
        await asyncio.sleep(10)
        cluster.reconcile()
    assert chat.got == ["shop: 3/started", "shop: 3/promoted", "shop: 4/started"]
    assert cluster.status.notified == (Notified(id="4/started", targets=("chat",)),)


@in_fake_time
async def test_what_waits_for_a_target_waits_once_however_often_the_status_is_looked_at() -> None:
    cluster = Cluster(a_notifier({"chat": Receiver(down=True)}))
    async with running(cluster.notifier):
        for _ in range(5):
            cluster.reconcile(a_status())
            await asyncio.sleep(1)
        assert cluster.notifier.outboxes[0].waiting == 1
    assert (cluster.writes, cluster.told) == (1, {})


@in_fake_time
async def test_a_rollout_that_replaces_one_of_its_name_is_told_anew_whatever_became_of_the_other() -> None:
    chat = Receiver()
    cluster = Cluster(a_notifier({"chat": chat}))
    async with running(cluster.notifier):
        cluster.reconcile(a_status())
        await asyncio.sleep(1)
        cluster.status, cluster.uid = RolloutStatus(), "another"
        cluster.reconcile(a_status())
        assert cluster.told == {}
        await asyncio.sleep(1)
        cluster.reconcile()
    assert chat.got == ["shop: 3/started", "shop: 3/started"]
    assert cluster.told == {"3/started": ("chat",)}


@in_fake_time
async def test_a_rollout_that_is_gone_is_forgotten_and_what_waits_is_still_sent() -> None:
    chat = Receiver(down=True)
    notifier = a_notifier({"chat": chat})
    async with running(notifier):
        notifier.offer(KEY, UID, aborted())
        notifier.forget(KEY)
        chat.down = False
        await asyncio.sleep(5)
    assert chat.got == ["shop: 3/started", "shop: 3/aborted"]
