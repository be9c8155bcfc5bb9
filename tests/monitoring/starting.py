"""Series as Prometheus has them of a process: of a counter nothing before its first event, or before that a 0."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from rollout.metrics import Metrics

Series: TypeAlias = tuple[str, frozenset[tuple[str, str]]]

_TARGET = {"namespace", "pod"}  # labels that Prometheus adds
_VALUES = re.compile(r"(\d+|_)(?:\+(\d+))?(?:x(\d+))?")


def counters(metrics: Metrics) -> dict[Series, float]:
    """Everything that is counted, buckets of histograms included."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if family.type in {"counter", "histogram"} and not sample.name.endswith("_created")
    }


@cache
def at_start() -> dict[Series, float]:
    """What a process with the source `main` and the target `chat` shows before anything happened."""
    return counters(Metrics(sources=["main"], targets=["chat"]))


def since_start(scene: Mapping[str, str], *, minutes: int) -> dict[str, str]:
    """The scene, with what else the process shows; zeros of a counter that it does not show at 0 are not there."""
    known = {_read(name): values for name, values in scene.items()}
    rest = {each: f"{value:g}x{minutes}" for each, value in at_start().items() if each not in known}
    return {_written(each): _born(each, values) for each, values in (known | rest).items()}


def _born(series: Series, values: str) -> str:
    name, labels = series
    own = frozenset(pair for pair in labels if pair[0] not in _TARGET)
    counts = name.endswith(("_total", "_count", "_bucket"))
    if not counts or (name, own) in at_start():
        return values
    return " ".join("_" if value == "0" else value for value in _expanded(values))


def _expanded(values: str) -> Iterator[str]:
    """The values of promtool's notation one by one: `1+2x3` is 1 3 5 7, `_x3` three that are missing."""
    for first, step, times in _VALUES.findall(values):
        if first == "_":
            yield from ["_"] * int(times or 1)
        else:
            yield from (str(int(first) + int(step or 0) * number) for number in range(int(times or 0) + 1))


def _read(series: str) -> Series:
    return series.partition("{")[0], frozenset(re.findall(r'(\w+)="([^"]*)"', series))


def _written(series: Series) -> str:
    name, labels = series
    pairs = ",".join(f'{label}="{value}"' for label, value in sorted(labels))
    return f"{name}{{{pairs}}}"
