"""What a check asks of one side, ready to be sent: selections of counters, or an expression."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from analysis.checks import Asked, Latency, Query, Ratio, Subject, Usage
from analysis.queries import selector
from analysis.selectors import Matcher, Selection, Selector, SelectorError
from analysis.templates import Value, render, variables

_BUCKET: Final = "_bucket"


@dataclass(frozen=True)
class Native:
    """A histogram without fixed buckets, and the bound, in its unit, up to which it is good."""

    histogram: Selection
    bound: float


@dataclass(frozen=True)
class Counting:
    """Two sums of counters: all requests, and a part of them that is bad, or good. The total is asked for first."""

    total: Selection
    part: Selection
    part_is: Literal["bad", "good"]
    missing: str = "no series matches"
    """What it means when there is a total and no part that is good."""
    native: Native | None = None
    """The same of a native histogram, asked for where there is no classic one."""


@dataclass(frozen=True)
class Tailing:
    """All buckets of a histogram, at bounds that are chosen once the stable version's distribution is known."""

    buckets: Selection
    native: Selection
    missing: str = "no series matches"


@dataclass(frozen=True)
class Using:
    """What is used, as a counter or as a gauge, and the requests it is divided by."""

    used: Selection
    cumulative: bool
    per: Selection | None


@dataclass(frozen=True)
class Asking:
    """An expression that comes to one number."""

    expr: str


Reading = Counting | Tailing | Using | Asking


def reading(check: Asked, subject: Subject) -> Reading:
    """What to ask for a check on one side; raises TemplateError and SelectorError."""
    values = variables(subject, check.args)
    match check:
        case Query():
            return Asking(render(check.expr, values))
        case Ratio():
            return _ratio(check, values)
        case Latency():
            return _latency(check, selector(render(check.histogram, values)))
        case Usage():
            per = selector(render(check.per, values)) if check.per is not None else None
            return Using(selector(render(check.counter or check.gauge or "", values)), check.gauge is None, per)


def _ratio(check: Ratio, values: Mapping[str, Value]) -> Counting:
    total = selector(render(check.total, values))
    if check.good is not None:
        return Counting(total, selector(render(check.good, values)), "good", "no series matches ratio.good")
    assert check.bad is not None, "a ratio has bad or good"
    return Counting(total, selector(render(check.bad, values)), "bad")


def _latency(check: Latency, histogram: Selection) -> Counting | Tailing:
    for each in histogram.selectors:
        _require_histogram(each)
    native = Selection(tuple(each.also(name=_base(each)) for each in histogram.selectors))
    if check.below is None:
        return Tailing(Selection(tuple(each.also(name=_base(each) + _BUCKET) for each in histogram.selectors)), native)
    buckets = [_buckets(each, check) for each in histogram.selectors]
    missing = f"the histogram has no bucket bound at {check.below:g} s; choose a bound it has"
    total, good = (Selection(tuple(pair[place] for pair in buckets)) for place in (0, 1))
    return Counting(total, good, "good", missing, Native(native, check.bound(_base(histogram.selectors[0]))))


def _base(histogram: Selector) -> str:
    return (histogram.name or "").removesuffix(_BUCKET)


def _require_histogram(histogram: Selector) -> None:
    if histogram.name is None:
        raise SelectorError("name the histogram, as in request_duration_seconds{...}")
    if any(each.label == "le" for each in histogram.matchers):
        raise SelectorError("the bucket is chosen by `below`; take the matcher on le away")


def _buckets(histogram: Selector, check: Latency) -> tuple[Selector, Selector]:
    base = _base(histogram)
    spelled = "|".join(each.replace(".", r"\.").replace("+", r"\+") for each in spellings(check.bound(base)))
    return (
        histogram.also(Matcher("le", "=", "+Inf"), name=base + _BUCKET),
        histogram.also(Matcher("le", "=~", spelled), name=base + _BUCKET),
    )


def spellings(bound: float) -> tuple[str, ...]:
    """How client libraries write a bucket bound: 1, 1.0, 5e-05, 5.0E-5."""
    exponent = math.floor(math.log10(bound))
    mantissa = float(f"{bound / 10**exponent:.12g}")
    whole = [f"{bound:.0f}"] if bound == int(bound) else []
    scientific = [f"{mantissa!r}E{exponent}", f"{mantissa:g}e{exponent:+03d}"]
    return tuple(dict.fromkeys([*whole, repr(bound), f"{bound:g}", *scientific]))
