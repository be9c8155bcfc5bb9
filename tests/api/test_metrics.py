from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from rollout.metrics import PREFIX, Metrics, Readings, ReconcileOutcome, RequestOutcome, RequestVerb


def samples(metrics: Metrics) -> dict[str, float]:
    """Name and labels to value, without buckets and times of creation."""
    return dict(_samples(metrics))


def _samples(metrics: Metrics) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                labels = ",".join(sample.labels[name] for name in sorted(sample.labels, reverse=True))
                yield sample.name.removeprefix(f"{PREFIX}_") + (f"{{{labels}}}" if labels else ""), sample.value


def test_what_happens_is_counted_by_kind_and_outcome() -> None:
    metrics = Metrics()
    metrics.reconciled(ReconcileOutcome.WROTE, 0.25)
    metrics.reconciled(ReconcileOutcome.QUIET, 0.5)
    metrics.wrote(RequestVerb.PATCH, resource="httproutes", outcome=RequestOutcome.CONFLICT)
    metrics.judged("pass")
    metrics.judged("pass")
    assert samples(metrics) == {
        "reconciles_total{wrote}": 1,
        "reconciles_total{quiet}": 1,
        "reconcile_duration_seconds_count": 2,
        "reconcile_duration_seconds_sum": 0.75,
        "api_server_writes_total{patch,httproutes,conflict}": 1,
        "verdicts_total{pass}": 2,
    }


def test_states_are_read_when_prometheus_asks() -> None:
    metrics, depth = Metrics(), {"urgent": 0}
    metrics.read(Readings(queue_depth=lambda: depth, watch_ages=lambda: {"pods": 1.5}, phases=lambda: {"Healthy": 7}))
    depth["urgent"] = 3
    found = {name: value for name, value in samples(metrics).items() if "reconcile" not in name}
    assert found == {"queue_depth{urgent}": 3, "watch_age_seconds{pods}": 1.5, "rollouts{Healthy}": 7}


def test_every_name_begins_with_the_prefix_and_two_can_live_in_one_process() -> None:
    metrics = Metrics(), Metrics()
    metrics[0].judged("regress")
    names = [family.name for family in text_string_to_metric_families(metrics[0].render().decode())]
    assert names
    assert [name for name in names if not name.startswith(f"{PREFIX}_")] == []
    assert "verdicts_total{regress}" not in samples(metrics[1])
