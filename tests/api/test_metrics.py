from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from rollout.metrics import Metrics, ReconcileOutcome, RequestOutcome, RequestVerb
from rollout.models.status import Outcome
from rollout.passages import Passages
from rollout.readings import PREFIX, Readings
from rollout.watched import QueryOutcome

ROOT = Path(__file__).parents[2]


def counted(metrics: Metrics) -> dict[str, float]:
    """What was counted or read at all: without what is still at 0."""
    return {name: value for name, value in samples(metrics).items() if value}


def samples(metrics: Metrics) -> dict[str, float]:
    """Name and labels to value, without buckets and times of creation."""
    return dict(_samples(metrics))


def _samples(metrics: Metrics) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                labels = ",".join(sample.labels[name] for name in sorted(sample.labels, reverse=True))
                yield sample.name.removeprefix(f"{PREFIX}_") + (f"{{{labels}}}" if labels else ""), sample.value


def readings(**states: Any) -> Readings:
    """Readings of nothing, but for these."""
    nothing: dict[str, Any] = dict.fromkeys(("watch_ages", "phases", "reasons", "phase_ages", "queue_depth"), dict)
    numbers = {name: lambda: 0 for name in ("queue_age", "step_age", "event_streams")}
    return Readings(**{"version": "1.2.3", "leads": lambda: False, **nothing, **numbers, **states})


def test_what_happens_is_counted_by_kind_and_outcome() -> None:
    metrics = Metrics()
    metrics.reconciled(ReconcileOutcome.WROTE, 0.25)
    metrics.reconciled(ReconcileOutcome.QUIET, 0.5)
    metrics.wrote(
        RequestVerb.PATCH, resource="httproutes", outcome=RequestOutcome.CONFLICT, lane="urgent", seconds=0.125
    )
    metrics.judged("pass")
    metrics.judged("pass")
    assert counted(metrics) == {
        "reconciles_total{wrote}": 1,
        "reconciles_total{quiet}": 1,
        "reconcile_duration_seconds_count": 2,
        "reconcile_duration_seconds_sum": 0.75,
        "api_server_writes_total{patch,httproutes,conflict}": 1,
        "api_server_write_duration_seconds_count{patch,urgent}": 1,
        "api_server_write_duration_seconds_sum{patch,urgent}": 0.125,
        "verdicts_total{pass}": 2,
    }


def test_releases_and_steps_are_counted_with_the_time_they_took() -> None:
    metrics = Metrics()
    metrics.passed(Passages())
    metrics.passed(Passages(step=timedelta(seconds=30)))
    metrics.passed(Passages(outcome=Outcome.ABORTED, release=timedelta(minutes=2)))
    metrics.reacted(timedelta(seconds=0.25))
    assert counted(metrics) == {
        "releases_total{aborted}": 1,
        "release_duration_seconds_count{aborted}": 1,
        "release_duration_seconds_sum{aborted}": 120,
        "step_duration_seconds_count": 1,
        "step_duration_seconds_sum": 30,
        "abort_reaction_seconds_count": 1,
        "abort_reaction_seconds_sum": 0.25,
    }


def test_a_metric_source_is_up_unless_its_last_answer_was_none() -> None:
    metrics = Metrics()
    metrics.read(readings(leads=lambda: True))
    metrics.queried("main", QueryOutcome.DOWN, 5.0)
    assert samples(metrics)["metric_source_up{main}"] == 0
    metrics.queried("main", QueryOutcome.NO_DATA, 0.5)
    assert samples(metrics)["metric_source_up{main}"] == 1
    assert samples(metrics)["metric_source_queries_total{main,down}"] == 1
    assert samples(metrics)["metric_source_query_seconds_sum{main}"] == 5.5


def test_only_who_leads_shows_what_it_heard_of_a_metric_source_and_only_since_it_leads() -> None:
    metrics, leads = Metrics(), [True]
    metrics.read(readings(leads=lambda: leads[0]))
    metrics.queried("main", QueryOutcome.OK, 0.5)
    leads[0] = False
    metrics.queried("main", QueryOutcome.OK, 0.5)  # a late answer
    assert "metric_source_up{main}" not in samples(metrics)
    leads[0] = True
    metrics.elected()
    assert "metric_source_up{main}" not in samples(metrics)
    metrics.queried("main", QueryOutcome.DOWN, 5.0)
    assert samples(metrics)["metric_source_up{main}"] == 0


def test_states_are_read_when_prometheus_asks() -> None:
    metrics, depth = Metrics(), {"urgent": 0}
    metrics.read(
        readings(
            leads=lambda: True,
            queue_depth=lambda: depth,
            queue_age=lambda: 0.5,
            watch_ages=lambda: {"pods": 1.5},
            phases=lambda: {"Healthy": 7},
            reasons=lambda: {"NoData": 2},
            phase_ages=lambda: {"Healthy": 60.0},
            step_age=lambda: 30.0,
            event_streams=lambda: 4,
            notifications=lambda: {"chat": (2, 1.25)},
        )
    )
    depth["urgent"] = 3
    assert counted(metrics) == {
        "build_info{1.2.3}": 1,
        "leader": 1,
        "queue_depth{urgent}": 3,
        "queue_age_seconds": 0.5,
        "watch_age_seconds{pods}": 1.5,
        "rollouts{Healthy}": 7,
        "rollouts_unready{NoData}": 2,
        "oldest_phase_age_seconds{Healthy}": 60,
        "oldest_step_age_seconds": 30,
        "event_streams": 4,
        "notifications_waiting{chat}": 2,
        "notification_age_seconds{chat}": 1.25,
    }


def test_what_the_configuration_names_is_there_at_0_from_the_start() -> None:
    shown = samples(Metrics(sources=["main"], targets=["chat"]))
    assert shown["metric_source_queries_total{main,down}"] == 0
    assert shown["metric_source_query_seconds_count{main}"] == 0
    assert shown["notifications_total{chat,givenUp}"] == 0


def test_every_write_that_the_controller_may_make_may_be_forbidden_and_is_there_at_0() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "rbac" / "cluster-role.yaml").read_text())["rules"]
    allowed = [
        (verb, resource.removesuffix("/status"))
        for rule in rules
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if verb in set(RequestVerb) and resource != "events"  # which are sent beside the reconciles
    ]
    shown = samples(Metrics())
    assert ("delete", "ingresses") in allowed
    assert [each for each in allowed if shown.get(f"api_server_writes_total{{{','.join(each)},forbidden}}") != 0] == []


def test_every_name_begins_with_the_prefix_and_two_can_live_in_one_process() -> None:
    metrics = Metrics(), Metrics()
    metrics[0].judged("regress")
    names = [family.name for family in text_string_to_metric_families(metrics[0].render().decode())]
    assert names
    assert [name for name in names if not name.startswith(f"{PREFIX}_")] == []
    assert samples(metrics[1])["verdicts_total{regress}"] == 0
