"""The table of all rows, for people and for documents."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from bench.judge.runs import Result

_HEAD = (
    "| {group} | taken back (95 % limits) | after | failed requests | goes on after"
    " | samples: taken back, after, failed | checks: taken back, after | |"
)


def table(results: Iterable[Result]) -> Iterator[str]:
    """Markdown, line by line. Times are medians of the runs that ended, failed requests means of all."""
    for group, found in groupby(results, key=lambda each: each.row.group):
        yield ""
        yield _HEAD.format(group=group)
        yield "|---|---|---|---|---|---|---|---|"
        yield from map(line, found)


def line(result: Result) -> str:
    """One row."""
    cells = (
        result.row.name,
        _rate(*result.rate),
        _seconds(result.after),
        f"{result.failed:.1f}" if result.row.worse else "",
        _seconds(result.advanced_after),
        f"{_percent(result.by_samples / result.runs)}, {_seconds(result.samples_after)}, "
        f"{result.failed_by_samples:.0f}",
        f"{_percent(result.by_checks / result.runs)}, {_seconds(result.checks_after)}",
        _verdict(result),
    )
    return f"| {' | '.join(cells)} |"


def _verdict(result: Result) -> str:
    if result.row.want is None:
        return "reported"
    return "reached" if result.missed is None else f"MISSED: {result.missed}"


def _rate(rate: float, low: float, high: float) -> str:
    return f"{_percent(rate)} ({_percent(low)} to {_percent(high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %" if share < 0.1 else f"{100 * share:.1f} %"


def _seconds(time: float | None) -> str:
    return "-" if time is None else f"{time:g} s"
