import json
from datetime import datetime, timedelta
from typing import Any

from analysis.judge.several import several
from api.charts import ENDED, KEPT, Charts
from rollout.kube.store import Store
from rollout.live import Live
from rollout.models.kinds import ROLLOUT_RUNS, ROLLOUTS, Key, Manifest
from rollout.models.rollout import dump, parse_status
from tests.api.cluster import NOW, SHOP, a_cluster, a_record, a_run, a_store, an_app, caller, moving, quiet


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Seen:
    """A cache, and the charts of what it is told."""

    def __init__(self, *manifests: Manifest) -> None:
        self.clock = Clock()
        self.store: Store = a_store(*manifests)
        self.charts = Charts(self.store, clock=self.clock)
        self._version = 100

    def tell(self, manifest: Manifest, *, after: float = 1.0) -> None:
        self.clock.now += timedelta(seconds=after)
        self._version += 1
        manifest["metadata"]["resourceVersion"] = str(self._version)
        self.store.put(ROLLOUTS, json.dumps(manifest).encode())

    def errors(self, key: Key = SHOP) -> list[tuple[float, float | None, float | None, float | None]]:
        """Seconds since the start, stable, canary, evidence."""
        lines = [line for line in self.charts.of(key).checks if line.name == "errors"]
        return [
            ((datetime.fromisoformat(each.at) - NOW).total_seconds(), each.stable, each.canary, each.evidence)
            for line in lines
            for each in line.points
        ]


def judged(canary: float | None, *, weight: float = 5, **fields: Any) -> Manifest:
    check = {"name": "errors", "state": "pass", "message": "fine", "stable": 0.5, "canary": canary, "unit": "%"}
    return moving(analysis=[check | fields], traffic={"desired": weight})


def test_a_line_has_a_point_for_each_number_that_differs_from_the_one_before() -> None:
    seen = Seen(judged(0.4, evidence=1.5))
    seen.tell(judged(0.4, evidence=1.5))
    seen.tell(judged(0.6, evidence=1.5))
    seen.tell(judged(0.6, evidence=2.0))
    assert seen.errors() == [(0.0, 0.5, 0.4, 1.5), (2.0, 0.5, 0.6, 1.5), (3.0, 0.5, 0.6, 2.0)]


def test_a_write_with_older_numbers_than_those_told_live_is_no_point() -> None:
    def whole(manifest: Manifest) -> Manifest:
        return {**manifest, "status": dump(parse_status(manifest))}

    seen = Seen(whole(judged(0.4, evidence=1.5)))
    live = Live(seen.store)
    seen.charts = Charts(live, clock=seen.clock)
    seen.clock.now += timedelta(seconds=1)
    live.tell(SHOP, parse_status(judged(0.9, evidence=60.0)))
    annotated = whole(judged(0.4, evidence=1.5))
    annotated["metadata"]["annotations"] = {"somebody": "was here"}
    seen.tell(annotated)
    assert seen.errors() == [(0.0, 0.5, 0.4, 1.5), (1.0, 0.5, 0.9, 60.0)]


def test_a_number_that_stays_the_same_is_a_point_again_every_fifteen_seconds() -> None:
    seen = Seen(judged(0.4))
    for _ in range(4):
        seen.tell(judged(0.4), after=8)
    assert seen.errors() == [(0.0, 0.5, 0.4, None), (16.0, 0.5, 0.4, None), (32.0, 0.5, 0.4, None)]


def test_a_side_that_says_nothing_has_no_value_and_a_check_that_never_did_has_no_line() -> None:
    seen = Seen(judged(None))
    assert seen.errors() == [(0.0, 0.5, None, None)]
    assert [line.name for line in seen.charts.of(SHOP).checks] == ["errors"]
    assert Seen(judged(None, stable=None)).charts.of(SHOP).checks == ()


def test_the_desired_share_is_told_since_when_it_was_seen() -> None:
    seen = Seen(judged(0.4))
    seen.tell(judged(0.5))
    seen.tell(judged(0.5, weight=25))
    assert [(each.at, each.weight) for each in seen.charts.of(SHOP).weights] == [
        ("2026-05-01T13:46:00.000Z", 5.0),
        ("2026-05-01T13:46:02.000Z", 25.0),
    ]


