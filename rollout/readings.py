"""States that the controller shows Prometheus: read when it asks, so that they cost nothing in between."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily

PREFIX = "progressive_delivery"

Labelled = Mapping[str, float] | Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Readings:
    """Where the states are read. Each function must be quick and must not raise.

    `queue_depth` is by lane, `queue_age` the seconds that the key which waits for longest has been due, `watch_ages`
    seconds since the last sign of life by the resource's plural name, `phases` and `reasons` numbers of Rollouts,
    `phase_ages` and `step_age` seconds, `notifications` by target how many wait and the seconds that the oldest does.
    """

    version: str
    leads: Callable[[], bool]
    queue_depth: Callable[[], Mapping[str, int]]
    queue_age: Callable[[], float]
    watch_ages: Callable[[], Mapping[str, float]]
    phases: Callable[[], Mapping[str, int]]
    reasons: Callable[[], Mapping[str, int]]
    phase_ages: Callable[[], Mapping[str, float]]
    step_age: Callable[[], float]
    event_streams: Callable[[], int]
    notifications: Callable[[], Mapping[str, tuple[int, float]]] = dict


@dataclass(frozen=True, eq=False)
class Gauges:
    """The collector of some readings, as a registry calls it; `sources` says by name which of them answered last."""

    readings: Readings
    sources: Mapping[str, bool]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family for each state."""
        read = self.readings
        yield _by("build_info", "The version that runs; always 1.", "version", {read.version: 1})
        yield _one("leader", "Whether this replica acts.", int(read.leads()))
        # Who does not act asks no source: what it heard last would be shown for ever.
        heard = self.sources if read.leads() else {}
        yield _by("metric_source_up", "Whether a source answered when asked last.", "source", heard)
        yield _by("queue_depth", "Rollouts that wait for a reconcile.", "lane", read.queue_depth())
        yield _one("queue_age_seconds", "How long the longest of them has been due.", read.queue_age())
        yield _by("watch_age_seconds", "Time since a watch last gave a sign of life.", "resource", read.watch_ages())
        yield _by("rollouts", "Rollouts by phase.", "phase", read.phases())
        yield _by("rollouts_unready", "Rollouts that are not Healthy, by their reason.", "reason", read.reasons())
        yield _by("oldest_phase_age_seconds", "How long one has been in a phase, at most.", "phase", read.phase_ages())
        yield _one("oldest_step_age_seconds", "How long a step has been going on, at most.", read.step_age())
        yield _one("event_streams", "Event streams that are open, as of dashboards.", read.event_streams())
        waiting = read.notifications()
        counts = {target: count for target, (count, _) in waiting.items()}
        ages = {target: age for target, (_, age) in waiting.items()}
        yield _by("notifications_waiting", "Notifications that were not sent yet.", "target", counts)
        yield _by("notification_age_seconds", "How long the oldest of them waits.", "target", ages)


def _one(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", about, value=value)


def _by(name: str, about: str, label: str, values: Labelled) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", about, labels=[label])
    for value in sorted(values):
        family.add_metric([value], values[value])
    return family
