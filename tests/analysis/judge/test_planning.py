import pytest

from analysis.judge import Rule, detectable

RATIOS = (1.5, 2.0, 3.0, 5.0, 10.0)
TABLE = {
    0.01: (6155, 1735, 524, 172, 52),
    0.05: (1316, 380, 120, 43, 16),
    0.10: (717, 213, 71, 27, 11),
    0.25: (377, 121, 46, 21, 11),
    0.50: (325, 116, 50, 27, 17),
}
"""For each share: how many bad requests on both sides prove these ratios."""

PLAIN = Rule(tolerance=1.0, ceiling=1.0, spread=0.0)
STRICT = Rule(ceiling=0.01)


def smallest(bad: float, share: float, ratio: float) -> float | None:
    """What so many bad requests prove, one at a time, on pods that never differ, where the ratio is the true one."""
    rate = 0.001
    per_second = 0.1 / (rate * (ratio * share + 1 - share))
    return detectable(
        requests=per_second,
        share=share,
        stable_bad=rate,
        seconds=10 * bad,
        rule=PLAIN,
        canary_pods=20,
        stable_pods=20,
        block=1.0,
    )


@pytest.mark.parametrize("share", TABLE)
@pytest.mark.parametrize("place", range(len(RATIOS)))
def test_it_takes_as_many_bad_requests_as_the_table_says(share: float, place: int):
    ratio, bad = RATIOS[place], TABLE[share][place]
    enough, little = smallest(1.25 * bad, share, ratio), smallest(0.75 * bad, share, ratio)
    assert enough is not None
    assert enough <= ratio
    assert little is None or little > ratio


def found(requests: float, seconds: float, **changes: float) -> float | None:
    known = {"share": 0.05, "stable_bad": 0.005, "stable_pods": 19, "rule": STRICT, **changes}
    return detectable(requests=requests, seconds=seconds, **known)


@pytest.mark.parametrize(
    ("requests", "stable_bad", "ratio", "seconds"),
    [(100, 0.005, 10, 40), (100, 0.005, 5, 90), (1000, 0.001, 5, 60)],
)
def test_regressions_are_found_about_when_simulated_rollouts_find_them(
    requests: float, stable_bad: float, ratio: float, seconds: float
):
    early, late = (found(requests, seconds * factor, stable_bad=stable_bad) for factor in (0.6, 1.4))
    assert late is not None
    assert late <= ratio
    assert early is None or early > ratio


def test_more_time_and_more_traffic_find_smaller_regressions():
    by_time = [found(100, seconds) or 99 for seconds in (30, 60, 300, 1800)]
    by_traffic = [found(requests, 600) or 99 for requests in (1, 10, 100, 1000)]
    assert by_time == sorted(by_time, reverse=True)
    assert by_traffic == sorted(by_traffic, reverse=True)
    assert by_time[0] > by_time[-1]


def test_a_block_is_one_vote_however_much_traffic_it_has():
    assert found(1e6, 10, rule=Rule(ceiling=1.0)) is None
    assert found(1e6, 100, rule=Rule(ceiling=1.0)) is not None


def test_few_pods_hide_small_regressions():
    many, few = found(1000, 1800), found(1000, 1800, stable_pods=1)
    assert many is not None
    assert few is not None
    assert few > many


def test_a_low_ceiling_finds_what_the_comparison_alone_cannot():
    # Half of the traffic each: nobody's share can more than double.
    strict, loose = (found(2, 120, share=0.5, rule=Rule(ceiling=each)) for each in (0.01, 1.0))
    assert strict is not None
    assert loose is None or strict < loose


@pytest.mark.parametrize(
    "nothing", [{"share": 0.0}, {"share": 1.0}, {"stable_bad": 0.0}, {"requests": 0.0}, {"seconds": 5}]
)
def test_without_anything_to_compare_nothing_can_be_found(nothing: dict[str, float]):
    assert found(**{"requests": 100.0, "seconds": 600.0, **nothing}) is None


def test_where_even_thirty_times_is_out_of_reach_that_is_said():
    assert found(0.1, 60) is None


def test_what_is_tolerated_is_not_called_a_regression():
    assert found(1e6, 1e6, rule=Rule(tolerance=3.0, not_worse_than=3.0)) > 3.0


def test_no_share_of_bad_requests_is_above_all():
    assert found(1000, 1800, stable_bad=0.9) is None
