import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from rollout.kube.queue import Queue
from tests.kube.fake_time import run


def in_fake_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def within() -> None:
        run(test())

    return within


def a_queue() -> Queue[str]:
    return Queue(jitter=lambda seconds: seconds)


def now() -> float:
    return asyncio.get_running_loop().time()


async def taken(queue: Queue[str], count: int, *, only_urgent: bool = False) -> list[tuple[str, float]]:
    """The next keys, each done at once, with the time each was given out at."""
    found = []
    for _ in range(count):
        key = await queue.get(only_urgent=only_urgent)
        found.append((key, now()))
        queue.done(key)
    return found


@in_fake_time
async def test_keys_come_in_the_order_they_were_added() -> None:
    queue = a_queue()
    for key in "cab":
        queue.add(key)
    assert [key for key, _ in await taken(queue, 3)] == ["c", "a", "b"]


@in_fake_time
async def test_a_delayed_key_comes_when_it_is_due() -> None:
    queue = a_queue()
    queue.add("late", delay=300)
    queue.add("soon", delay=5)
    assert await taken(queue, 2) == [("soon", 5.0), ("late", 300.0)]


def test_on_the_loop_of_the_process_keys_that_are_due_within_a_millisecond_come_in_their_order() -> None:
    async def soon() -> list[str]:
        queue = a_queue()
        queue.add("second", delay=0.0004)
        queue.add("first", delay=0.0003)
        return [await queue.get() for _ in range(2)]

    assert uvloop.run(soon()) == ["first", "second"]


@in_fake_time
async def test_a_key_added_twice_comes_once_at_the_earlier_time() -> None:
    queue = a_queue()
    queue.add("a", delay=10)
    queue.add("a", delay=3)
    queue.add("a", delay=50)
    queue.add("end", delay=100)
    assert await taken(queue, 2) == [("a", 3.0), ("end", 100.0)]


@in_fake_time
async def test_a_waiting_worker_is_woken_by_a_new_key() -> None:
    queue = a_queue()
    queue.add("later", delay=10)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(queue.get())
        await asyncio.sleep(1)
        queue.add("now")
    assert (first.result(), now()) == ("now", 1.0)


@in_fake_time
async def test_an_urgent_key_overtakes_and_stays_urgent() -> None:
    queue = a_queue()
    for key in ("a", "b", "c"):
        queue.add(key)
    queue.add("c", urgent=True)
    queue.add("c")
    assert [key for key, _ in await taken(queue, 3)] == ["c", "a", "b"]


@in_fake_time
async def test_the_urgent_worker_takes_nothing_else() -> None:
    queue = a_queue()
    queue.add("a")
    queue.add("b", delay=5, urgent=True)
    assert await taken(queue, 1, only_urgent=True) == [("b", 5.0)]
    assert queue.depth == 1


@in_fake_time
async def test_an_urgent_key_rather_goes_to_the_worker_that_can_do_nothing_else() -> None:
    queue = a_queue()
    async with asyncio.TaskGroup() as group:
        any_worker = group.create_task(queue.get())
        urgent_worker = group.create_task(queue.get(only_urgent=True))
        await asyncio.sleep(1)
        queue.add("abort", urgent=True)
        queue.add("step")
    assert (urgent_worker.result(), any_worker.result()) == ("abort", "step")


@in_fake_time
async def test_an_urgent_key_does_not_wait_for_the_urgent_worker_while_another_is_free() -> None:
    queue = a_queue()
    queue.add("first", urgent=True)
    queue.add("second", urgent=True)
    assert {await queue.get(only_urgent=True), await queue.get()} == {"first", "second"}


@in_fake_time
async def test_a_key_in_work_is_given_to_nobody_else_and_again_when_done() -> None:
    queue = a_queue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a", urgent=True)
    queue.add("b")
    assert await queue.get() == "b"
    assert (queue.depth, queue.delayed) == (0, 1)
    queue.done("a")
    assert await queue.get(only_urgent=True) == "a"


@in_fake_time
async def test_a_time_asked_for_while_in_work_is_kept() -> None:
    queue = a_queue()
    queue.add("a")
    await queue.get()
    queue.add("a", delay=30)
    queue.done("a")
    assert await taken(queue, 1) == [("a", 30.0)]


@in_fake_time
async def test_only_what_is_in_work_can_be_done() -> None:
    with pytest.raises(KeyError):
        a_queue().done("a")


@in_fake_time
async def test_failures_are_retried_later_and_later_until_one_success() -> None:
    queue = a_queue()
    waits = [queue.retry("a") for _ in range(12)]
    queue.forget("a")
    assert waits[:4] == [0.05, 0.1, 0.2, 0.4]
    assert (waits[-1], queue.retry("a")) == (30.0, 0.05)


@in_fake_time
async def test_a_failing_urgent_key_stays_urgent_and_never_waits_longer_than_a_second() -> None:
    queue = a_queue()
    queue.add("a", urgent=True)
    waits = []
    for _ in range(8):
        await queue.get(only_urgent=True)
        waits.append(queue.retry("a"))
        queue.done("a")
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]


@in_fake_time
async def test_work_that_turns_out_to_be_urgent_is_retried_as_such() -> None:
    queue = a_queue()
    for _ in range(7):
        queue.retry("a")
    queue.add("a")
    await queue.get()
    queue.urge("a")
    assert queue.retry("a") == 1.0
    queue.done("a")
    assert await taken(queue, 1, only_urgent=True) == [("a", 1.0)]


