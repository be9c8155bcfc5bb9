"""The one sentence that tells where a rollout is, why, and what comes next and when."""

from datetime import datetime, timedelta

from analysis.results import State
from rollout.core import routing
from rollout.core.asked import Asked
from rollout.core.case import Case
from rollout.core.findings import Standing
from rollout.core.workload import images
from rollout.core.world import Revision, World
from rollout.models.analysis import Then
from rollout.models.rollout import parse_time
from rollout.models.split import Split
from rollout.models.traffic import Match


def called(world: World, name: str | None) -> str:
    """What people call a revision: its image where that tells the versions apart, otherwise its name."""
    shown = {each: _image(world, each) for each in (*world.revisions, *([world.wanted] if world.wanted else []))}
    image = shown.get(name or "")
    unique = image is not None and list(shown.values()).count(image) == 1
    return image if unique and image else name or ""


def _image(world: World, name: str) -> str | None:
    """The image of the revision's first container."""
    revision = world.revisions.get(name)
    template = revision.manifest["spec"]["template"] if revision else world.template
    return next(iter(images(template or {})), None)


def percent(weight: float) -> str:
    """`25 %`, `2.5 %`."""
    return f"{weight:g} %"


def clock(moment: datetime, now: datetime) -> str:
    """`14:02:10 UTC`, and `30 Nov 14:02:10 UTC` where it is not on the same day as `now`."""
    day = "" if moment.date() == now.date() else f"{moment.day} {moment:%b} "
    return f"{day}{moment:%H:%M:%S} UTC"


def paused(asked: Asked, now: datetime) -> str:
    """Since when it is paused."""
    return f"Paused since {clock(parse_time(asked.paused_at), now)}" if asked.paused_at else ""


def pods(count: int) -> str:
    """`1 pod`, `3 pods`."""
    return "1 pod" if count == 1 else f"{count} pods"


def unready(case: Case) -> str:
    """How many of the canary's pods are ready, and what is wrong with one that is not."""
    revision = case.canary
    told = f"{len(revision.ready) if revision else 0} of {case.pods(case.index)} ready"
    trouble = next((pod for pod in revision.pods if pod.problem), None) if revision else None
    return f"{told}, pod {trouble.name} is in {trouble.problem}" if trouble else told


def reaching(case: Case, blocked: str | None) -> str:
    """While a step's pods come up."""
    step = case.steps[case.index]
    aim = f"{percent(step.weight or 0)}{_besides(step.match)} to {called(case.world, case.run.revision)}"
    if case.asked.paused_at:
        return f"{paused(case.asked, case.now)} before {aim}; resume to go on."
    if blocked:
        return f"Before {aim}: {blocked}."
    if case.canary is not None and len(case.canary.ready) >= case.pods(case.index):
        return f"Before {aim}: its pods are ready; waiting for its Services to lead to exactly them."
    limit = f"taken back if they are not ready by {clock(case.deadline, case.now)}"
    return f"Before {aim}: waiting for its pods, {unready(case)}; {limit}."


def _besides(match: Match | None) -> str:
    """` and requests with header X-Beta` for those that go to the canary besides its weight."""
    if match is None:
        return ""
    header = f"header {match.header.name}" if match.header is not None else None
    cookie = f"cookie {match.cookie.name}" if match.cookie is not None else None
    return f" and requests with {' or '.join(each for each in (header, cookie) if each is not None)}"


def holding(case: Case, standing: Standing | None, flow: Split, lacking: str | None) -> tuple[str, str]:
    """While a step is held: the reason in one word, and the sentence; `lacking` is what the stable version does.

    What somebody else did to the split comes beside what is waited for, and is the reason only where that needs nobody.
    """
    reason, sentence = _holding(case, standing, flow, lacking)
    if not case.run.reverts:
        return reason, sentence
    usual = reason in ("Holding", "WaitingForEvidence") and (standing is None or standing.unproved)
    return "Reverted" if usual else reason, f"{sentence} Meanwhile, {_undone(case)}."


