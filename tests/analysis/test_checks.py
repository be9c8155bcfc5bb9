import pytest

from analysis.checks import Latency, Query, Ratio, Side, Subject, Subscription
from analysis.readings import spellings


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: Ratio(name="e", bad="a", total="b", ceiling=0), "e: ceiling must be above 0 and at most 1, not 0"),
        (lambda: Ratio(name="e", bad="a", total="b", ceiling=1.5), "e: ceiling must be above 0 and at most 1, not 1.5"),
        (lambda: Ratio(name="e", bad="a", total="b", ceiling=1, failure_limit=0), "e: failureLimit must be at least 1"),
        (lambda: Latency(name="l", histogram="a", below=0, share=99), "l: below must be a positive duration"),
        (
            lambda: Latency(name="l", histogram="a", below=1, share=100),
            "l: share must be between 0 and 100 per cent, not 100",
        ),
        (lambda: Query(name="q", expr="a"), "q: give min, max or both"),
    ],
)
def test_values_out_of_range_are_refused_by_name(build, problem: str):
    with pytest.raises(ValueError, match="^" + problem.replace(".", r"\.") + "$"):
        build()


def test_every_pod_has_an_address_or_none_has():
    with pytest.raises(ValueError, match="one for each pod"):
        Subject(side="canary", revision="r", namespace="n", pods=("a", "b"), addresses=("10.0.0.1",))


@pytest.mark.parametrize("sides", [(), ("stable",), ("canary", "canary")])
def test_a_subscription_has_a_canary_and_each_side_once(sides: tuple[Side, ...]):
    subjects = tuple(Subject(side=side, revision="r", namespace="n") for side in sides)
    with pytest.raises(ValueError, match="give a canary, and each side once"):
        Subscription(checks=(), subjects=subjects)


def test_the_checks_of_a_subscription_have_names_of_their_own():
    check = Query(name="q", expr="a", max=1)
    with pytest.raises(ValueError, match="their names must differ"):
        Subscription(checks=(check, check), subjects=(Subject(side="canary", revision="r", namespace="n"),))


def test_the_ceiling_of_a_latency_is_what_its_share_leaves():
    assert Latency(name="l", histogram="a", below=1, share=99.9).ceiling == 0.001


@pytest.mark.parametrize(
    ("metric", "bound"),
    [
        ("request_duration_seconds", 0.5),
        ("envoy_cluster_upstream_rq_time", 500.0),
        ("latency_ms", 500.0),
        ("d_milliseconds", 500.0),
    ],
)
def test_a_bound_is_in_the_unit_that_the_metrics_name_says(metric: str, bound: float):
    assert Latency(name="l", histogram=metric, below=0.5, share=99).bound(metric) == bound


def test_a_unit_that_is_given_goes_before_the_name():
    assert Latency(name="l", histogram="x", below=0.5, share=99, unit=0.001).bound("x") == 500.0


@pytest.mark.parametrize(
    ("bound", "written"),
    [(1.0, {"1", "1.0"}), (0.5, {"0.5"}), (500.0, {"500", "500.0"}), (0.00005, {"5e-05", "5.0E-5"}), (0.1, {"0.1"})],
)
def test_bucket_bounds_are_recognized_as_client_libraries_write_them(bound: float, written: set[str]):
    assert written <= set(spellings(bound))
