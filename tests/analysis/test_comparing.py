"""Evidence from scrapes: blocks judged as they come, or all again after a restart, with the same verdict."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.checks import Comparison, Latency, Ratio, Restarts, Split, Usage
from analysis.judge import Block, ratio_evidence
from analysis.results import State
from tests.analysis.builders import a_comparison, a_ratio, at
from tests.analysis.history_of import CANARY, INTERVAL, Reading, Remembered, a_subscription, since

ERRORS = replace(a_comparison(), bad='all{code="500"}', total="all")
PODS = {"c0": 0.5, "s0": 1.0, "s1": 2.0}  # and when each is scraped


def a_check(**rule: float) -> Ratio:
    """Errors of one side's pods, in per cent of its requests."""
    bad, total = (f'all{{pod=~"{{{{pods}}}}"{more}}}' for more in (',code="500"', ""))
    return Ratio(name="errors", bad=bad, total=total, rule=Comparison(**{"ceiling": 0.01, "exclude": 0.0, **rule}))


def played(*rounds: dict[str, tuple[int, int]]) -> Remembered:
    """What a Prometheus knows: in each round, by pod, the (requests, bad ones) since the last."""
    source = Remembered()
    sums = dict.fromkeys(PODS, (0, 0))
    for number, grown in enumerate([{}, *rounds]):
        for pod, offset in PODS.items():
            requests, bad = grown.get(pod, (0, 0))
            sums[pod] = (sums[pod][0] + requests, sums[pod][1] + bad)
            seconds = number * INTERVAL + offset
            source.scrape(seconds, metric="all", pod=pod, code="200", value=sums[pod][0] - sums[pod][1])
            source.scrape(seconds, metric="all", pod=pod, code="500", value=sums[pod][1])
    return source


def usual(canary: int = 0, *, first: int = 1, second: int = 0) -> dict[str, tuple[int, int]]:
    return {"c0": (100, canary), "s0": (450, first), "s1": (450, second)}


def test_a_block_for_every_round_of_scrapes_is_judged_as_the_library_does():
    rounds = [usual(0), usual(3), usual(5), usual(4)]
    reading = Reading(played(*rounds), a_subscription(a_check()))
    result = reading.result(len(rounds) * INTERVAL + 5)
    blocks = [Block(canary={"c0": each["c0"]}, stable={pod: each[pod] for pod in ("s0", "s1")}) for each in rounds]
    expected = ratio_evidence(blocks, ceiling=0.01)
    assert result.evidence == pytest.approx(expected.e_values[-1])
    assert (result.requests, result.bad, result.stable_requests, result.stable_bad) == (400, 12, 3600, 4)


def test_a_proof_says_when_it_was_complete_how_much_worse_it_is_and_stays():
    reading = Reading(played(*[usual(8)] * 6), a_subscription(a_check()))
    result = reading.result(75)
    assert (result.state, result.critical) == (State.REGRESS, True)
    assert result.sentence.startswith("errors: canary 8 % bad (48 of 600 requests), stable 0.11 % (72 times as many")
    assert result.sentence.endswith(" by chance")
    assert result.proved_at is not None
    assert since(result.proved_at) in (22.0, 32.0, 42.0)
    assert reading.result(600).state is State.REGRESS  # though nothing is heard any more


def test_few_requests_are_told_to_be_few_then_there_is_no_sign_of_harm():
    reading = Reading(played(*[usual(0)] * 3), a_subscription(a_check(ceiling=0.005)))
    early = reading.result(15)
    assert (early.state, early.sentence) == (
        State.NOT_ENOUGH_DATA,
        "errors: 100 of the 200 requests needed so far, 0 of them bad",
    )
    assert early.outlook == "100 more requests on the canary are needed"
    late = reading.result(35)
    assert (late.state, late.sentence) == (
        State.PASS,
        "errors: canary 0 % bad (0 of 300 requests), stable 0.11 %: no sign of harm",
    )


def test_a_new_pods_first_seconds_are_left_out_and_an_outage_in_them_is_not():
    fine = Reading(played(*[usual(9)] * 3, *[usual(0)] * 6), a_subscription(a_check(exclude=30)))
    assert fine.result(25).sentence == "errors: a new pod's first 30 s are left out"
    after = fine.result(95)
    assert (after.requests, after.bad) == (600, 0)
    down = Reading(played(*[usual(100)] * 14), a_subscription(a_check(exclude=600)))
    result = down.result(155)
    assert (result.state, result.sentence) == (
        State.REGRESS,
        "errors: 1,400 of the canary's 1,400 requests failed",
    )