def _holding(case: Case, standing: Standing | None, flow: Split, lacking: str | None) -> tuple[str, str]:
    weight = flow.canary
    place = f"At {percent(weight)}{_besides(flow.match)}"
    trouble = _trouble(case, place)
    if trouble is not None:
        return trouble
    if lacking is not None and weight < (case.steps[case.index].weight or 0):
        return "WaitingForPods", f"{place}: {lacking}."
    if standing is None:
        return _waiting(case, place, lacking)
    if standing.late:
        return "NotProved", f"Holding at {percent(weight)}: {standing.sentence}; promote to go on, or abort."
    if standing.unproved:
        return "WaitingForEvidence", _proving(case, standing, place)
    return _reason(standing), f"Holding at {percent(weight)}: {standing.sentence}."


def _trouble(case: Case, place: str) -> tuple[str, str] | None:
    """What keeps the step besides its checks and its time."""
    if case.run.emptied_at:
        return _off_traffic(case.run.emptied_for, clock(parse_time(case.run.emptied_at), case.now))
    off = _cut_off(case)
    if off is not None:
        return off
    if case.asked.paused_at:
        return "Paused", f"{paused(case.asked, case.now)} {place[0].lower()}{place[1:]}; resume to go on."
    if case.canary is not None and len(case.canary.ready) < case.pods(case.index):
        return "WaitingForPods", f"{place}: waiting for the canary's pods, {unready(case)}."
    return None


def _cut_off(case: Case) -> tuple[str, str] | None:
    """Why the canary is off the traffic until something is mended."""
    if case.canary is not None and not case.canary.ready:
        return "CanaryUnready", f"Canary taken off the traffic: {unready(case)}; it gets its share back when ready."
    lost = routing.adrift(case.world)
    return None if lost is None else ("RouteUnfit", f"Canary taken off the traffic: {lost}")


def _undone(case: Case) -> str:
    """What somebody else did to the split in this step, and how often."""
    return f"{case.run.reason}; seen {_times(case.run.reverts)} in this step"


def _off_traffic(short: str | None, since: str) -> tuple[str, str]:
    taken, way_out = f"Canary taken off the traffic at {since}", "resume to try again, or abort"
    if short is not None:
        return "ShareTooSmall", f"{taken}: {short}; {way_out}."
    return "CanarySilent", f"{taken}: it answers nothing while the stable version has traffic; {way_out}."


def _waiting(case: Case, place: str, lacking: str | None) -> tuple[str, str]:
    if case.hold.approval and not case.asked.promote:
        return "WaitingForApproval", f"{place}: waiting for approval; promote to go on to {following(case)}."
    waits = routing.waiting(case.world) or lacking
    if waits is not None and case.earliest <= case.now:
        return "Holding", f"{place}: {waits}."
    return "Holding", f"{place} until {clock(case.earliest, case.now)}, then {following(case)}.{_verdicts(case)}"


def _proving(case: Case, standing: Standing, place: str) -> str:
    """While evidence is waited for: what is known, what is missing, and what comes when."""
    outlook = f"; {standing.outlook}" if standing.outlook else ""
    return f"{place}: {standing.sentence}{outlook}. {_missing(case)}, then {following(case)}{_limit(case)}."


def _missing(case: Case) -> str:
    proof = "for proof that it is not worse"
    if not case.hold.approval:
        return f"Waits {proof}"
    return f"Approved; waits {proof}" if case.asked.promote else f"Waits {proof} and for approval"


def _limit(case: Case) -> str:
    """What happens where there is no proof in time, and when that is."""
    if case.latest is None:
        return ""
    policy = case.analysis.on_inconclusive if case.analysis is not None else None
    ending = {Then.ADVANCE: "at the latest at", Then.ABORT: "taken back if there is none by"}
    told = ending.get(policy.then if policy else Then.HOLD, "held if there is none by")
    return f"; {told} {clock(case.latest, case.now)}"


