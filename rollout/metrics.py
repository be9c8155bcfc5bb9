"""What the controller tells Prometheus about itself; no label ever holds the name of an object people made."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

PREFIX = "progressive_delivery"
_RECONCILE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


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


@dataclass(frozen=True, kw_only=True)
class Readings:
    """States that are read when Prometheus asks, so that they cost nothing in between and are never out of date.

    Each function must be quick and must not raise. `queue_depth` is by lane, `watch_ages` seconds since the last sign
    of life by the resource's plural name, `phases` the number of Rollouts by phase, `notifications` by target how many
    wait, and the seconds that the oldest does.
    """

    queue_depth: Callable[[], Mapping[str, int]]
    watch_ages: Callable[[], Mapping[str, float]]
    phases: Callable[[], Mapping[str, int]]
    notifications: Callable[[], Mapping[str, tuple[int, float]]] = dict


class Metrics:
    """A registry of its own: several can live in one process, and nothing of the interpreter is in it."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._reconciles = self._counter("reconciles", "Reconciles by outcome.", ("outcome",))
        self._durations = self._histogram("reconcile_duration_seconds", "Length of a reconcile.", _RECONCILE_BUCKETS)
        self._writes = self._counter(
            "api_server_writes", "Writes to the Kubernetes API server.", ("verb", "resource", "outcome")
        )
        self._notifications = self._counter(
            "notifications", "Notifications by what became of them.", ("target", "outcome")
        )
        self._verdicts = self._counter("verdicts", "Verdicts on checks by state.", ("state",))

    def reconciled(self, outcome: ReconcileOutcome, seconds: float) -> None:
        """Count one reconcile."""
        self._reconciles.labels(outcome).inc()
        self._durations.observe(seconds)

    def wrote(self, verb: RequestVerb, *, resource: str, outcome: RequestOutcome) -> None:
        """Count one write; `resource` is the plural name of a kind."""
        self._writes.labels(verb, resource, outcome).inc()

    def judged(self, state: str) -> None:
        """Count one verdict; `state` is one of the states that a check can report."""
        self._verdicts.labels(state).inc()

    def notified(self, target: str, outcome: str) -> None:
        """Count one notification that need not be sent any more; `target` is a name of the configuration."""
        self._notifications.labels(target, outcome).inc()

    def read(self, readings: Readings) -> None:
        """Show these states from now on. To be called once."""
        self._registry.register(_Gauges(readings))

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, about: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"{PREFIX}_{name}", about, labels, registry=self._registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", about, labels, buckets=buckets, registry=self._registry)


@dataclass(frozen=True)
class _Gauges:
    """The collector of a `Readings`, as the registry calls it."""

    readings: Readings

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family for each state."""
        yield _gauge("queue_depth", "Rollouts that wait for a reconcile.", "lane", self.readings.queue_depth())
        yield _gauge(
            "watch_age_seconds", "Time since a watch last gave a sign of life.", "resource", self.readings.watch_ages()
        )
        yield _gauge("rollouts", "Rollouts by phase.", "phase", self.readings.phases())
        outboxes = self.readings.notifications()
        yield _gauge(
            "notifications_waiting",
            "Notifications that were not sent yet.",
            "target",
            {target: count for target, (count, _) in outboxes.items()},
        )
        yield _gauge(
            "notification_age_seconds",
            "How long the oldest of them waits.",
            "target",
            {target: age for target, (_, age) in outboxes.items()},
        )


def _gauge(name: str, about: str, label: str, values: Mapping[str, float] | Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", about, labels=[label])
    for value in sorted(values):
        family.add_metric([value], values[value])
    return family
