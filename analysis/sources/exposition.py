"""The Prometheus text format (and OpenMetrics where it is the same), read no further than somebody asks."""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from analysis.selectors import Selector, matches

_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?=[{\s])|(?=\{)")
# Name, labels, value; then perhaps a timestamp, perhaps an exemplar.
_LINE: Final = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s*([^\s#]+)(?:\s+[-+0-9.eE]+)?\s*(?:#.*)?'
)
_LABEL: Final = re.compile(r'\s*(?:([a-zA-Z_]\w*)|"((?:[^"\\]|\\.)*)")\s*(?:=\s*"((?:[^"\\]|\\.)*)")?\s*(?:,\s*|\Z)')
_ESCAPE: Final = re.compile(r"\\(.)")
_MEANING: Final = {"n": "\n", "\\": "\\", '"': '"'}


class ExpositionError(ValueError):
    """A text that is not an exposition; the message shows the beginning of the line."""


class Sample(NamedTuple):
    """One line: the metric's name, its labels and its value, which may be NaN or infinite."""

    name: str
    labels: Mapping[str, str]
    value: float


class Exposition:
    """One scrape. Every line is taken apart once, when its metric is first asked for."""

    def __init__(self, lines: Mapping[str, list[str]]) -> None:
        self._lines = lines
        self._samples: dict[str, tuple[Sample, ...]] = {}
        self._indices: dict[tuple[str, str], dict[str, list[Sample]]] = {}

    def select(self, selector: Selector) -> tuple[Sample, ...]:
        """The samples that the selector picks. Raises ExpositionError."""
        matchers = selector.matchers
        return tuple(
            each for each in self._candidates(selector) if matches(matchers, {"__name__": each.name, **each.labels})
        )

    def samples(self, name: str) -> tuple[Sample, ...]:
        """The samples of one metric. Raises ExpositionError."""
        if name not in self._samples:
            self._samples[name] = tuple(_sample(line) for line in self._lines.get(name, ()))
        return self._samples[name]

    def _candidates(self, selector: Selector) -> Iterable[Sample]:
        if selector.name is None:
            return [sample for name in self._lines for sample in self.samples(name)]
        exact = next((each for each in selector.matchers if each.operator == "=" and each.value), None)
        if exact is None:
            return self.samples(selector.name)
        return self._index(selector.name, exact.label).get(exact.value, ())

    def _index(self, name: str, label: str) -> Mapping[str, list[Sample]]:
        # A proxy shows the series of every rollout, and every rollout asks for its own.
        if (name, label) not in self._indices:
            index = self._indices[name, label] = {}
            for sample in self.samples(name):
                index.setdefault(sample.labels.get(label, ""), []).append(sample)
        return self._indices[name, label]


def parse(text: str) -> Exposition:
    """The scrape in `text`; a line that cannot belong to one raises ExpositionError, here or when it is asked for."""
    lines: dict[str, list[str]] = {}
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped and stripped[0] != "#":
            lines.setdefault(_name(stripped), []).append(stripped)
    return Exposition(lines)


def _name(line: str) -> str:
    match = _NAME.match(line)
    if match is None:
        raise ExpositionError(f"{line[:40]!r} is not a metric")
    return match.group() or _sample(line).name


def _sample(line: str) -> Sample:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ExpositionError(f"{line[:40]!r} is not a metric")
    name, labels = match.group(1) or "", dict[str, str]()
    for label, value in _labels(match.group(2) or ""):
        if value is None:
            name = label
        else:
            labels[label] = value
    try:
        return Sample(name, labels, float(match.group(3)))
    except ValueError:
        raise ExpositionError(f"{line[:40]!r} has no value") from None


def _labels(text: str) -> Iterable[tuple[str, str | None]]:
    end = 0
    while end < len(text.rstrip()):
        match = _LABEL.match(text, end)
        if match is None:
            raise ExpositionError(f"{text[end : end + 40]!r} is not a label")
        plain, quoted, value = match.groups()
        yield plain or _unescaped(quoted), None if value is None else _unescaped(value)
        end = match.end()


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _MEANING.get(found.group(1), found.group()), text) if "\\" in text else text
