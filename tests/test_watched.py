from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from analysis.checks import Check, Restarts, Subject
from analysis.sources import Answer, Counters, NoData, Number, ProviderDown, Unsupported
from rollout.watched import QueryOutcome, Watched

SUBJECT = Subject(side="canary", revision="a31d0", namespace="store", service="shop", pods=("a",))


@dataclass
class Answering:
    """A source that always answers the same."""

    answer: Any
    name: str = "main"
    interval: float = 15.0
    shows_scrapes: bool = True
    closed: bool = False

    def refusal(self, check: Check) -> str | None:
        return "no"

    async def counters(self, selections: object, subject: object, *, reach: float, fresh: float) -> Any:
        return self.answer

    async def value(self, expr: str, *, fresh: float) -> Any:
        return self.answer

    async def close(self) -> None:
        self.closed = True


class Told:
    """What the observer was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, QueryOutcome, float]] = []

    def __call__(self, name: str, outcome: QueryOutcome, seconds: float) -> None:
        self.calls.append((name, outcome, seconds))


def ticking() -> Iterator[float]:
    yield from (float(number) for number in range(0, 1000, 2))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Number(1.0, 2.0), QueryOutcome.OK),
        (NoData("none"), QueryOutcome.NO_DATA),
        (ProviderDown("gone"), QueryOutcome.DOWN),
        (Unsupported("no"), QueryOutcome.UNSUPPORTED),
    ],
)
async def test_an_answer_is_given_on_and_counted_with_its_time(answer: Answer, outcome: QueryOutcome) -> None:
    told, times = Told(), ticking()
    watched = Watched(Answering(answer), told, clock=lambda: next(times))
    assert await watched.value("up", fresh=0.0) == answer
    assert told.calls == [("main", outcome, 2.0)]


async def test_counters_are_counted_like_values() -> None:
    told = Told()
    watched = Watched(Answering(Counters(())), told, clock=lambda: 0.0)
    assert await watched.counters((), SUBJECT, reach=1.0, fresh=0.0) == Counters(())
    assert told.calls == [("main", QueryOutcome.OK, 0.0)]


async def test_everything_else_is_the_sources_own() -> None:
    behind = Answering(None)
    watched = Watched(behind, Told())
    await watched.close()
    said = (watched.name, watched.interval, watched.shows_scrapes, watched.refusal(Restarts(name="restarts")))
    assert (said, behind.closed) == (("main", 15.0, True, "no"), True)
