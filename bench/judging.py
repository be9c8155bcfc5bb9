"""`python -m bench.judging`: what a verdict costs after an hour of data, and what it costs to fetch what it rests on.

Three checks on four pods a side, looked at every ten seconds: errors, latency and restarts. Fetching is the real client
library over loopback, and the server's own work is in it. All is processor time.
"""

import asyncio
import time
from dataclasses import replace

import typer

from analysis.checks import Check, Comparison, Latency, Ratio, Restarts, Subscription
from analysis.following import follow
from analysis.polling import Question, poll
from analysis.sources import PrometheusSource
from analysis.sources.prometheus import Prometheus
from tests.analysis.builders import START, at
from tests.analysis.fakes import FakePrometheus, serving
from tests.analysis.history_of import CANARY, STABLE, Remembered

_EVERY = 10
_HOUR = 360
_PODS = 4
_OF = 'pod=~"{{pods}}"'
_ROLLOUTS, _CHECKS = 1000, 3
CHECKS: tuple[Check, ...] = (
    Ratio(name="errors", bad=f'all{{{_OF},code="500"}}', total=f"all{{{_OF}}}", rule=Comparison(ceiling=0.01)),
    Latency(name="latency", histogram=f"d_seconds{{{_OF}}}", below=0.5, rule=Comparison(ceiling=0.01)),
    Restarts(name="restarts"),
)


def main() -> None:
    """Measure, and print."""
    judging, reading = asyncio.run(_hour())
    fetching = asyncio.run(_fetching())
    share = _ROLLOUTS * _CHECKS / _EVERY * judging
    print(f"a verdict (one check, one look): {1e6 * judging:.0f} us")
    print(f"{_ROLLOUTS:,} rollouts with {_CHECKS} checks, every {_EVERY} s: {100 * share:.1f} % of a core")
    print(f"differencing what was fetched (one check, one side): {1e6 * reading:.0f} us")
    print(f"fetching it from a Prometheus on loopback (one check, one side): {1e6 * fetching:.0f} us")


async def _hour() -> tuple[float, float]:
    """Seconds for a verdict, and for reading an answer, as means of the last ten minutes of an hour."""
    source = _remembered()
    following = follow("a", _subscription(), None, find=lambda _check: source, now=at(0))
    judging = reading = 0.0
    looks = asked = 0
    for number in range(_HOUR):
        now = at(number * _EVERY + 5)
        source.now = now.timestamp()
        began = time.process_time()
        following.lived(now)
        spent = time.process_time() - began
        for followed in tuple(following.places.values()):
            if followed.asked is None:
                continue
            question = Question(
                reading=followed.asked[1], subject=followed.subject, now=now.timestamp(), fresh=now.timestamp()
            )
            began = time.process_time()
            followed.track = await poll(source, question, followed.track, {})
            done = time.process_time()
            following.took(followed)
            spent += time.process_time() - done
            if number >= _HOUR - 60:
                reading, asked = reading + done - began, asked + 1
        began = time.process_time()
        following.assessment(now)
        spent += time.process_time() - began
        if number >= _HOUR - 60:
            judging, looks = judging + spent, looks + _CHECKS
    return judging / looks, reading / asked


async def _fetching() -> float:
    fake = FakePrometheus(series={labels: list(points[:4]) for labels, points in _remembered().points.items()})
    fake.clock = lambda: START.timestamp() + 4 * _EVERY
    async with serving(fake):
        prometheus = Prometheus(PrometheusSource(name="prometheus", url=fake.url))
        subscription, count = _subscription(), 200
        following = follow("a", subscription, None, find=lambda _check: prometheus, now=at(30))
        followed = following.places["errors", "canary"]
        assert followed.asked is not None
        began = time.process_time()
        for _ in range(count):
            fresh = asyncio.get_running_loop().time()
            question = Question(
                reading=followed.asked[1], subject=followed.subject, now=at(30).timestamp(), fresh=fresh
            )
            await poll(prometheus, question, followed.track, {})
        spent = (time.process_time() - began) / count
        await prometheus.close()
    return spent


def _subscription() -> Subscription:
    names = {side: tuple(f"{side}{number}" for number in range(_PODS)) for side in ("c", "s")}
    canary = replace(CANARY, pods=names["c"], restarts=(0,) * _PODS)
    stable = replace(STABLE, pods=names["s"], restarts=(0,) * _PODS)
    return Subscription(checks=CHECKS, subjects=(canary, stable), since=START, run=1)


def _remembered() -> Remembered:
    """An hour of scrapes: half a per cent of the requests bad, one in fifty slow."""
    source = Remembered()
    for number in range(_HOUR):
        for pod in (f"{side}{each}" for side in ("c", "s") for each in range(_PODS)):
            requests, seconds = 200 * number, number * _EVERY + 1
            bad, slow = requests // 200, requests // 50
            source.scrape(seconds, metric="all", pod=pod, code="200", value=requests - bad)
            source.scrape(seconds, metric="all", pod=pod, code="500", value=bad)
            source.scrape(seconds, metric="d_seconds_bucket", pod=pod, le="0.5", value=requests - slow)
            source.scrape(seconds, metric="d_seconds_bucket", pod=pod, le="+Inf", value=requests)
    return source


if __name__ == "__main__":
    typer.run(main)
