"""What the charts of the release that goes on, or went on last, are drawn from: numbers as they were seen over time."""

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isnan, nan
from typing import Any, Final

from pydantic import Field

from analysis.checks import CEILING, FALSE_ABORTS, Query
from analysis.comparing import part_of
from api.ports import Store
from api.view import View
from rollout.core.checks import to_asked
from rollout.models.analysis import Analysis
from rollout.models.checks import Check
from rollout.models.kinds import ROLLOUT_RUNS, ROLLOUTS, Key, Manifest, Resource
from rollout.models.rollout import Invalid, format_time, parse_run
from rollout.models.run import RolloutRunSpec

KEPT: Final = 240
"""Points of one line; when there are more, every second of the older half goes, so that new ones stay dense."""

ENDED: Final = 200
"""Releases that are over and whose lines are kept; when there are more, the one that moved longest ago goes."""

_REPEAT = 15.0  # seconds after which a number is a point again though it did not change


class PointView(View):
    """What one check said at one moment."""

    at: str = Field(description="When it was seen.")
    stable: float | None = Field(description="The stable version's value, in `unit`.")
    canary: float | None = Field(description="The canary's value, in `unit`.")
    evidence: float | None = Field(description="The evidence against the canary; 1 is none.")


class LineView(View):
    """One check over the time of a run."""

    name: str = Field(description="The check.")
    unit: str | None = Field(description="`%` for shares of requests; none for plain numbers.")
    bar: float | None = Field(
        description="The evidence at which this check alone takes the canary back; none where it never does."
    )
    ceiling: float | None = Field(description="The value that is bad in any case, in `unit`; none where there is none.")
    points: tuple[PointView, ...] = Field(description="What it said, oldest first.")


class WeightView(View):
    """Since when the canary was to have a share of the traffic."""

    at: str = Field(description="When it was seen.")
    weight: float = Field(description="The desired share, in per cent.")


class SeriesView(View):
    """A run over time, as far as this process has seen it."""

    run: int | None = Field(description="The number of the run; none before the first.")
    started_at: str | None = Field(description="When the run started.")
    now: str = Field(description="The time of the answer.")
    weights: tuple[WeightView, ...] = Field(description="The desired share, a step function.")
    checks: tuple[LineView, ...] = Field(description="The checks.")


@dataclass
class Line:
    """One check's points as four columns, which take a tenth of the memory of objects."""

    unit: str | None
    columns: tuple["array[float]", ...] = field(default_factory=lambda: tuple(array("d") for _ in range(4)))

    def add(self, at: float, *values: float) -> None:
        """Take the numbers of this moment, unless they are those of the point before and that is not long ago."""
        last = tuple(column[-1] for column in self.columns) if self.columns[0] else (-nan,)
        if at - last[0] < _REPEAT and all(_same(*pair) for pair in zip(last[1:], values, strict=True)):
            return
        for column, value in zip(self.columns, (at, *values), strict=True):
            column.append(value)
        if len(self.columns[0]) > KEPT:
            for column in self.columns:
                del column[1 : KEPT // 2 : 2]

    def points(self) -> Iterator[PointView]:
        """The points, oldest first."""
        for at, *values in zip(*self.columns, strict=True):
            stable, canary, evidence = (None if isnan(value) else value for value in values)
            yield PointView(at=_text(at), stable=stable, canary=canary, evidence=evidence)


@dataclass
class Chart:
    """One run of a Rollout as it was seen; `weights` are pairs of Unix seconds and per cent."""

    run: int
    weights: list[tuple[float, float]] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)

    def see(self, status: Mapping[str, Any], at: float) -> None:
        """Take what a status says at `at`, in Unix seconds."""
        weight = (status.get("traffic") or {}).get("desired")
        if weight is not None and (not self.weights or self.weights[-1][1] != float(weight)):
            self.weights = [*self.weights[-KEPT:], (at, float(weight))]
        for check in status.get("analysis") or ():
            numbers = [check.get(name) for name in ("stable", "canary", "evidence")]
            if any(number is not None for number in numbers):
                line = self.lines.setdefault(check["name"], Line(check.get("unit")))
                line.add(at, *(nan if number is None else float(number) for number in numbers))


