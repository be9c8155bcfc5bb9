"""Each counter in which an alert looks for an increase is shown at 0 before anything happened."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product

import promql_parser
import pytest
from promql_parser import MatchOp

from analysis.results import State
from rollout.metrics import WRITTEN, Metrics, ReconcileOutcome, RequestOutcome, RequestVerb
from rollout.models.status import Outcome
from rollout.monitoring.alerts import ALERTS, Alert
from rollout.notifications.outbox import Fate
from rollout.passages import Passages
from rollout.watched import QueryOutcome
from tests.monitoring.starting import Series, at_start, counters

COUNTING = ("increase", "rate")


def after_everything() -> Metrics:
    """Of a process in which everything that can be counted has been, at least once."""
    metrics = Metrics()
    for outcome in ReconcileOutcome:
        metrics.reconciled(outcome, 1.0)
    for verb, resource, answer, lane in product(RequestVerb, WRITTEN, RequestOutcome, ("write", "urgent")):
        metrics.wrote(verb, resource=resource.plural, outcome=answer, lane=lane, seconds=1.0)
    for ended in Outcome:
        metrics.passed(Passages(outcome=ended, release=timedelta(1), step=timedelta(1)))
    for query in QueryOutcome:
        metrics.queried("main", query, 1.0)
    for state in State:
        metrics.judged(state)
    for fate in Fate:
        metrics.notified("chat", fate)
    metrics.reacted(timedelta(1))
    return metrics


def counted_by(expr: promql_parser.Expr) -> Iterator[promql_parser.VectorSelector]:
    """What is selected within `increase` and `rate`."""
    if isinstance(expr, promql_parser.Call) and expr.func.name in COUNTING:
        yield from (each.vector_selector for each in expr.args)
    elif isinstance(expr, promql_parser.Call):
        for each in expr.args:
            yield from counted_by(each)
    elif isinstance(expr, promql_parser.BinaryExpr):
        yield from counted_by(expr.lhs)
        yield from counted_by(expr.rhs)
    elif isinstance(expr, promql_parser.AggregateExpr | promql_parser.ParenExpr):
        yield from counted_by(expr.expr)


def selects(selector: promql_parser.VectorSelector, series: Series) -> bool:
    name, labels = series[0], dict(series[1])
    return name == selector.name and all(_matches(each, labels) for each in selector.matchers.matchers)


def _matches(matcher: promql_parser.Matcher, labels: dict[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    if matcher.op in (MatchOp.Equal, MatchOp.NotEqual):
        return (value == matcher.value) == (matcher.op == MatchOp.Equal)
    raise AssertionError(f"no alert matches by {matcher.op} yet")


WATCHED = [alert for alert in ALERTS if any(f"{each}(" in alert.expr for each in COUNTING)]


@pytest.mark.parametrize("alert", WATCHED, ids=lambda alert: alert.name)
def test_what_an_alert_counts_is_there_at_0_from_the_start(alert: Alert) -> None:
    selectors = list(counted_by(promql_parser.parse(alert.expr)))
    assert len(selectors) == sum(alert.expr.count(f"{each}(") for each in COUNTING)
    possible = counters(after_everything())
    for selector in selectors:
        read = [series for series in possible if selects(selector, series)]
        assert read
        assert {series: at_start().get(series) for series in read} == dict.fromkeys(read, 0.0)