def _verdicts(case: Case) -> str:
    """What the checks say together: the first one that does not pass, or the first finding and that all is well."""
    results = case.found.results
    doubt = next((result for result in results if result.state is not State.PASS), None)
    if not results or doubt is not None:
        return f" {doubt.sentence[:1].upper()}{doubt.sentence[1:]}." if doubt else ""
    first = f"{results[0].sentence[:1].upper()}{results[0].sentence[1:]}"
    return f" {first}." if len(results) == 1 else f" {first}; all {len(results)} checks pass."


def following(case: Case) -> str:
    """What comes after the step."""
    if case.index + 1 < len(case.steps):
        return percent(case.steps[case.index + 1].weight or 0)
    return (
        "the Services follow and the new version bakes" if case.spec.bake else "the new version becomes the stable one"
    )


def _reason(standing: Standing) -> str:
    return {
        None: "ShareTooLarge",
        State.NOT_ENOUGH_DATA: "NotEnoughData",
        State.NO_DATA: "NoData",
        State.PROVIDER_DOWN: "ProviderDown",
    }.get(standing.state, "Holding")


def lost(case: Case) -> str:
    """When the new version's Deployment is gone and the old one has no ready pod."""
    return f"The Deployment of {called(case.world, case.run.revision)} was deleted: building it again."


def switching(case: Case) -> str:
    """While the Services follow."""
    if case.asked.paused_at:
        return f"{paused(case.asked, case.now)} at 100 %; resume to go on."
    return f"All traffic goes to {called(case.world, case.run.revision)}; waiting for the Services to lead there too."


def baking(case: Case, standing: Standing | None, bake: timedelta) -> str:
    """While the old version is kept warm."""
    if case.asked.paused_at:
        return f"{paused(case.asked, case.now)} with the old version still warm; resume to go on."
    if standing is not None and case.in_stage >= bake:
        return f"Baking for longer: {standing.sentence}."
    new, waits = called(case.world, case.run.revision), routing.waiting(case.world)
    if waits is not None:
        return f"{new} has all the traffic; the old version stays warm: {waits}."
    end = case.now + max(bake - case.in_stage, case.settles_in)
    return f"{new} has all the traffic; the old version stays warm until {clock(end, case.now)} and is then removed."


def finishing(case: Case, old: Revision) -> str:
    """While the old version goes."""
    new, gone = called(case.world, case.run.revision), called(case.world, old.name)
    return f"Promoted {new}; removing the old version {gone}, {pods(len(old.pods))} left."


def spared(case: Case, old: Revision) -> str:
    """While the old version waits for the new one to have all its pods."""
    new, kept = called(case.world, case.run.revision), called(case.world, old.name)
    ready = len(case.canary.ready) if case.canary else 0
    return f"Promoted {new}, which has {ready} of {pods(case.world.replicas)} ready; {kept} stays until all are."


def promoted(case: Case) -> str:
    """At the end of a good release."""
    took = _span((case.now - parse_time(case.run.started_at)).total_seconds())
    return f"Promoted {called(case.world, case.run.revision)} at {clock(case.now, case.now)}, {took} after the change."


def emptying(case: Case) -> str:
    """While proxies follow an abort."""
    return f"{_taken(case, 'to 0 %')}: {case.run.reason}. The canary goes once no proxy uses it."


def removing(case: Case) -> str:
    """While the canary goes."""
    return f"{_taken(case)}: {case.run.reason}. Removing the canary."


def reviving(case: Case) -> str:
    """While an abort waits for the stable version."""
    stable = called(case.world, case.run.stable)
    return (
        f"Aborting: {case.run.reason}. The stable version {stable} has no ready pod, so it is scaled up first; "
        "traffic moves as soon as one is ready."
    )


def aborted(case: Case) -> str:
    """At the end of an abort."""
    if case.world.wanted == case.run.revision:
        stable = called(case.world, case.run.stable)
        return f"{_taken(case)}: {case.run.reason}. {stable} serves; retry, or change the template."
    return f"{called(case.world, case.run.revision)} was taken back: {case.run.reason}."


def _taken(case: Case, where: str = "") -> str:
    at = clock(parse_time(case.run.since), case.now)
    return f"{called(case.world, case.run.revision)} was taken back{f' {where}' if where else ''} at {at}"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
