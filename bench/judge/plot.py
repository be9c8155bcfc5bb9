"""`python -m bench.judge.plot DIRECTORY`: the pictures of docs/how-it-decides.md, drawn from simulated releases."""

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from analysis.judge import Rule, begun, detectable
from bench.judge.scenario import SECONDS, Scenario, blocks

_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 150, 24, 48
_RATES = tuple(10 ** (step / 8) for step in range(25))
_STYLE = """svg{font:13px system-ui,sans-serif;background:#fff}text{fill:#333}.grid{stroke:#e4e4e4}.axis{stroke:#888}
path{fill:none;stroke-width:1.6}.calm{stroke:#9aa5b1;stroke-width:1}.warm{stroke:#d08700;stroke-dasharray:6 3}
.bad{stroke:#b3261e}.bar{stroke:#b3261e;stroke-dasharray:2 4}"""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """One line: its points, how it is drawn, and what stands at its end, so much lower."""

    points: Points
    style: str
    label: str = ""
    lower: int = 4


@dataclass(frozen=True)
class Axis:
    """One axis: what is on it, its ends, and where it is marked with what; `log` for powers of ten."""

    name: str
    low: float
    high: float
    marks: tuple[tuple[float, str], ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value is, from 0 to 1."""
        low, high, at = (math.log10(max(each, 1e-9)) if self.log else each for each in (self.low, self.high, value))
        return min(1.0, max(0.0, (at - low) / (high - low)))


def evidence() -> str:
    """The evidence against equal canaries and worse ones, as it comes in."""
    rule = Rule(ceiling=0.01)
    usual = Scenario(rate=100.0, errors=0.005, minutes=10)
    kinds = ((1.0, "calm", 20, "equal"), (5.0, "warm", 6, "fivefold"), (10.0, "bad", 6, "tenfold"))
    lines = []
    for ratio, style, count, label in kinds:
        courses = sorted((_course(replace(usual, ratio=ratio), rule, seed) for seed in range(count)), key=len)
        lines += [Line(course, style) for course in courses[:-1]]
        lines.append(Line(courses[-1], style, label, -8 if ratio > 1 else 4))
    bar = Line(((0, 100), (600, 100)), "bar", "taken back at 100")
    times = Axis(
        "seconds since the first judged request", 0, 600, tuple((each, f"{each:g}") for each in range(0, 601, 120))
    )
    money = Axis("evidence", 0.1, 1e5, tuple((10.0**each, f"{10.0**each:g}") for each in range(-1, 6)), log=True)
    return "\n".join(_drawn([*lines, bar], times, money))


def findable() -> str:
    """The smallest ratio that ten minutes find, by traffic and share."""
    lines = [
        Line(tuple(_found(share)), style, f"{100 * share:g} % of the traffic", lower)
        for share, style, lower in ((0.01, "calm", 4), (0.05, "warm", -2), (0.5, "bad", 14))
    ]
    traffic = Axis("requests a second", 1, 1000, ((1, "1"), (10, "10"), (100, "100"), (1000, "1,000")), log=True)
    ratio = Axis(
        "times the stable's errors (0.5 %)", 1, 30, ((1, "1"), (2, "2"), (5, "5"), (10, "10"), (30, "30")), log=True
    )
    return "\n".join(_drawn(lines, traffic, ratio))


def _found(share: float) -> Iterator[tuple[float, float]]:
    for rate in _RATES:
        ratio = detectable(
            requests=rate,
            share=share,
            stable_bad=0.005,
            seconds=600,
            rule=Rule(ceiling=0.01),
            canary_pods=3,
            stable_pods=10,
        )
        if ratio is not None:
            yield rate, ratio


def _course(scenario: Scenario, rule: Rule, seed: int) -> Points:
    found, now = [(0.0, 1.0)], begun(rule)
    for number, block in enumerate(blocks(scenario, Random(f"{scenario.ratio}/{seed}"))):
        now = now.after(block)
        found.append(((number + 1) * SECONDS, now.e_value))
        if now.aborts:
            break
    return found


def _drawn(lines: Iterable[Line], x: Axis, y: Axis) -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
    yield f"<style>{_STYLE}</style>"
    for value, label in x.marks:
        yield f'<text x="{_x(x, value):.0f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{label}</text>'
    for value, label in y.marks:
        at = _y(y, value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{at + 4:.0f}" text-anchor="end">{label}</text>'
    yield f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">{x.name}</text>'
    yield f'<text x="{_LEFT}" y="14" text-anchor="start">{y.name}</text>'
    for line in lines:
        path = " ".join(f"{'ML'[place > 0]}{_x(x, a):.1f} {_y(y, b):.1f}" for place, (a, b) in enumerate(line.points))
        yield f'<path class="{line.style}" d="{path}"/>'
        if line.label:
            a, b = line.points[-1]
            yield f'<text x="{_x(x, a) + 6:.0f}" y="{_y(y, b) + line.lower:.0f}">{line.label}</text>'
    yield "</svg>"


def _x(axis: Axis, value: float) -> float:
    return _LEFT + axis.place(value) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - axis.place(value) * (_HEIGHT - _TOP - _BOTTOM)


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    for name, draw in (("evidence", evidence), ("findable", findable)):
        (directory / f"{name}.svg").write_text(draw() + "\n")
