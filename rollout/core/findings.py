"""What the checks say, and what their policies make of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from analysis.results import Assessment, CheckResult, ShareFinding, State
from rollout.core.world import Revision
from rollout.models.analysis import Analysis, Policy, Then
from rollout.models.checks import Check


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The results of all checks at this moment, the cluster's own ones included, and how the traffic is split.

    `observed` is the canary's measured share in per cent; `share` what is wrong with it. `checkpoint` is what a later
    controller has to remember.
    """

    checks: tuple[Check, ...]
    results: tuple[CheckResult, ...]
    observed: float | None = None
    share: ShareFinding | None = None
    checkpoint: str | None = None

    def breach(self) -> CheckResult | None:
        """The first check that proves the canary worse, and may take it back."""
        worse = (each for each in self.results if each.state is State.REGRESS)
        return next((each for each in worse if not each.warn_only and not each.holds_only), None)

    def silent(self) -> bool:
        """Whether the canary answers nothing while the stable version has traffic, by every check that can tell.

        One alone may be late: a proxy's histograms follow its counters.
        """
        counted = {check.name for check in self.checks if check.ratio is not None or check.latency is not None}
        told = [each.silent for each in self.results if each.name in counted]
        return bool(told) and all(told)

    def too_few(self) -> str | None:
        """What is said of a canary that gets less than its share; None of one that does not."""
        return self.share.sentence if self.share is not None and self.share.kind == "tooFew" else None

    def too_many(self) -> str | None:
        """What is said of a canary that gets more than its share; None of one that does not."""
        return self.share.sentence if self.share is not None and self.share.kind == "tooMany" else None

    def only(self, names: tuple[str, ...] | None) -> "Findings":
        """Those of the named checks; all when None."""
        if names is None:
            return self
        return replace(
            self,
            checks=tuple(check for check in self.checks if check.name in names),
            results=tuple(result for result in self.results if result.name in names),
        )

    def counted(self) -> Iterator[tuple[Check, CheckResult]]:
        """The checks that can keep a step, each with its result: one that only warns cannot."""
        results = {result.name: result for result in self.results}
        found = ((check, results[check.name]) for check in self.checks if check.name in results)
        return ((check, result) for check, result in found if result.critical and not result.warn_only)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What keeps a step from being left: `then` says what to do, `sentence` why.

    `state` is None where it is no check's: the traffic is not split as it should be. `unproved` is where nothing speaks
    against the canary and proof that it is not worse is missing; it is `late` once that was not found in time.
    """

    then: Then
    state: State | None
    sentence: str
    unproved: bool = False
    late: bool = False
    outlook: str | None = None


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Since when a step's policies count; with `proof`, evidence is waited for, until `deadline` where that is set."""

    since: datetime
    proof: bool = False
    deadline: datetime | None = None


def findings(checks: tuple[Check, ...], assessment: Assessment, canary: Revision | None, now: datetime) -> Findings:
    """The measured results together with those that the cluster alone decides; a check without a result waits."""
    measured = {result.name: result for result in assessment.results}
    found = []
    for check in checks:
        if check.restarts is not None and check.restarts.max is not None:
            found.append(_restarts(check, check.restarts.max, canary=canary, now=now))
        elif check.name in measured:
            found.append(measured[check.name])
        else:
            found.append(_unmeasured(check))
    return Findings(
        checks=checks,
        results=tuple(found),
        observed=assessment.observed,
        share=assessment.share,
        checkpoint=assessment.checkpoint,
    )


def standing(found: Findings, analysis: Analysis | None, wait: Wait, now: datetime) -> Standing | None:
    """What keeps a step from being left: a check whose policy gives up, else the first that holds; None when none does.

    A check that is not critical, or only warns, keeps nothing back.
    """
    said = [_standing(check, result, analysis, wait, now) for check, result in found.counted()]
    verdicts = [verdict for verdict in said if verdict is not None]
    given_up = (verdict for verdict in verdicts if verdict.then is Then.ABORT)
    speaking = (verdict for verdict in verdicts if not verdict.unproved)  # before what only needs time
    return next(given_up, next(speaking, next(iter(verdicts), None)))


def _standing(
    check: Check, result: CheckResult, analysis: Analysis | None, wait: Wait, now: datetime
) -> Standing | None:
    open_ = result.state is State.NOT_ENOUGH_DATA or (result.state is State.PASS and check.provable)
    if wait.proof and open_:
        # What is proved against the stable version alone does not count beside what makes it suspect.
        proved = result.proven and result.state is State.PASS
        return None if proved else _unproved(result, analysis, wait, now)
    if result.state is State.PASS:
        return None
    policy = _policy(result.state, analysis)
    then = Then.HOLD
    if policy is not None and now - max(result.since, wait.since) >= policy.after:
        then = policy.then
    if then is Then.ADVANCE and not result.suspicious:
        return None
    then = Then.HOLD if then is Then.ADVANCE else then
    return Standing(then=then, state=result.state, sentence=result.sentence)


def _unproved(result: CheckResult, analysis: Analysis | None, wait: Wait, now: datetime) -> Standing | None:
    """Evidence is waited for until the deadline; then the policy for what is inconclusive is done, at once."""
    policy = analysis.on_inconclusive if analysis is not None else None
    over = wait.deadline is not None and now >= wait.deadline
    then = policy.then if over and policy is not None else Then.HOLD
    if then is Then.ADVANCE and not result.suspicious:
        return None
    then = Then.HOLD if then is Then.ADVANCE else then
    told = f"{result.sentence}; not proved in time" if over else result.sentence
    return Standing(
        then=then, state=result.state, sentence=told, unproved=True, late=over, outlook=None if over else result.outlook
    )


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


def _restarts(check: Check, limit: int, *, canary: Revision | None, now: datetime) -> CheckResult:
    count = canary.restarts if canary else 0
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
