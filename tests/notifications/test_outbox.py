"""One target's outbox in fake time: order, patience, limits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

import structlog

from rollout.notifications.notice import Notice
from rollout.notifications.outbox import Fate, Outbox
from rollout.notifications.sending import NotSent
from tests.kube.fake_time import run
from tests.notifications.builders import NOW, numbered


def in_fake_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def within() -> None:
        run(test())

    return within


def seconds() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Target:
    """Takes a notice unless `refuses` says why not; it tells when each attempt came."""

    refuses: Callable[[str], Exception | None] = lambda _notice: None
    attempts: list[tuple[str, float]] = field(default_factory=list)
    fates: list[tuple[str, Fate]] = field(default_factory=list)

    async def send(self, notice: Notice) -> None:
        self.attempts.append((notice.id, seconds()))
        problem = self.refuses(notice.id)
        if problem is not None:
            raise problem

    def settled(self, notice: Notice, target: str, fate: Fate) -> None:
        assert target == "chat"
        self.fates.append((notice.id, fate))


def clock() -> datetime:
    return NOW + timedelta(seconds=seconds())


@asynccontextmanager
async def running(target: Target, *, capacity: int = 100) -> AsyncIterator[Outbox]:
    outbox = Outbox(
        "chat", target.send, now=clock, settled=target.settled, capacity=capacity, jitter=lambda longest: longest
    )
    task = asyncio.get_running_loop().create_task(outbox.run())
    try:
        yield outbox
    finally:
        task.cancel()
        await asyncio.wait([task])


@in_fake_time
async def test_what_is_put_is_sent_at_once_and_in_order() -> None:
    target = Target()
    async with running(target) as outbox:
        for number in (1, 2, 3):
            outbox.put(numbered(number))
        await asyncio.sleep(1)
        outbox.put(numbered(4))
        await asyncio.sleep(1)
    assert target.attempts == [("1/started", 0), ("2/started", 0), ("3/started", 0), ("4/started", 1)]
    assert target.fates == [(name, Fate.SENT) for name, _ in target.attempts]


@in_fake_time
async def test_what_is_not_taken_is_tried_again_ever_more_slowly_and_what_comes_after_waits() -> None:
    answers = [NotSent("no")] * 3
    target = Target(lambda _notice: answers.pop() if answers else None)
    async with running(target) as outbox:
        outbox.put(numbered(1))
        outbox.put(numbered(2))
        await asyncio.sleep(60)
    assert target.attempts == [("1/started", at) for at in (0, 1, 3, 7)] + [("2/started", 7)]
    assert target.fates == [("1/started", Fate.SENT), ("2/started", Fate.SENT)]


@in_fake_time
async def test_a_target_that_asks_for_time_gets_it() -> None:
    answers = [NotSent("answered 429", after=40.0)]
    target = Target(lambda _notice: answers.pop() if answers else None)
    async with running(target) as outbox:
        outbox.put(numbered(1))
        await asyncio.sleep(60)
    assert target.attempts == [("1/started", 0), ("1/started", 40)]


@in_fake_time
async def test_after_an_hour_it_is_given_up_and_the_next_one_has_its_turn() -> None:
    target = Target(lambda notice: NotSent("no") if notice == "1/started" else None)
    async with running(target) as outbox:
        outbox.put(numbered(1))
        await asyncio.sleep(600)
        outbox.put(numbered(2))
        assert (outbox.waiting, outbox.age) == (2, 600)
        await asyncio.sleep(3600)
        assert (outbox.waiting, outbox.age) == (0, 0)
    assert target.fates == [("1/started", Fate.GIVEN_UP), ("2/started", Fate.SENT)]
    last = max(at for name, at in target.attempts if name == "1/started")
    assert 3600 < last <= 3660


@in_fake_time
async def test_what_a_target_will_never_take_is_given_up_at_once() -> None:
    target = Target(lambda notice: NotSent("answered 400", final=True) if notice == "1/started" else None)
    async with running(target) as outbox:
        outbox.put(numbered(1))
        outbox.put(numbered(2))
        await asyncio.sleep(0.1)
    assert target.fates == [("1/started", Fate.GIVEN_UP), ("2/started", Fate.SENT)]


@in_fake_time
async def test_why_it_was_not_taken_is_logged() -> None:
    refusal = NotSent("answered 404", final=True)
    target = Target(lambda notice: refusal if notice == "1/started" else ZeroDivisionError("sesame"))
    with structlog.testing.capture_logs() as logs:
        async with running(target) as outbox:
            outbox.put(numbered(1))
            outbox.put(numbered(2))
            await asyncio.sleep(0.1)
    reasons = [(each["target"], each["why"]) for each in logs if each["event"] == "notification not taken"]
    assert reasons == [("chat", "answered 404"), ("chat", "failed (ZeroDivisionError)")]


@in_fake_time
async def test_where_too_much_waits_the_oldest_is_dropped_and_said_by_name_only() -> None:
    target = Target(lambda _notice: NotSent("https://sesame is down"))
    with structlog.testing.capture_logs() as logs:
        async with running(target, capacity=2) as outbox:
            for number in (1, 2, 3):
                outbox.put(numbered(number))
            assert outbox.waiting == 2
    assert target.fates == [("1/started", Fate.DROPPED)]
    assert logs == [
        {
            "event": "notification lost",
            "log_level": "warning",
            "target": "chat",
            "kind": "started",
            "rollout": "store/shop",
            "outcome": "dropped",
        }
    ]


@in_fake_time
async def test_what_is_dropped_while_it_is_being_sent_is_settled_once() -> None:
    target, free = Target(), asyncio.Event()
    sent: list[str] = []

    async def slow(notice: Notice) -> None:
        sent.append(notice.id)
        await free.wait()

    target.send = slow  # type: ignore[method-assign]
    async with running(target, capacity=1) as outbox:
        outbox.put(numbered(1))
        await asyncio.sleep(1)
        outbox.put(numbered(2))
        free.set()
        await asyncio.sleep(1)
    assert sent == ["1/started", "2/started"]
    assert target.fates == [("1/started", Fate.DROPPED), ("2/started", Fate.SENT)]
