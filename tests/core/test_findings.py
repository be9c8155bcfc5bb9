"""From results and the cluster's own observations to what they mean for a step."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analysis.results import CheckResult, ShareFinding, State
from rollout.core.decide import decide
from rollout.core.findings import Findings, Standing, Wait, findings, standing
from rollout.models.analysis import Analysis, Then
from tests.core.builders import (
    ERRORS,
    MINUTE,
    NEW,
    NOW,
    a_check,
    a_policy,
    a_result,
    a_revision,
    a_world,
    an_analysis,
    judged,
    some_pods,
)
from tests.core.stages import place_of

RESTARTS = a_check(name="restarts", restarts={"max": 1})
MEASURED = a_check(**ERRORS)


def found(*results: CheckResult) -> Findings:
    checks = tuple(a_check(**{**ERRORS, "name": result.name}) for result in results)
    return Findings(checks=checks, results=results)


def stands(found: Findings, analysis: Analysis | None = None, *, since: timedelta = MINUTE) -> Standing | None:
    return standing(found, analysis, Wait(since=NOW - since), NOW)


def test_a_check_without_a_result_waits_since_ever() -> None:
    result = findings((MEASURED,), judged(), None, NOW).results[0]
    assert (result.state, result.since) == (State.NOT_ENOUGH_DATA, datetime.min.replace(tzinfo=UTC))
    assert (result.critical, result.warn_only, result.sentence) == (True, False, "errors: not measured yet")


def test_results_come_in_the_order_of_the_checks_and_strangers_are_left_out() -> None:
    results = judged(a_result(name="stranger"), a_result())
    assert [each.name for each in findings((RESTARTS, MEASURED), results, None, NOW).results] == ["restarts", "errors"]


@pytest.mark.parametrize(("counts", "state"), [((0, 0), State.PASS), ((1, 0), State.PASS), ((1, 1), State.REGRESS)])
def test_restarts_of_all_pods_together_are_a_breach_above_the_limit(counts: tuple[int, ...], state: State) -> None:
    pods = [replace(pod, restarts=count) for pod, count in zip(some_pods(NEW, 2), counts, strict=True)]
    result = findings((RESTARTS,), judged(), a_revision(NEW, pods), NOW).results[0]
    assert (result.state, result.canary) == (state, float(sum(counts)))


def test_a_check_that_only_warns_or_is_not_critical_says_so() -> None:
    checks = (
        a_check(name="a", restarts={"max": 0}, warnOnly=True),
        a_check(name="b", restarts={"max": 0}, critical=False),
    )
    assert [(each.critical, each.warn_only) for each in findings(checks, judged(), None, NOW).results] == [
        (False, True),
        (False, False),
    ]


def test_the_first_regression_is_a_breach_unless_it_only_warns() -> None:
    warns, proves = a_result(State.REGRESS, warn_only=True), a_result(State.REGRESS, name="p99", critical=False)
    assert found(a_result(), warns).breach() is None
    assert found(warns, proves).breach() == proves


def test_a_regression_that_only_holds_is_no_breach_and_keeps_the_step() -> None:
    costly = found(a_result(State.REGRESS, holds_only=True))
    assert costly.breach() is None
    assert stands(costly) == Standing(then=Then.HOLD, state=State.REGRESS, sentence="errors: regress")


def test_restarts_that_are_compared_are_measured_and_not_counted_here() -> None:
    compared = a_check(name="restarts", restarts={})
    pods = [replace(pod, restarts=9) for pod in some_pods(NEW, 2)]
    measured = judged(a_result(name="restarts"))
    assert findings((compared,), measured, a_revision(NEW, pods), NOW).results == measured.results


def test_what_is_known_of_the_traffic_goes_along() -> None:
    share = ShareFinding(kind="tooMany", since=NOW, sentence="too many")
    every = findings((MEASURED,), judged(observed=24.6, share=share, checkpoint="{}"), None, NOW)
    assert (every.observed, every.share, every.checkpoint) == (24.6, share, "{}")
    assert (every.only(()).too_many(), every.only(()).too_few()) == ("too many", None)


def test_a_canary_is_silent_when_every_check_that_counts_requests_says_so() -> None:
    slow = a_check(name="p99", latency={"histogram": "t", "below": "1s", "share": 99})
    silent, heard = a_result(State.NO_DATA, silent=True), a_result(name="p99")
    both = (silent, a_result(State.NO_DATA, name="p99", silent=True))
    assert Findings(checks=(MEASURED, slow, RESTARTS), results=both).silent()
    assert not Findings(checks=(MEASURED, slow), results=(silent, heard)).silent()
    assert not Findings(checks=(RESTARTS,), results=()).silent()


def test_only_the_checks_that_a_step_names_count_in_it() -> None:
    every = found(a_result(State.REGRESS), a_result(name="p99"))
    assert every.only(("p99",)).breach() is None
    assert every.only(None) is every


def test_a_policy_that_gives_up_is_not_hidden_by_a_check_that_only_holds() -> None:
    results = found(a_result(State.NOT_ENOUGH_DATA), a_result(State.PROVIDER_DOWN, name="p99"))
    analysis = a_policy("onProviderDown", "abort", "1m").analysis
    verdict = stands(results, analysis, since=2 * MINUTE)
    assert verdict is not None
    assert (verdict.state, verdict.then) == (State.PROVIDER_DOWN, Then.ABORT)


@pytest.mark.parametrize("state", [State.NO_DATA, State.NOT_ENOUGH_DATA, State.PROVIDER_DOWN, State.REGRESS])
def test_whatever_does_not_pass_holds_without_a_policy(state: State) -> None:
    verdict = stands(found(a_result(name="p99"), a_result(state)))
    assert verdict == Standing(then=Then.HOLD, state=state, sentence=f"errors: {state}")


def test_no_policy_lets_a_regression_pass() -> None:
    policies = {each: {"after": "0s", "then": "advance"} for each in ("onNoData", "onProviderDown", "onInconclusive")}
    bad = found(a_result(State.REGRESS))
    verdict = stands(bad, an_analysis(**policies))
    assert verdict is not None
    assert verdict.then is Then.HOLD


@pytest.mark.parametrize(
    ("state_for", "step_for", "then"),
    [(2, 9, Then.ABORT), (9, 2, Then.ABORT), (1, 9, Then.HOLD), (9, 1, Then.HOLD)],
)
def test_a_policys_time_runs_from_the_state_and_from_the_step(state_for: int, step_for: int, then: Then) -> None:
    analysis = an_analysis(onNoData={"after": "2m", "then": "abort"})
    bad = found(a_result(State.NO_DATA, since=state_for * MINUTE))
    verdict = stands(bad, analysis, since=step_for * MINUTE)
    assert verdict is not None
    assert verdict.then is then


@pytest.mark.parametrize(
    ("result", "names"),
    [
        (a_result(), None),
        (a_result(State.NO_DATA, critical=False), None),
        (a_result(State.NO_DATA, warn_only=True), None),
        (a_result(State.NO_DATA), ("other",)),
        (a_result(State.NO_DATA), ()),
    ],
)
def test_what_does_not_count_keeps_nothing_back(result: CheckResult, names: tuple[str, ...] | None) -> None:
    assert stands(found(result).only(names), since=timedelta(days=1)) is None


def test_a_suspicion_is_never_passed_by_whatever_the_policy_says() -> None:
    world = a_world(entered=9 * MINUTE, spec=a_policy("onInconclusive", "advance"))
    open_ = a_result(State.NOT_ENOUGH_DATA, since=9 * MINUTE)
    assert place_of(decide(world, judged(open_)))[0] == 1
    assert place_of(decide(world, judged(replace(open_, suspicious=True))))[0] == 0
