"""What the controller tells Prometheus about itself; no label ever holds the name of an object people made."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import StrEnum
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from analysis.results import State
from rollout.kube.transport import Lane
from rollout.models.kinds import DEPLOYMENTS, GRPC_ROUTES, HTTP_ROUTES, INGRESSES, ROLLOUT_RUNS, ROLLOUTS, SERVICES
from rollout.models.status import Outcome
from rollout.notifications.outbox import Fate
from rollout.passages import Passages
from rollout.readings import PREFIX, Gauges, Readings
from rollout.watched import QueryOutcome

WRITTEN = (ROLLOUTS, ROLLOUT_RUNS, DEPLOYMENTS, SERVICES, HTTP_ROUTES, GRPC_ROUTES, INGRESSES)
"""What a reconcile writes."""

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_LONG = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0, 43200.0, 86400.0)


class ReconcileOutcome(StrEnum):
    """How one reconcile ended."""

    QUIET = "quiet"  # nothing differed, nothing was written
    WROTE = "wrote"
    STALLED = "stalled"  # a person has to act
    CONFLICT = "conflict"  # the cluster moved on meanwhile
    UNAVAILABLE = "unavailable"  # the API server did not answer
    FAILED = "failed"


class RequestOutcome(StrEnum):
    """How the API server answered."""

    OK = "ok"
    CONFLICT = "conflict"
    NOT_FOUND = "notFound"
    FORBIDDEN = "forbidden"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"


class RequestVerb(StrEnum):
    """What the API server was asked to write."""

    CREATE = "create"
    PATCH = "patch"
    DELETE = "delete"


class Metrics:
    """A registry of its own: several can live in one process, and nothing of the interpreter is in it.

    `sources` and `targets` are the names of the configuration. What an alert may count is there from the start, at 0.
    """

    def __init__(self, *, sources: Sequence[str] = (), targets: Sequence[str] = ()) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._reconciles = self._counter("reconciles", "Reconciles by outcome.", ("outcome",))
        self._durations = self._histogram("reconcile_duration_seconds", "Length of a reconcile.", _QUICK)
        self._writes = self._counter(
            "api_server_writes", "Writes to the Kubernetes API server.", ("verb", "resource", "outcome")
        )
        self._notifications = self._counter(
            "notifications", "Notifications by what became of them.", ("target", "outcome")
        )
        self._write_durations = self._histogram(
            "api_server_write_duration_seconds", "Length of a write, by lane.", _QUICK, ("verb", "lane")
        )
        self._verdicts = self._counter("verdicts", "Verdicts on checks by state.", ("state",))
        self._releases = self._counter("releases", "Releases that ended, by outcome.", ("outcome",))
        self._release_durations = self._histogram(
            "release_duration_seconds", "From the change of the template to the end.", _LONG, ("outcome",)
        )
        self._step_durations = self._histogram("step_duration_seconds", "Length of a step that was left.", _LONG)
        self._reactions = self._histogram(
            "abort_reaction_seconds", "From the sample that proves a breach to the canary off the traffic.", _QUICK
        )
        self._queries = self._counter(
            "metric_source_queries", "Questions to a metric source by what came of them.", ("source", "outcome")
        )
        self._query_durations = self._histogram(
            "metric_source_query_seconds", "Time until a metric source answered.", _QUICK, ("source",)
        )
        self._sources: dict[str, bool] = {}
        self._begin(sources, targets)

    def elected(self) -> None:
        """This replica acts from now on; what it heard of metric sources when it did so before is over."""
        self._sources.clear()

    def reconciled(self, outcome: ReconcileOutcome, seconds: float) -> None:
        """Count one reconcile."""
        self._reconciles.labels(outcome).inc()
        self._durations.observe(seconds)

    def wrote(self, verb: RequestVerb, *, resource: str, outcome: RequestOutcome, lane: str, seconds: float) -> None:
        """Count one write; `resource` is the plural name of a kind."""
        self._writes.labels(verb, resource, outcome).inc()
        self._write_durations.labels(verb, lane).observe(seconds)

    def passed(self, passages: Passages) -> None:
        """Count what a Rollout went through, once it is written."""
        if passages.outcome is not None and passages.release is not None:
            self._releases.labels(passages.outcome).inc()
            self._release_durations.labels(passages.outcome).observe(passages.release.total_seconds())
        if passages.step is not None:
            self._step_durations.observe(passages.step.total_seconds())

    def reacted(self, after: timedelta) -> None:
        """Count one breach, `after` which the canary was off the traffic."""
        self._reactions.observe(max(after.total_seconds(), 0.0))

    def queried(self, source: str, outcome: QueryOutcome, seconds: float) -> None:
        """Count one question to a metric source; its name is one of the configuration's."""
        self._queries.labels(source, outcome).inc()
        self._query_durations.labels(source).observe(seconds)
        self._sources[source] = outcome is not QueryOutcome.DOWN

    def judged(self, state: str) -> None:
        """Count one verdict; `state` is one of the states that a check can report."""
        self._verdicts.labels(state).inc()

    def notified(self, target: str, outcome: str) -> None:
        """Count one notification that need not be sent any more; `target` is a name of the configuration."""
        self._notifications.labels(target, outcome).inc()

    def read(self, readings: Readings) -> None:
        """Show these states from now on. To be called once."""
        self._registry.register(Gauges(readings, self._sources))

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _begin(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        """Prometheus sees no increase in a series that is born with its first event: so each is born before."""
        plurals = [resource.plural for resource in WRITTEN]
        _show(self._reconciles, ReconcileOutcome)
        _show(self._writes, RequestVerb, plurals, [RequestOutcome.FORBIDDEN])
        _show(self._write_durations, RequestVerb, [Lane.WRITE, Lane.URGENT])
        _show(self._notifications, targets, Fate)
        _show(self._verdicts, State)
        _show(self._releases, Outcome)
        _show(self._release_durations, Outcome)
        _show(self._queries, sources, QueryOutcome)
        _show(self._query_durations, sources)

    def _counter(self, name: str, about: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"{PREFIX}_{name}", about, labels, registry=self._registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", about, labels, buckets=buckets, registry=self._registry)


def _show(metric: Counter | Histogram, *labels: Iterable[str]) -> None:
    """Every combination of these values, of which nothing was counted yet."""
    for values in product(*labels):
        metric.labels(*values)
