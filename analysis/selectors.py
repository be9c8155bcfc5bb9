"""Counter selectors as values: what they match, how they read in PromQL, and which series they pick."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pydantic_core import SchemaError, SchemaValidator, core_schema

from analysis.templates import quoted

Operator = Literal["=", "!=", "=~", "!~"]
Labels = Mapping[str, str]

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class SelectorError(ValueError):
    """An expression that is not a counter selector or a sum of them; the message says what to write instead."""


@dataclass(frozen=True)
class Matcher:
    """One condition on a label, with Prometheus' meaning: an absent label is the empty string."""

    label: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        """As PromQL."""
        label = self.label if _LABEL.fullmatch(self.label) else quoted(self.label)
        return f"{label}{self.operator}{quoted(self.value)}"


@dataclass(frozen=True)
class Selector:
    """The series of one metric; `name` is None where the name is matched like a label, as `__name__`."""

    name: str | None
    matchers: tuple[Matcher, ...] = ()

    def __str__(self) -> str:
        """As PromQL."""
        plain = self.name is not None and _METRIC.fullmatch(self.name)
        inside = [*([] if plain or self.name is None else [quoted(self.name)]), *map(str, self.matchers)]
        return f"{self.name if plain else ''}{{{','.join(inside)}}}"

    def also(self, *matchers: Matcher, name: str | None = None) -> "Selector":
        """The same selector with more conditions and, where given, another metric name."""
        return Selector(name or self.name, (*self.matchers, *matchers))


@dataclass(frozen=True)
class Selection:
    """A sum of counters: every series that any of the selectors picks, once for each that does."""

    selectors: tuple[Selector, ...]

    def __str__(self) -> str:
        """As PromQL."""
        return " + ".join(f"sum({selector})" for selector in self.selectors)


def matches(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether a series with these labels is picked. Raises SelectorError for an expression that cannot be evaluated."""
    return all(_holds(matcher, labels.get(matcher.label, "")) for matcher in matchers)


def _holds(matcher: Matcher, value: str) -> bool:
    match matcher.operator:
        case "=":
            return value == matcher.value
        case "!=":
            return value != matcher.value
        case "=~":
            return _pattern(matcher.value)(value)
        case "!~":
            return not _pattern(matcher.value)(value)


@lru_cache(maxsize=4096)
def _pattern(expression: str) -> Callable[[str], bool]:
    # An engine of RE2's kind: linear in the text, so that nobody's expression can stop the event loop. Python's own
    # backtracks, and knows neither \pL nor [[:alpha:]].
    try:
        schema = core_schema.str_schema(pattern=f"^(?s:{expression})$", regex_engine="rust-regex")
        return SchemaValidator(schema).isinstance_python
    except SchemaError:
        raise SelectorError(f"the regular expression {expression!r} cannot be evaluated; simplify it") from None
