"""What the checks say, and what their policies make of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from analysis.assess import CheckResult, State
from rollout.core.world import Revision
from rollout.models.analysis import Analysis, Check, Policy, Then


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The results of all checks at this moment, the cluster's own ones included."""

    checks: tuple[Check, ...]
    results: tuple[CheckResult, ...]

    def breach(self) -> CheckResult | None:
        """The first check that proves the canary worse."""
        return next((each for each in self.results if each.state is State.REGRESS and not each.warn_only), None)

    def silent(self) -> bool:
        """Whether the canary answers nothing while the stable version has traffic, by every check that can tell.

        One alone may be late: a proxy's histograms follow its counters.
        """
        counted = {check.name for check in self.checks if check.ratio is not None or check.latency is not None}
        told = [each.silent for each in self.results if each.name in counted]
        return bool(told) and all(told)

    def only(self, names: tuple[str, ...] | None) -> "Findings":
        """Those of the named checks; all when None."""
        if names is None:
            return self
        return Findings(
            checks=tuple(check for check in self.checks if check.name in names),
            results=tuple(result for result in self.results if result.name in names),
        )


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Whether a step may be left: `then` says what to do, `sentence` why."""

    then: Then
    state: State
    sentence: str


def findings(
    checks: tuple[Check, ...], results: Sequence[CheckResult], canary: Revision | None, now: datetime
) -> Findings:
    """The measured results together with those that the cluster alone decides; a check without a result waits."""
    measured = {result.name: result for result in results}
    found = []
    for check in checks:
        if check.restarts is not None:
            found.append(_restarts(check, canary, now))
        elif check.name in measured:
            found.append(measured[check.name])
        else:
            found.append(_unmeasured(check))
    return Findings(checks=checks, results=tuple(found))


def standing(
    found: Findings, analysis: Analysis | None, *, names: tuple[str, ...] | None, since: datetime, now: datetime
) -> Standing | None:
    """What keeps a step from being left: a check whose policy gives up, else the first that holds; None when none does.

    `names` are the checks that count, all when None; `since` is when the step was entered. A check that is not
    critical, or only warns, keeps nothing back.
    """
    counted = (each for each in found.results if each.critical and not each.warn_only)
    asked = (each for each in counted if names is None or each.name in names)
    verdicts = [verdict for each in asked if (verdict := _standing(each, analysis, since=since, now=now)) is not None]
    given_up = (verdict for verdict in verdicts if verdict.then is Then.ABORT)
    return next(given_up, next(iter(verdicts), None))


def _standing(result: CheckResult, analysis: Analysis | None, *, since: datetime, now: datetime) -> Standing | None:
    if result.state is State.PASS:
        return None
    policy = _policy(result.state, analysis)
    then = Then.HOLD
    if policy is not None and now - max(result.since, since) >= policy.after:
        then = policy.then
    return None if then is Then.ADVANCE else Standing(then=then, state=result.state, sentence=result.sentence)


def _policy(state: State, analysis: Analysis | None) -> Policy | None:
    if analysis is None:
        return None
    return {
        State.NO_DATA: analysis.on_no_data,
        State.PROVIDER_DOWN: analysis.on_provider_down,
        State.NOT_ENOUGH_DATA: analysis.on_inconclusive,
    }.get(state)


def _unmeasured(check: Check) -> CheckResult:
    return CheckResult(
        name=check.name,
        state=State.NOT_ENOUGH_DATA,
        critical=check.critical is not False and not check.warn_only,
        warn_only=bool(check.warn_only),
        since=datetime.min.replace(tzinfo=UTC),  # the policy's time runs from the step's start
        sentence=f"{check.name}: not measured yet",
    )


def _restarts(check: Check, canary: Revision | None, now: datetime) -> CheckResult:
    assert check.restarts is not None, "called for restart checks only"
    count, limit = (canary.restarts if canary else 0), check.restarts.max
    return CheckResult(
        name=check.name,
        state=State.REGRESS if count > limit else State.PASS,
        critical=check.critical is not False and not check.warn_only,
        warn_only=bool(check.warn_only),
        canary=float(count),
        since=now,
        sentence=f"{check.name}: {_times(count)} on the canary, at most {limit} allowed",
    )


def _times(count: int) -> str:
    return {0: "none", 1: "one"}.get(count, str(count))
