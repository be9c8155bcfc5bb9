"""The releases that are simulated, what has to be reached in each, and what is only reported."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench.judge.noise import drifting, heavy, in_clusters, lasting, mean_heavy, of_size, shared_incident
from bench.judge.scenario import Scenario

RATES = (10.0, 100.0, 1000.0)
ERRORS = (0.001, 0.005, 0.01)
_RAMP = (0.01, 0.05, 0.25, 0.5)
_TRAFFIC = tuple((rate, errors) for rate in RATES for errors in ERRORS)


@dataclass(frozen=True, kw_only=True)
class Want:
    """What has to be reached; what is None is not asked for. Times in seconds are medians, `failed` means."""

    false_aborts: float | None = None
    found: float | None = None
    within: float | None = None
    failed: float | None = None
    advanced_within: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind of release; `worse` is whether the canary is."""

    group: str
    name: str
    scenario: Scenario
    worse: bool = False
    want: Want | None = None


def _equal() -> Iterator[Row]:
    group, want = "equal versions", Want(false_aborts=0.01)
    for rate, errors in _TRAFFIC:
        named = f"{rate:,.0f}/s, {100 * errors:g} %"
        plain = Scenario(rate=rate, errors=errors)
        yield Row(group=group, name=f"{named}, independent", scenario=plain, want=want)
        incident = Scenario(rate=rate, errors=errors, incident=shared_incident)
        yield Row(group=group, name=f"{named}, shared incident", scenario=incident, want=want)
        ramp = Scenario(rate=rate, errors=errors, shares=_RAMP, incident=shared_incident)
        yield Row(group=group, name=f"{named}, ramp and incident", scenario=ramp, want=want)


def _clusters() -> Iterator[Row]:
    group, want = "equal versions, errors in clusters", Want(false_aborts=0.01)
    kinds = (
        ("mean 3", in_clusters(3), 3.0),
        ("mean 10", in_clusters(10), 10.0),
        ("5", of_size(5), 5.0),
        ("20", of_size(20), 20.0),
    )
    for rate, errors in ((10.0, 0.01), (100.0, 0.005), (1000.0, 0.001)):
        for name, sizes, mean in kinds:
            made = Scenario(rate=rate, errors=errors, clusters=sizes, mean_size=mean)
            yield Row(group=group, name=f"{rate:,.0f}/s, {100 * errors:g} %, of {name}", scenario=made, want=want)


def _few_pods() -> Iterator[Row]:
    group, want = "equal versions, few pods that differ", Want(false_aborts=0.02)
    sizes = ((1, 2, 0.05), (1, 4, 0.2), (2, 4, 0.3), (3, 3, 0.5), (1, 12, 0.05), (2, 12, 0.1))
    noises = (
        ("lasting, .3", lasting(0.3)),
        ("lasting, .5", lasting(0.5)),
        ("drifting, .9, .4", drifting(0.9, 0.4)),
        ("drifting, .98, .5", drifting(0.98, 0.5)),
    )
    for canary, stable, share in sizes:
        for name, noise in noises:
            made = Scenario(rate=100.0, errors=0.01, share=share, canary_pods=canary, stable_pods=stable, noise=noise)
            yield Row(group=group, name=f"{canary} beside {stable} pods, {name}", scenario=made, want=want)


def _heavy_tails() -> Iterator[Row]:
    group, want = "equal versions, errors in heavy-tailed clusters", Want(false_aborts=0.02)
    tails = ((1.2, 200), (1.2, 300), (1.5, 200), (1.5, 300))
    kinds = [(f"Pareto {shape:g} up to {most}", heavy(shape, most), mean_heavy(shape, most)) for shape, most in tails]
    kinds += [(f"of {size}", of_size(size), float(size)) for size in (60, 200)]
    for rate, errors in ((100.0, 0.01), (1000.0, 0.005)):
        for name, sizes, mean in kinds:
            made = Scenario(rate=rate, errors=errors, clusters=sizes, mean_size=mean)
            yield Row(group=group, name=f"{rate:,.0f}/s, {100 * errors:g} %, {name}", scenario=made, want=want)


