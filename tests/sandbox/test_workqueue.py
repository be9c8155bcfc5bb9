"""Keys come out when they are due, once, and nonsense behind one does not stop the others."""

import asyncio

import structlog

from sandbox.workqueue import Workqueue, work


class Clock:
    """A time that moves when told to."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def due(queue: Workqueue[str]) -> list[str]:
    """Take out everything that is due."""
    found = []
    while True:
        getting = queue.get()
        try:
            getting.send(None)
        except StopIteration as stop:
            found.append(stop.value)
        else:
            getting.close()
            return found


async def test_a_key_is_due_after_its_delay_and_only_once() -> None:
    clock = Clock()
    queue: Workqueue[str] = Workqueue(clock)
    queue.add("late", after=2)
    queue.add("now")
    queue.add("now")
    assert due(queue) == ["now"]
    clock.time = 2
    assert due(queue) == ["late"]
    assert due(queue) == []


async def test_the_earliest_time_wins() -> None:
    clock = Clock()
    queue: Workqueue[str] = Workqueue(clock)
    queue.add("key", after=5)
    queue.add("key", after=1)
    queue.add("key", after=3)
    clock.time = 1
    assert due(queue) == ["key"]
    clock.time = 5
    assert due(queue) == []


async def test_a_key_that_comes_back_after_it_was_taken_is_due_again() -> None:
    queue: Workqueue[str] = Workqueue(Clock())
    queue.add("key")
    assert due(queue) == ["key"]
    queue.add("key")
    assert due(queue) == ["key"]


async def test_who_waits_is_woken_by_an_earlier_key() -> None:
    queue: Workqueue[str] = Workqueue(asyncio.get_running_loop().time)
    queue.add("late", after=60)
    async with asyncio.TaskGroup() as group:
        got = group.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add("early")
    assert got.result() == "early"


async def test_a_key_whose_reconcile_fails_does_not_stop_the_others() -> None:
    queue: Workqueue[str] = Workqueue(asyncio.get_running_loop().time)
    done = asyncio.Event()

    def reconcile(key: str) -> None:
        if key == "nonsense":
            raise ValueError(key)
        done.set()

    queue.add("nonsense")
    queue.add("sense")
    with structlog.testing.capture_logs() as logs:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            working = group.create_task(work(queue, reconcile))
            await done.wait()
            working.cancel()
    assert [entry["key"] for entry in logs] == ["nonsense"]


async def test_a_key_that_asks_for_another_turn_gets_it() -> None:
    queue: Workqueue[str] = Workqueue(asyncio.get_running_loop().time)
    turns: list[str] = []
    done = asyncio.Event()

    def reconcile(key: str) -> float | None:
        turns.append(key)
        if len(turns) == 2:
            done.set()
            return None
        return 0.01

    queue.add("key")
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        working = group.create_task(work(queue, reconcile))
        await done.wait()
        working.cancel()
    assert turns == ["key", "key"]