@in_fake_time
async def test_what_is_urgent_ends_with_the_work_it_was_found_in() -> None:
    queue = a_queue()
    queue.urge("b")
    queue.add("a")
    await queue.get()
    queue.urge("a")
    queue.done("a")
    queue.add("a")
    queue.add("b")
    queue.add("c", urgent=True)
    assert [key for key, _ in await taken(queue, 3)] == ["c", "a", "b"]


@in_fake_time
async def test_a_wait_the_server_asked_for_is_respected() -> None:
    queue = a_queue()
    assert queue.retry("a", at_least=7.0) == 7.0
    assert await taken(queue, 1) == [("a", 7.0)]


@in_fake_time
async def test_what_is_urgent_waits_a_second_at_most_whatever_the_server_asked_for() -> None:
    queue = a_queue()
    queue.add("a", urgent=True)
    assert await queue.get() == "a"
    assert queue.retry("a", at_least=7.0) == 1.0


@in_fake_time
async def test_a_change_does_not_wait_for_the_end_of_a_back_off() -> None:
    queue = a_queue()
    queue.retry("a", at_least=20.0)
    queue.add("a")
    assert await taken(queue, 1) == [("a", 0.0)]


@in_fake_time
async def test_a_worker_that_is_cancelled_as_it_gets_a_key_loses_nothing() -> None:
    queue = a_queue()
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(queue.get())
        await asyncio.sleep(1)
        queue.add("a", urgent=True)
        queue.add("a")
        worker.cancel()
    assert await taken(queue, 1, only_urgent=True) == [("a", 1.0)]


@in_fake_time
async def test_a_worker_that_was_cancelled_while_waiting_gets_no_key() -> None:
    queue = a_queue()
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(queue.get())
        await asyncio.sleep(1)
        worker.cancel()
    queue.add("a")
    assert await taken(queue, 1) == [("a", 1.0)]


@in_fake_time
async def test_depth_and_age_tell_how_far_the_workers_are_behind() -> None:
    queue = a_queue()
    assert (queue.depth, queue.delayed, queue.oldest) == (0, 0, 0.0)
    queue.add("a")
    await asyncio.sleep(2)
    queue.add("b", urgent=True)
    queue.add("later", delay=60)
    await asyncio.sleep(3)
    assert (queue.depth, queue.delayed, queue.oldest) == (2, 1, 5.0)


@in_fake_time
async def test_a_long_queue_of_short_work_lets_others_have_their_turn() -> None:
    queue = a_queue()
    for number in range(100):
        queue.add(str(number))
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(taken(queue, 100))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not worker.done()


@in_fake_time
async def test_outdated_times_do_not_pile_up() -> None:
    queue = a_queue()
    for number in range(10_000):
        queue.add("a", delay=1_000_000 - number)
    assert len(queue._later) < 100


KEYS = st.sampled_from(["a", "b", "c"])
ADDITIONS = st.lists(st.tuples(KEYS, st.integers(0, 3), st.integers(0, 4), st.booleans()), max_size=25)
WORK = st.lists(st.integers(0, 3), min_size=1, max_size=10)


@given(ADDITIONS, WORK, st.integers(1, 3))
def test_no_key_is_ever_lost_or_in_two_workers_at_once(
    additions: list[tuple[str, int, int, bool]], work: list[int], workers: int
) -> None:
    """Every addition is followed by a run that starts at or after it, and not before some addition was due."""
    runs: list[tuple[str, float]] = []
    added: list[tuple[str, float, float]] = []

    async def scenario() -> None:
        queue = a_queue()
        busy: set[str] = set()

        async def worker(*, only_urgent: bool) -> None:
            while True:
                key = await queue.get(only_urgent=only_urgent)
                assert key not in busy
                busy.add(key)
                runs.append((key, now()))
                await asyncio.sleep(work[len(runs) % len(work)])
                busy.remove(key)
                queue.done(key)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(worker(only_urgent=False)) for _ in range(workers)]
            tasks.append(group.create_task(worker(only_urgent=True)))
            for key, pause, delay, urgent in additions:
                await asyncio.sleep(pause)
                queue.add(key, delay=delay, urgent=urgent)
                added.append((key, now(), now() + delay))
            await asyncio.sleep(1000)
            assert (queue.depth, queue.delayed) == (0, 0)
            for task in tasks:
                task.cancel()

    run(scenario())
    for key, at, _ in added:
        assert any(ran == key and started >= at for ran, started in runs)
    for key, started in runs:
        assert any(wanted == key and due <= started for wanted, _, due in added)
    assert len(runs) <= len(added)


@given(st.lists(st.tuples(KEYS, st.booleans()), max_size=12), st.lists(st.booleans(), max_size=12))
def test_workers_cancelled_at_any_moment_lose_no_key(additions: list[tuple[str, bool]], cancels: list[bool]) -> None:
    async def scenario() -> set[str]:
        queue = a_queue()
        kept: set[str] = set()
        for n, (key, urgent) in enumerate(additions):
            worker = asyncio.ensure_future(queue.get())
            await asyncio.sleep(n % 2)
            queue.add(key, urgent=urgent)
            if n < len(cancels) and cancels[n]:
                worker.cancel()
            await asyncio.wait([worker], timeout=1)
            if worker.cancelled() or not worker.done():
                worker.cancel()
                await asyncio.wait([worker])
            else:
                kept.add(worker.result())
                queue.done(worker.result())
        while queue.depth:
            kept |= {key for key, _ in await taken(queue, 1)}
        return kept

    assert run(scenario()) == {key for key, _ in additions}