def test_an_outage_of_both_versions_is_not_the_canarys():
    rounds = [{"c0": (100, 100), "s0": (450, 440), "s1": (450, 450)}] * 14
    result = Reading(played(*rounds), a_subscription(a_check())).result(150)
    assert result.state is State.NOT_ENOUGH_DATA
    assert result.sentence.endswith("both above the 1 % allowed, so nothing is decided")


def test_not_worse_than_allowed_is_proved_in_time():
    rounds = [{"c0": (1000, 5), "s0": (1000, 5), "s1": (1000, 5)}] * 12
    reading = Reading(played(*rounds), a_subscription(a_check()))
    assert not reading.result(35).proven
    result = reading.result(125)
    assert (result.state, result.proven) == (State.PASS, True)
    assert result.sentence.endswith(": not worse than allowed")


def test_a_version_above_its_ceiling_does_not_pass_though_chance_may_have_done_it():
    result = Reading(played(usual(3), usual(0)), a_subscription(a_check())).result(25)
    assert (result.state, result.sentence) == (
        State.NOT_ENOUGH_DATA,
        "errors: canary 1.5 % bad (3 of 200 requests), stable 0.11 %: above the 1 % allowed, which chance may do",
    )
    as_bad = [{"c0": (100, 3), "s0": (450, 13), "s1": (450, 13)}] * 3
    undeclared = replace(a_check(), rule=Comparison(ceiling=None, exclude=0.0))
    assert Reading(played(*as_bad), a_subscription(undeclared)).result(35).state is State.PASS


def test_a_stable_version_that_answers_nothing_leaves_nothing_to_compare_with():
    rounds = [usual(0), *[{"c0": (100, 1)}] * 4]
    subscription = replace(a_subscription(a_check()), split=Split(weight=50, since=at(0)))
    result = Reading(played(*rounds), subscription).result(55)
    assert (result.state, result.sentence) == (
        State.NO_DATA,
        "errors: the stable version answers nothing, so there is nothing to compare with",
    )


def test_after_all_traffic_was_moved_the_ceiling_still_takes_a_bad_version_back():
    rounds = [usual(0)] * 3 + [{"c0": (1000, 60)}] * 8
    result = Reading(played(*rounds), a_subscription(a_check())).result(115)
    assert result.state is State.REGRESS


def test_one_budget_serves_all_checks_and_one_that_only_warns_has_its_own():
    other = replace(a_check(), name="other")
    alone = Reading(played(*[usual(4)] * 5), a_subscription(a_check()))
    shared = Reading(
        played(*[usual(4)] * 5), a_subscription(a_check(), replace(other, bad='all{pod=~"{{pods}}",code="x"}'))
    )
    when = [
        next(s for s in range(15, 95, 10) if each.look(s).results[0].state is State.REGRESS) for each in (alone, shared)
    ]
    assert when[0] < when[1]
    warning = replace(a_check(), warn_only=True)
    found = Reading(played(*[usual(8)] * 6), a_subscription(warning)).result(75)
    assert (found.state, found.warn_only) == (State.REGRESS, True)


def _proved_after(reading: Reading) -> int:
    """The first look at which the first check proves harm."""
    return next(look for look in range(15, 95, 10) if reading.result(look).state is State.REGRESS)