def test_a_long_run_loses_resolution_in_its_older_half_and_never_its_ends() -> None:
    seen = Seen(judged(0.0))
    for number in range(1, 2 * KEPT):
        seen.tell(judged(number / 100))
    points = seen.errors()
    assert KEPT // 2 < len(points) <= KEPT
    assert (points[0][0], points[-1][0]) == (0.0, 2 * KEPT - 1)
    assert [at for at, *_ in points[-KEPT // 2 :]] == [float(at) for at in range(2 * KEPT - KEPT // 2, 2 * KEPT)]


def test_a_run_that_is_over_keeps_its_lines_until_the_next_one_starts() -> None:
    seen = Seen(judged(0.4))
    ended = judged(9.9)
    ended["status"]["run"] = a_run("Done", outcome="aborted")
    seen.tell(ended)
    assert seen.errors() == [(0.0, 0.5, 0.4, None)]
    following = judged(0.7)
    following["status"]["run"] = a_run(number=5, name="shop-5")
    seen.tell(following)
    assert seen.errors() == [(2.0, 0.5, 0.7, None)]


def test_a_run_that_this_process_did_not_see_has_no_points() -> None:
    series = Seen(quiet("shop")).charts.of(SHOP)
    assert (series.run, series.weights, series.checks) == (4, (), ())


def test_a_deleted_rollout_leaves_nothing_behind() -> None:
    seen = Seen(judged(0.4))
    seen.store.remove(ROLLOUTS, SHOP)
    seen.tell(judged(0.6))
    assert seen.errors() == [(1.0, 0.5, 0.6, None)]


def test_of_many_that_are_over_the_one_that_ended_first_goes() -> None:
    seen = Seen()
    for number in range(ENDED + 1):
        for stage in ("Stepping", "Done"):
            each = judged(0.4)
            each["metadata"]["name"] = f"shop-{number}"
            each["status"]["run"] = a_run(stage)
            seen.tell(each)
    assert seen.errors(Key("store", "shop-0")) == []
    assert len(seen.errors(Key("store", "shop-1"))) == 1


def test_the_bar_and_the_ceiling_are_those_of_the_run() -> None:
    ratio = {"bad": "b", "total": "t"}
    checks = [
        {"name": "errors", "ratio": ratio},
        {"name": "orders", "ratio": ratio, "ceiling": 1, "compare": False},
        {"name": "p99", "latency": {"histogram": "h", "below": "500ms", "share": 99.9}},
        {"name": "tail", "latency": {"histogram": "h"}},
        {"name": "queue", "query": {"expr": "q", "max": 5}},
        {"name": "carts", "ratio": ratio, "warnOnly": True},
    ]
    said = [{"name": each["name"], "state": "pass", "message": "", "canary": 1.0} for each in checks]
    seen = Seen(moving(analysis=said))
    seen.store.put(ROLLOUT_RUNS, json.dumps(a_record(4, analysis={"checks": checks, "falseAborts": 0.5})).encode())
    assert [(line.name, line.bar, line.ceiling) for line in seen.charts.of(SHOP).checks] == [
        ("errors", 598.0, 5.0),
        ("orders", None, 1.0),
        ("p99", 598.0, 0.1),
        ("tail", 598.0, None),
        ("queue", None, None),
        ("carts", None, 5.0),
    ]
    assert several([(1 / 3, 598.0, 1e3), *[(1 / 3, 1.0, 1.0)] * 2], alpha=0.005).aborts
    assert not several([(1 / 3, 597.0, 1e3), *[(1 / 3, 1.0, 1.0)] * 2], alpha=0.005).aborts


async def test_the_series_of_a_run_are_read_over_rest() -> None:
    async with a_cluster() as server, an_app(server, judged(0.4, evidence=1.5)) as app, caller(app) as api:
        answer = await api.get("/api/v1/namespaces/store/rollouts/shop/series")
        missing = await api.get("/api/v1/namespaces/store/rollouts/nothing/series")
    point = {"at": "2026-05-01T13:46:00.000Z", "stable": 0.5, "canary": 0.4, "evidence": 1.5}
    assert answer.json() == {
        "run": 4,
        "startedAt": "2026-05-01T13:41:00.000Z",
        "now": "2026-05-01T13:46:00.000Z",
        "weights": [{"at": "2026-05-01T13:46:00.000Z", "weight": 5.0}],
        "checks": [{"name": "errors", "unit": "%", "bar": None, "ceiling": None, "points": [point]}],
    }
    assert missing.status_code == 404
