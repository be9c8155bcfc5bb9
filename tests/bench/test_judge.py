"""A short version of `python -m bench.judge`: bounds that only a real loss misses."""

from concurrent.futures import ProcessPoolExecutor

import pytest

from bench.judge.limits import limits
from bench.judge.report import line
from bench.judge.rows import ROWS
from bench.judge.runs import Result, simulate

RUNS = 40
QUICK = {
    "equal versions: 100/s, 0.5 %, independent": (0, 0.06),
    "equal versions: 100/s, 1 %, ramp and incident": (0, 0.06),
    "equal versions, errors in clusters: 100/s, 0.5 %, of 20": (0, 0.06),
    "equal versions, few pods that differ: 1 beside 4 pods, lasting, .5": (0, 0.2),
    "equal versions, errors in heavy-tailed clusters: 1,000/s, 0.5 %, of 60": (0, 0.1),
    "a worse canary: 100/s, 0.5 %, tenfold": (1, 1),
    "a worse canary: 100/s, 0.5 %, fivefold": (0.9, 1),
    "a worse canary: 1,000/s, 0.1 %, fivefold": (0.9, 1),
    "a worse canary: 1,000/s, all of the canary's requests fail": (1, 1),
    "a worse canary: 10/s, 0.1 %, 10 times": (0.5, 1),
}
SOON = {
    "a worse canary: 100/s, 0.5 %, tenfold": 80,
    "a worse canary: 100/s, 0.5 %, fivefold": 200,
    "a worse canary: 1,000/s, all of the canary's requests fail": 20,
}


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    with ProcessPoolExecutor(1) as pool:
        named = {f"{row.group}: {row.name}": (place, row) for place, row in enumerate(ROWS)}
        return {name: simulate(pool, *named[name], runs=RUNS, seed=1) for name in QUICK}


@pytest.mark.parametrize("name", QUICK)
def test_the_comparison_is_as_right_as_it_was(results: dict[str, Result], name: str) -> None:
    low, high = QUICK[name]
    rate, _, _ = results[name].rate
    assert low <= rate <= high, line(results[name])


@pytest.mark.parametrize("name", SOON)
def test_the_comparison_is_as_soon_right_as_it_was(results: dict[str, Result], name: str) -> None:
    after = results[name].after
    assert after is not None
    assert after <= SOON[name], line(results[name])


def test_judges_that_count_failed_samples_take_equal_versions_back(results: dict[str, Result]) -> None:
    noisy = results["equal versions: 100/s, 0.5 %, independent"]
    assert noisy.by_samples > RUNS / 4


def test_a_run_is_the_same_again_and_another_seed_is_another_run() -> None:
    with ProcessPoolExecutor(1) as pool:
        first, again, other = (simulate(pool, 3, ROWS[3], runs=3, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("count", "runs", "expected"), [(0, 100, (0, 0.0362)), (5, 100, (0.0164, 0.1128)), (100, 100, (0.9638, 1))]
)
def test_the_limits_of_a_rate_are_those_of_the_tables(count: int, runs: int, expected: tuple[float, float]) -> None:
    assert limits(count, runs) == pytest.approx(expected, abs=1e-4)


def test_every_row_has_a_name_of_its_own() -> None:
    names = [(row.group, row.name) for row in ROWS]
    assert len(set(names)) == len(names)