@settings(deadline=None, max_examples=40)
@given(
    rounds=st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 12), st.integers(0, 4), st.integers(0, 4)),
        min_size=3,
        max_size=14,
    ),
    looks=st.lists(st.integers(1, 150), max_size=6),
    restart=st.integers(1, 150),
    remembering=st.booleans(),
)
def test_a_new_process_comes_to_the_same_verdict(rounds, looks, restart, remembering):
    grown = [
        {"c0": (requests, min(bad, requests)), "s0": (400, first), "s1": (400, second)}
        for requests, bad, first, second in rounds
    ]
    source, end = played(*grown), len(grown) * INTERVAL + 5
    steady = Reading(source, a_subscription(a_check(exclude=15)))
    broken = Reading(source, steady.subscription)
    for seconds in sorted(min(look, end) for look in looks):
        steady.look(seconds)
        if seconds < restart:
            broken.look(seconds)
    if broken.following is not None:
        broken = broken.anew(remembering=remembering)
    one, other = steady.result(end), broken.result(end)
    assert (one.state, one.evidence, one.requests, one.bad) == (other.state, other.evidence, other.requests, other.bad)
    assert (one.proved_at, one.ratio_low, one.proven) == (other.proved_at, other.ratio_low, other.proven)
    assert one.sentence == other.sentence


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"version":1}',
        json.dumps({"version": 1, "run": 1, "revision": "v2", "courses": {"errors": {}}, "proved": {}}),
    ],
)
def test_what_cannot_be_read_is_judged_from_the_series_again(text: str):
    source = played(*[usual(2)] * 4)
    fresh, odd = (Reading(source, replace(a_subscription(a_check()), checkpoint=each)) for each in (None, text))
    assert fresh.result(45) == odd.result(45)


def test_what_was_judged_of_another_run_counts_for_nothing():
    source = played(*[usual(8)] * 6)
    first = Reading(source, a_subscription(a_check()))
    assert first.result(75).state is State.REGRESS
    again = first.anew(remembering=True)
    again.subscription = replace(again.subscription, run=2, since=at(60))
    result = again.result(75)
    assert (result.state, result.requests, result.bad) == (State.NOT_ENOUGH_DATA, 100, 8)


def test_evidence_is_kept_when_the_counting_starts_anew_in_the_same_run():
    source = played(*[usual(3)] * 3, *[{"c0": (1000, 0)}] * 3)
    reading = Reading(source, a_subscription(a_check()))
    before = reading.result(35)
    reading.subscription = replace(reading.subscription, since=at(40), subjects=(replace(CANARY, pods=("c0",)),))
    assert (reading.result(36).requests, reading.result(36).bad) == (before.requests, before.bad)
    after = reading.result(65)
    assert (after.requests, after.bad) == (before.requests + 3000, before.bad)


def few(weight: float, **changes: object) -> tuple[Split, list[dict[str, tuple[int, int]]]]:
    return Split(weight=weight, since=at(0), **changes), [{"c0": (10, 0), "s0": (500, 0), "s1": (490, 0)}] * 60


def test_a_split_that_is_not_as_configured_is_told_with_what_may_be_wrong():
    split, rounds = few(40)
    reading = Reading(played(*rounds), replace(a_subscription(a_check()), split=split))
    assessed = reading.look(605)
    assert assessed.observed == pytest.approx(1)
    assert assessed.share is not None
    assert (assessed.share.kind, assessed.share.sentence) == (
        "tooFew",
        "1 % of the requests reach the canary instead of 40 %: the route did not take effect,"
        " sessions stick to the old version, or the canary refuses connections",
    )


@pytest.mark.parametrize("split", [few(1)[0], few(40, routed=False)[0], few(100)[0], few(0)[0], None])
def test_a_split_as_configured_or_that_nobody_configured_is_not_complained_of(split: Split | None):
    reading = Reading(played(*few(1)[1]), replace(a_subscription(a_check()), split=split))
    assert reading.look(605).share is None


def test_another_weight_begins_anew_before_its_first_block():
    split, rounds = few(40)
    reading = Reading(played(*rounds), replace(a_subscription(a_check()), split=split))
    assert reading.look(605).share is not None
    reading.subscription = replace(reading.subscription, split=replace(split, since=at(606)))
    assert (reading.look(606).share, reading.look(606).observed) == (None, None)


def test_more_than_its_share_is_told_as_well():
    rounds = [{"c0": (600, 0), "s0": (200, 0), "s1": (200, 0)}] * 20
    split = Split(weight=10, since=at(0))
    share = Reading(played(*rounds), replace(a_subscription(a_check()), split=split)).look(205).share
    assert share is not None
    assert share.kind == "tooMany"


def test_more_than_its_share_is_as_it_should_be_where_requests_match_besides_and_less_is_not():
    rounds = [{"c0": (600, 0), "s0": (200, 0), "s1": (200, 0)}] * 20
    split = Split(weight=10, since=at(0), matched=True)
    reading = Reading(played(*rounds), replace(a_subscription(a_check()), split=split))
    assert (reading.look(205).share, reading.look(205).observed) == (None, pytest.approx(60))
    split, rounds = few(40, matched=True)
    share = Reading(played(*rounds), replace(a_subscription(a_check()), split=split)).look(605).share
    assert share is not None
    assert share.kind == "tooFew"


