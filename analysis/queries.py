"""PromQL before it is sent: templates filled in, problems named with their place and remedy, selectors taken apart."""

from collections.abc import Callable, Iterator
from itertools import islice, product
from typing import Final

import promql_parser as promql

from analysis import syntax
from analysis.checks import Check, Latency, Query, Ratio, Restarts, Subject, Usage
from analysis.selectors import Matcher, Operator, Selection, Selector, SelectorError, matches
from analysis.templates import TemplateError, placeholders, render, variables

__all__ = ["TemplateError", "problem", "render", "selector", "validate", "validate_selector", "variables"]

Arguments = tuple[tuple[str, str], ...]

_SUBJECT: Final = Subject(side="canary", revision="a1b2c3", namespace="default", service="web", pods=("web-a1b2c3-x",))
_SAMPLE_VALUES: Final = ("x", "1", "5m")
_MOST_SAMPLES: Final = 81
_OPERATORS: Final[dict[str, Operator]] = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
_ONLY: Final = "write the counter itself, as in requests_total{...}, or a sum of counters with + or sum()"


def validate(expr: str, *, args: Arguments | None = None) -> str | None:
    """What is wrong with a templated expression, with its place and a remedy; None where nothing is.

    `args` None means that the arguments are not known yet: any name is taken to exist and any value to fit.
    """
    return _problem(expr, args, syntax.problem)


def validate_selector(expr: str, *, args: Arguments | None = None) -> str | None:
    """Like `validate`, for what must be a counter selector or a sum of them."""
    return _problem(expr, args, _selector_problem)


def problem(check: Check) -> str | None:
    """What is wrong with the texts of a check, with check and field in front; None where nothing is."""
    args = () if isinstance(check, Restarts) else check.args
    found = ((field, judge(text, args=args)) for field, text, judge in _texts(check))
    return next((f"{check.name}: {field}: {text}" for field, text in found if text), None)


def selector(expr: str) -> Selection:
    """The counters an expression adds up; raises SelectorError for anything but selectors, `+` and `sum()`."""
    refused = syntax.problem(expr)
    if refused:
        raise SelectorError(refused)
    selection = Selection(_selectors(promql.parse(expr)))
    for each in selection.selectors:
        matches(each.matchers, {})  # an expression that cannot be evaluated shows itself here
    return selection


def _texts(check: Check) -> Iterator[tuple[str, str, Callable[..., str | None]]]:
    match check:
        case Query():
            yield "query.expr", check.expr, validate
        case Ratio():
            fields = {"ratio.bad": check.bad, "ratio.good": check.good, "ratio.total": check.total}
            yield from ((field, text, validate_selector) for field, text in fields.items() if text is not None)
        case Latency():
            yield "latency.histogram", check.histogram, validate_selector
        case Usage():
            fields = {"usage.counter": check.counter, "usage.gauge": check.gauge, "usage.per": check.per}
            yield from ((field, text, validate_selector) for field, text in fields.items() if text is not None)
        case Restarts():
            return


def _problem(expr: str, args: Arguments | None, judge: Callable[[str], str | None]) -> str | None:
    if args is not None:
        return _filled_problem(expr, args, judge)
    names = sorted(name.removeprefix("args.") for name in placeholders(expr) if name.startswith("args."))
    combinations = islice(product(_SAMPLE_VALUES, repeat=len(names)), _MOST_SAMPLES)
    problems = [_filled_problem(expr, tuple(zip(names, values, strict=True)), judge) for values in combinations]
    return None if None in problems else problems[0]


def _filled_problem(expr: str, args: Arguments, judge: Callable[[str], str | None]) -> str | None:
    try:
        return judge(render(expr, variables(_SUBJECT, args)))
    except TemplateError as error:
        return str(error)


def _selector_problem(expr: str) -> str | None:
    try:
        selector(expr)
    except SelectorError as error:
        return str(error)
    return None


def _selectors(tree: promql.Expr) -> tuple[Selector, ...]:
    if isinstance(tree, promql.ParenExpr):
        return _selectors(tree.expr)
    if isinstance(tree, promql.BinaryExpr):
        return _added(tree)
    if isinstance(tree, promql.AggregateExpr):
        return _summed(tree)
    if isinstance(tree, promql.VectorSelector):
        return (_selector(tree),)
    name = f"{tree.func.name}() of a counter" if isinstance(tree, promql.Call) else "this"
    raise SelectorError(f"{tree.prettify()}: {name} is not a counter, and increments are taken here; {_ONLY}")


def _added(tree: promql.BinaryExpr) -> tuple[Selector, ...]:
    if str(tree.op) != "+" or tree.modifier is not None:
        raise SelectorError(f"{tree.prettify()}: counters can only be added, with a plain +; {_ONLY}")
    return _selectors(tree.lhs) + _selectors(tree.rhs)


def _summed(tree: promql.AggregateExpr) -> tuple[Selector, ...]:
    if str(tree.op) != "sum" or tree.modifier is not None:
        raise SelectorError(f"{tree.prettify()}: only a plain sum() without by or without is taken apart; {_ONLY}")
    return _selectors(tree.expr)


def _selector(tree: promql.VectorSelector) -> Selector:
    if tree.offset is not None or tree.at is not None:
        raise SelectorError(f"{tree.prettify()}: counters are read as they are now; take offset and @ away")
    if tree.matchers.or_matchers:
        raise SelectorError(f"{tree.prettify()}: 'or' between matchers is not read; add two selectors with +")
    matchers = tuple(map(_matcher, tree.matchers.matchers))
    names = tuple(each for each in matchers if each.label == "__name__" and each.operator == "=")
    if tree.name is None and len(names) == 1:
        return Selector(names[0].value, tuple(each for each in matchers if each not in names))
    return Selector(tree.name, matchers)


def _matcher(each: promql.Matcher) -> Matcher:
    return Matcher(each.name, _OPERATORS[str(each.op).rpartition(".")[2]], each.value)
