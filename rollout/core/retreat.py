"""How a run is taken back: traffic first, then, once no proxy uses it any more, the canary."""

from dataclasses import replace

from rollout.core import routing, say
from rollout.core.case import Case, ended, routed, stamp
from rollout.core.target import Ruling, Target
from rollout.models.status import Outcome, Phase


def retreat(case: Case) -> Ruling:
    """What taking the canary back asks for now.

    Traffic never moves to a stable version that cannot answer while the canary can: that one is brought up first.
    """
    canary = case.canary
    if canary is not None and canary.ready and not case.stable.ready and case.world.services:
        return _revive(case)
    case = _from_now(case)
    if canary is None or not (canary.replicas or canary.pods):
        return _clean_up(case)
    if canary.replicas:
        case = routed(case, written=_taken(case))
    unsettled = case.unsettled is not None or not routing.services_lead_to(case.world, case.stable)
    if canary.replicas and unsettled:
        return _ruling(case, say.emptying(case), _target(case, canary=canary.replicas, weight=0), urgent=True)
    return _ruling(case, say.removing(case), _target(case, canary=0, weight=None), urgent=False)


def _from_now(case: Case) -> Case:
    """The case with the time to settle counted from now, where traffic is taken only now: the stable version had to
    be brought up before, or somebody gave the canary traffic again."""
    if _taken(case):
        return case
    return replace(case, run=case.run.model_copy(update={"since": stamp(case.world)}))


def _taken(case: Case) -> bool:
    """Whether nothing gives the canary traffic any more."""
    pinned = all(each.manifest is None or each.pinned == case.stable.name for each in case.world.services)
    return pinned and not routing.flows(case.world)


def _revive(case: Case) -> Ruling:
    assert case.canary is not None, "only a canary with ready pods can wait for the stable version"
    target = Target(
        replicas={case.stable.name: max(case.stable_replicas, 1), case.run.revision: case.canary.replicas},
        keep_traffic=True,
        canary=case.run.revision,
    )
    return _ruling(case, say.reviving(case), target, urgent=True)


def _target(case: Case, *, canary: int, weight: float | None) -> Target:
    aborted = {case.run.revision: case.run.number} if case.run.outcome is Outcome.ABORTED else {}
    return Target(
        replicas={case.stable.name: case.stable_replicas, case.run.revision: canary},
        pin=case.stable.name,
        weight=weight if routing.shifted(case.world) else None,
        canary=case.run.revision,
        aborted=aborted,
    )


def _clean_up(case: Case) -> Ruling:
    """No pod of the canary is left: routes and Services become as declared."""
    if routing.shifted(case.world) or routing.waiting(case.world, whole=False) is not None:
        return _ruling(case, say.removing(case), _target(case, canary=0, weight=None), urgent=False)
    keeps = case.run.outcome is Outcome.ABORTED and case.world.wanted == case.run.revision
    replicas = {case.stable.name: case.world.replicas}
    target = Target(
        replicas={**replicas, case.run.revision: 0} if keeps and case.canary is not None else replicas,
        pin=case.stable.name if case.world.references else None,
        aborted={case.run.revision: case.run.number} if keeps and case.canary is not None else {},
    )
    back = case.world.wanted == case.run.stable
    return Ruling(
        phase=Phase.HEALTHY if back else (Phase.ABORTED if keeps else Phase.PROGRESSING),
        reason="Aborted" if keeps else "TakenBack",
        message=say.aborted(case),
        target=target,
        run=ended(case.world, case.run),
    )


def _ruling(case: Case, message: str, target: Target, *, urgent: bool) -> Ruling:
    return Ruling(
        phase=Phase.ABORTING,
        reason="Aborting",
        message=message,
        target=target,
        run=case.run,
        step=case.world.status.step,
        after=max(case.settles_in, case.world.settings.settle / 10),
        urgent=urgent,
    )