class Charts:
    """The charts of every Rollout that was seen to move; bounded, and gone with the process."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._charts: dict[Key, Chart] = {}
        self._ended: dict[Key, None] = {}  # those of them that are over, in that order
        for key in store.keys(ROLLOUTS):
            self._changed(ROLLOUTS, key, store.get(ROLLOUTS, key), None)
        store.subscribe(self._changed)

    def of(self, key: Key) -> SeriesView:
        """The last run of this Rollout; without points where this process saw none."""
        manifest = self._store.get(ROLLOUTS, key) or {}
        run = (manifest.get("status") or {}).get("run") or {}
        chart = self._charts.get(key)
        if chart is None or chart.run != run.get("number"):
            chart = Chart(run=run.get("number", 0))
        spec = self._spec(key, run.get("name"))
        return SeriesView(
            run=run.get("number"),
            started_at=run.get("startedAt"),
            now=format_time(self._clock()),
            weights=tuple(WeightView(at=_text(at), weight=weight) for at, weight in chart.weights),
            checks=tuple(_line(name, line, spec) for name, line in chart.lines.items()),
        )

    def _changed(self, resource: Resource, key: Key, new: Manifest | None, _old: Manifest | None) -> None:
        if resource != ROLLOUTS:
            return
        if new is not None:  # what is told has the numbers of the last write, which may be older than those here
            new = self._store.get(ROLLOUTS, key)
        run = ((new or {}).get("status") or {}).get("run") or {}
        if new is None:
            self._forget(key)
        elif run.get("stage") == "Done":
            self._over(key)
        elif run.get("number") is not None:
            self._see(key, run["number"], new["status"])

    def _see(self, key: Key, run: int, status: Manifest) -> None:
        self._ended.pop(key, None)
        chart = self._charts.get(key)
        if chart is None or chart.run != run:
            chart = self._charts[key] = Chart(run=run)
        chart.see(status, self._clock().timestamp())

    def _over(self, key: Key) -> None:
        """Keep it as long as there is room; what moves is always kept."""
        if key in self._charts:
            self._ended.setdefault(key)
        if len(self._ended) > ENDED:
            self._forget(next(iter(self._ended)))

    def _forget(self, key: Key) -> None:
        self._charts.pop(key, None)
        self._ended.pop(key, None)

    def _spec(self, key: Key, name: str | None) -> RolloutRunSpec | None:
        record = self._store.get(ROLLOUT_RUNS, Key(key.namespace, name)) if name else None
        try:
            return parse_run(record)[0] if record else None
        except Invalid:
            return None


def _line(name: str, line: Line, spec: RolloutRunSpec | None) -> LineView:
    analysis = spec.analysis if spec else None
    check = next((each for each in (analysis.checks if analysis else None) or () if each.name == name), None)
    bar = ceiling = None
    if analysis is not None and check is not None:
        ceiling = _ceiling(check)
        bar = _bar(check, analysis)
    return LineView(name=name, unit=line.unit, bar=bar, ceiling=ceiling, points=tuple(line.points()))


def _bar(check: Check, analysis: Analysis) -> float | None:
    """The evidence at which the canary is taken back by this check alone, while that of all others is 1."""
    asked = {each.name: each for each in map(to_asked, analysis.checks or ()) if each is not None}
    mine = asked.get(check.name)
    if mine is None or isinstance(mine, Query) or not check.compared or mine.warn_only:
        return None
    part = part_of(mine, tuple(asked.values()))
    enough = 100 / (analysis.false_aborts or 100 * FALSE_ABORTS)
    return round((enough - (1 - part)) / part, 6)


def _ceiling(check: Check) -> float | None:
    if check.latency is not None and check.latency.share is not None:
        return round(100 - check.latency.share, 7)
    if check.ratio is None and (check.latency is None or check.latency.below is None):
        return None
    return check.ceiling or 100 * CEILING


def _same(one: float, other: float) -> bool:
    return one == other or (isnan(one) and isnan(other))


def _text(seconds: float) -> str:
    return format_time(datetime.fromtimestamp(seconds, UTC))
