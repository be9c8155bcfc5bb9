"""What a check asks of one side, ready to be sent: selections of counters, or an expression."""

import math
from dataclasses import dataclass
from typing import Final, Literal

from analysis.checks import Check, Latency, Query, Ratio, Subject
from analysis.queries import selector
from analysis.selectors import Matcher, Selection, Selector, SelectorError
from analysis.templates import render, variables

_BUCKET: Final = "_bucket"


@dataclass(frozen=True)
class Counting:
    """Two sums of counters: all requests, and a part of them that is bad, or good. The total is asked for first."""

    total: Selection
    part: Selection
    part_is: Literal["bad", "good"]
    missing: str = "no series matches"
    """What it means when there is a total and no part that is good."""


@dataclass(frozen=True)
class Asking:
    """An expression that comes to one number."""

    expr: str


Reading = Counting | Asking


def reading(check: Check, subject: Subject) -> Reading:
    """What to ask for a check on one side; raises TemplateError and SelectorError."""
    values = variables(subject, check.args)
    match check:
        case Query():
            return Asking(render(check.expr, values))
        case Ratio():
            return Counting(selector(render(check.total, values)), selector(render(check.bad, values)), "bad")
        case Latency():
            return _latency(check, selector(render(check.histogram, values)))


def _latency(check: Latency, histogram: Selection) -> Counting:
    buckets = [_buckets(each, check) for each in histogram.selectors]
    missing = f"the histogram has no bucket bound at {check.below:g} s; choose a bound it has"
    total, good = (Selection(tuple(pair[place] for pair in buckets)) for place in (0, 1))
    return Counting(total, good, "good", missing)


def _buckets(histogram: Selector, check: Latency) -> tuple[Selector, Selector]:
    if histogram.name is None:
        raise SelectorError("name the histogram, as in request_duration_seconds{...}")
    if any(each.label == "le" for each in histogram.matchers):
        raise SelectorError("the bucket is chosen by `below`; take the matcher on le away")
    base = histogram.name.removesuffix(_BUCKET)
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