def _worse() -> Iterator[Row]:
    group = "a worse canary"
    yield Row(
        group=group,
        name="100/s, 0.5 %, tenfold",
        scenario=Scenario(rate=100.0, errors=0.005, ratio=10),
        worse=True,
        want=Want(within=50, failed=14),
    )
    yield Row(
        group=group,
        name="100/s, 0.5 %, fivefold",
        scenario=Scenario(rate=100.0, errors=0.005, ratio=5),
        worse=True,
        want=Want(within=110, failed=15),
    )
    yield Row(
        group=group,
        name="1,000/s, 0.1 %, fivefold",
        scenario=Scenario(rate=1000.0, errors=0.001, ratio=5),
        worse=True,
        want=Want(found=0.99, within=70),
    )
    yield Row(
        group=group,
        name="1,000/s, all of the canary's requests fail",
        scenario=Scenario(rate=1000.0, errors=0.005, canary_errors=1.0),
        worse=True,
        want=Want(within=10, failed=520),
    )
    for errors, within in ((0.2, 40), (1.0, 20)):
        yield Row(
            group=group,
            name=f"10/s, half of the traffic, {100 * errors:g} % fail",
            scenario=Scenario(rate=10.0, errors=0.001, share=0.5, canary_errors=errors, stable_pods=1),
            worse=True,
            want=Want(within=within),
        )
    for ratio, found in ((10, 0.79), (20, 0.99)):
        yield Row(
            group=group,
            name=f"10/s, 0.1 %, {ratio} times",
            scenario=Scenario(rate=10.0, errors=0.001, ratio=ratio),
            worse=True,
            want=Want(found=found),
        )
    yield Row(
        group="an equal canary is let on",
        name="1,000/s, 0.5 %",
        scenario=Scenario(rate=1000.0, errors=0.005),
        want=Want(advanced_within=60),
    )


def _reported() -> Iterator[Row]:
    """Outside of what is assumed, or asked for: as it comes out."""
    group = "equal versions, reported only"
    usual = Scenario(rate=100.0, errors=0.005)
    alone = replace(usual, share=1.0, canary_pods=10, stable_pods=1)
    clustered = replace(usual, clusters=in_clusters(10), mean_size=10.0)
    made = {
        "a third of each scrape of the canary is a block late": replace(usual, late=0.33),
        "clusters of mean 10, half of each in the next block": replace(clustered, carried=0.5),
        "sessions stick for ten blocks": replace(usual, sticky=10),
        "half of the failed requests are tried again": replace(usual, retried=0.5),
        "clusters of 300": replace(usual, clusters=of_size(300), mean_size=300.0),
        "2 beside 4 pods, lasting, .8": Scenario(
            rate=100.0, errors=0.01, share=0.3, canary_pods=2, stable_pods=4, noise=lasting(0.8)
        ),
        "alone, half of the ceiling": alone,
        "alone, half of the ceiling, pods differ lasting, .5": replace(alone, noise=lasting(0.5)),
        "alone, half of the ceiling, clusters of mean 10": replace(clustered, share=1.0, canary_pods=10, stable_pods=1),
    }
    for name, scenario in made.items():
        yield Row(group=group, name=name, scenario=scenario)
    worse = {
        "1,000/s, 0.5 %, half as much again": Scenario(rate=1000.0, errors=0.005, ratio=1.5),
        "1,000/s, 0.5 %, threefold, 2 beside 3 pods that differ by .2": Scenario(
            rate=1000.0, errors=0.005, ratio=3, share=0.4, canary_pods=2, stable_pods=3, noise=lasting(0.2)
        ),
        "100/s, 1 % alone with a ceiling of 1 %, 5 % fail": Scenario(
            rate=100.0, errors=0.01, share=1.0, canary_errors=0.05, canary_pods=10, stable_pods=1
        ),
    }
    for name, scenario in worse.items():
        yield Row(group="a worse canary, reported only", name=name, scenario=scenario, worse=True)


ROWS = (*_equal(), *_clusters(), *_few_pods(), *_heavy_tails(), *_worse(), *_reported())
"""All of them, in the order of the report."""