def test_restarts_are_compared_by_the_time_pods_have_lived():
    check = Restarts(name="restarts", rule=Comparison(exclude=0.0))
    calm = a_subscription(check)
    reading = Reading(Remembered(), calm)
    for seconds in range(0, 600, 10):
        count = seconds // 30
        canary, stable = calm.subjects
        subjects = (replace(canary, restarts=(count,)), replace(stable, restarts=(0, 0)))
        reading.subscription = replace(calm, subjects=subjects)
        result = reading.result(seconds)
    assert result.state is State.REGRESS
    assert "seconds of its pods" in result.sentence


def histogram(source: Remembered, pod: str, seconds: float, counts: dict[str, int]) -> None:
    for bound, count in counts.items():
        source.scrape(seconds, metric="d_seconds_bucket", pod=pod, le=bound, value=count)


def slower(share: float) -> Remembered:
    """Three pods, and so much of the canary's requests above a bound that few of the stable's exceed."""
    source = Remembered()
    for number in range(14):
        for pod, offset in PODS.items():
            slow = share if pod == "c0" else 0.02
            total = 1000 + 100 * number if pod != "c0" else 100 * number
            inside = total - round(slow * total)
            counts = {"0.1": inside // 2, "0.5": inside, "1": total, "+Inf": total}
            histogram(source, pod, number * INTERVAL + offset, counts)
    return source


TAIL = Latency(name="tail", histogram='d_seconds{pod=~"{{pods}}"}', rule=Comparison(exclude=0.0))


def test_without_a_bound_the_whole_tail_is_compared():
    assert _told(slower(0.02)) == (State.PASS, "not worse than allowed")
    assert _told(slower(0.5))[0] is State.REGRESS


def _told(source: Remembered) -> tuple[State, str]:
    reading = Reading(source, a_subscription(TAIL))
    reading.look(5)
    result = reading.result(145)
    return result.state, result.sentence.rpartition(": ")[2]


def spent(cost: float) -> Remembered:
    """Processor seconds and requests of each pod."""
    source = Remembered()
    for number in range(100):
        for pod, offset in PODS.items():
            requests = 100 * number
            uneven = 1 + 0.05 * ((number // 6) % 3)
            seconds = number * INTERVAL + offset
            source.scrape(seconds, metric="all", pod=pod, code="200", value=requests)
            each = (cost if pod == "c0" else 1.0) * uneven / 100
            source.scrape(seconds, metric="cpu", pod=pod, value=requests * each)
    return source


CPU = Usage(name="cpu", counter='cpu{pod=~"{{pods}}"}', per='all{pod=~"{{pods}}"}')


@pytest.mark.parametrize(
    ("cost", "state", "proven"), [(1.0, State.PASS, True), (1.6, State.REGRESS, False), (0.5, State.PASS, True)]
)
def test_what_a_request_costs_holds_and_never_more(cost: float, state: State, proven: bool):
    result = Reading(spent(cost), a_subscription(CPU)).result(995)
    assert (result.state, result.proven, result.holds_only) == (state, proven, True)


def test_a_threshold_is_judged_beside_and_needs_no_evidence():
    check = a_ratio(bad='all{pod=~"{{pods}}",code="500"}', total='all{pod=~"{{pods}}"}')
    result = Reading(played(usual(50)), a_subscription(check)).result(15)
    assert (result.state, result.evidence, result.failing) == (State.REGRESS, None, 1)


def test_what_the_rest_of_a_step_can_still_find_is_told_and_gets_less_with_time():
    split = Split(weight=10, since=at(0), until=at(600))
    reading = Reading(played(*[usual(0)] * 50), replace(a_subscription(a_check()), split=split))
    early, late = reading.result(25).detectable, reading.result(505).detectable
    assert early is not None
    assert late is not None
    assert 1.2 < early < late


def test_before_the_traffic_is_divided_only_an_outage_is_looked_for():
    testers = played(*[usual(40)] * 6, *[usual(0)] * 3)
    reading = Reading(testers, replace(a_subscription(a_check(exclude=30)), divided=False))
    result = reading.result(65)
    assert (result.state, result.requests) == (State.NOT_ENOUGH_DATA, None)
    reading.subscription = replace(reading.subscription, divided=True)
    late = reading.result(95)  # the canary's first request that counts is in the seventh round
    assert (late.state, late.requests) == (State.NOT_ENOUGH_DATA, 0)
    down = Reading(played(*[usual(100)] * 14), replace(a_subscription(a_check()), divided=False))
    assert down.result(155).state is State.REGRESS


def test_a_policy_counts_from_when_the_stable_version_fell_silent():
    rounds = [*[usual(0)] * 30, *[{"c0": (100, 0)}] * 4]
    subscription = replace(a_subscription(a_check()), split=Split(weight=50, since=at(0)))
    reading = Reading(played(*rounds), subscription)
    assert reading.result(305).state is State.PASS
    result = reading.result(355)
    assert (result.state, since(result.since)) == (State.NO_DATA, 312.0)


def test_what_has_passed_is_not_doubted_for_a_few_bad_requests_more():
    def one(bad: int) -> dict[str, tuple[int, int]]:
        return {"c0": (100, bad), "s0": (450, 4), "s1": (450, 4)}

    rounds = [one(1)] * 4
    assert Reading(played(*rounds, one(2)), a_subscription(a_check())).result(55).state is State.PASS
    assert Reading(played(one(2), *rounds), a_subscription(a_check())).result(15).state is State.NOT_ENOUGH_DATA
    assert Reading(played(*rounds, one(5)), a_subscription(a_check())).result(55).state is State.NOT_ENOUGH_DATA


def test_evidence_that_should_stop_everybody_is_marked():
    reading = Reading(played(*[usual(8)] * 6), a_subscription(a_check()))
    suspicious = next(found for look in range(15, 75, 10) if (found := reading.result(look)).suspicious)
    assert (suspicious.state, suspicious.sentence.endswith(", too much to go on with")) == (State.NOT_ENOUGH_DATA, True)


def test_what_is_known_of_the_split_outlives_a_process():
    rounds = [{"c0": (600, 0), "s0": (200, 0), "s1": (200, 0)}] * 20
    first = Reading(played(*rounds), replace(a_subscription(a_check()), split=Split(weight=10, since=at(0))))
    before = first.look(205)
    after = first.anew(remembering=True).look(206)
    assert before.share is not None
    assert (after.share, after.observed) == (before.share, before.observed)


def test_a_threshold_goes_on_after_a_restart():
    check = a_ratio(bad='all{pod=~"{{pods}}",code="500"}', total='all{pod=~"{{pods}}"}')
    source = played(*[usual(0)] * 60)
    split = Split(weight=10, since=at(0))
    first = Reading(source, replace(a_subscription(check), split=split))
    first.look(305)
    again = first.anew(remembering=True)
    assert again.look(605).observed == pytest.approx(10)
    assert again.following is not None
    assert again.following.places["errors", "canary"].track.fresh == ()


def test_restarts_that_come_faster_than_seconds_are_all_counted_in_time():
    check = Restarts(name="restarts")
    calm = a_subscription(check)
    reading = Reading(Remembered(), calm)
    for seconds, count in ((0, 0), (20, 0), (20.2, 6), (30.4, 6), (41, 6)):
        canary, stable = calm.subjects
        reading.subscription = replace(
            calm, subjects=(replace(canary, restarts=(count,)), replace(stable, restarts=(0, 0)))
        )
        result = reading.result(seconds)
    assert (result.bad, result.requests) == (6, 41)


def test_a_side_that_had_nothing_is_not_waited_for_again_and_again():
    rounds = [{"c0": (100, 100)}] * 20
    source = Remembered()
    for number, grown in enumerate([{"c0": (0, 0)}, *rounds]):
        for code, share in (("200", 0), ("500", 1)):
            value = share * sum(each["c0"][1] for each in rounds[:number])
            source.scrape(number * INTERVAL + 0.5, metric="all", pod="c0", code=code, value=value)
        del grown
    reading = Reading(source, a_subscription(a_check()))
    for look in range(5, 175, 10):
        result = reading.result(look)
    assert result.state is State.REGRESS  # fourteen blocks of an outage, and three intervals' patience once
