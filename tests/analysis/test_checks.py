import math

import pytest

from analysis.checks import Comparison, Latency, Query, Ratio, Side, Subject, Subscription, Threshold, Usage
from analysis.readings import spellings


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (lambda: Comparison(ceiling=0), "ceiling must be above 0 and at most 1, not 0"),
        (lambda: Comparison(ceiling=1.5), "ceiling must be above 0 and at most 1, not 1.5"),
        (lambda: Comparison(tolerance=0.9), "tolerance must be at least 1, not 0.9"),
        (lambda: Comparison(tolerance=3), r"notWorseThan must be at least tolerance \(3\), not 2"),
        (lambda: Comparison(weight=0), "weight must be above 0, not 0"),
        (lambda: Comparison(spread=-1), "spread must be from 0 to 10, not -1"),
        (lambda: Comparison(exclude=math.inf), "exclude must be a duration"),
        (lambda: Threshold(ceiling=1, failure_limit=0), "failureLimit must be at least 1"),
        (lambda: Ratio(name="e", total="b"), "e: give bad or good, exactly one of them"),
        (lambda: Ratio(name="e", bad="a", good="c", total="b"), "e: give bad or good, exactly one of them"),
        (lambda: Latency(name="l", histogram="a", below=0), "l: below must be a positive duration"),
        (
            lambda: Latency(name="l", histogram="a", rule=Threshold(ceiling=1)),
            "l: give below, or compare with the stable version",
        ),
        (lambda: Usage(name="u", per="r"), "u: give counter or gauge, one of them"),
        (lambda: Usage(name="u", counter="c"), "u: counter needs per"),
        (lambda: Query(name="q", expr="a"), "q: give min, max or both"),
    ],
)
def test_values_out_of_range_are_refused_by_name(build, problem: str):
    with pytest.raises(ValueError, match=f"^{problem}$"):
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


def test_where_no_ceiling_is_declared_five_per_cent_are_bad_in_any_case():
    assert Latency(name="l", histogram="a", below=1).ceiling == 0.05
    assert Ratio(name="e", bad="a", total="b", rule=Comparison(ceiling=0.01)).ceiling == 0.01


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
    assert Latency(name="l", histogram=metric, below=0.5).bound(metric) == bound


def test_a_unit_that_is_given_goes_before_the_name():
    assert Latency(name="l", histogram="x", below=0.5, unit=0.001).bound("x") == 500.0


@pytest.mark.parametrize(
    ("bound", "written"),
    [(1.0, {"1", "1.0"}), (0.5, {"0.5"}), (500.0, {"500", "500.0"}), (0.00005, {"5e-05", "5.0E-5"}), (0.1, {"0.1"})],
)
def test_bucket_bounds_are_recognized_as_client_libraries_write_them(bound: float, written: set[str]):
    assert written <= set(spellings(bound))
