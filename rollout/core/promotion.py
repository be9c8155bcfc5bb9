"""How the canary becomes the stable version: the Services follow, the old one stays warm, then it goes."""

from dataclasses import replace
from datetime import timedelta

from rollout.core import routing, say
from rollout.core.case import Case, promoted, routed, to_stage
from rollout.core.gates import SOON, doubt, present, wake_by
from rollout.core.target import Ruling, Target
from rollout.core.world import Revision
from rollout.models.status import Phase, Stage, Verb

_PROMOTE = frozenset({Verb.PROMOTE})


def begin_switch(case: Case) -> Ruling:
    """All steps are done: from now on the Services follow."""
    return switch(replace(case, run=to_stage(case.world, case.run, Stage.SWITCHING).model_copy(update={"reverts": 0})))


def switch(case: Case) -> Ruling:
    """All traffic is on the canary: let the Services follow, then give the routes back."""
    if case.canary is None:
        return _rebuilt(case)
    replicas = {
        case.run.stable or "": case.stable_replicas,
        case.run.revision: max(case.world.replicas, case.canary.replicas),
    }
    followed = routing.services_lead_to(case.world, case.canary) and _pinned(case, case.run.revision)
    target = Target(replicas=replicas, pin=case.run.revision, weight=_switched(case), canary=case.run.revision)
    if followed and not case.asked.paused_at:
        return bake(replace(case, run=to_stage(case.world, case.run, Stage.BAKING)))
    return Ruling(
        phase=Phase.PAUSED if case.asked.paused_at else Phase.PROMOTING,
        reason="Switching",
        message=say.switching(case),
        target=target,
        run=case.run,
        step=present(case),
        after=wake_by(case, None),
        kept=_PROMOTE if case.asked.promote else frozenset(),
    )


def _rebuilt(case: Case) -> Ruling:
    """Somebody deleted the new version's Deployment, and the old one cannot answer either: build it again."""
    return Ruling(
        phase=Phase.PROMOTING,
        reason="CanaryLost",
        message=say.lost(case),
        target=Target(
            replicas={case.run.stable or "": case.stable_replicas, case.run.revision: case.world.replicas},
            templates={case.run.revision: case.spec.template},
            keep_traffic=True,
            canary=case.run.revision,
        ),
        run=case.run,
        step=present(case),
    )


def _switched(case: Case) -> float | None:
    """All traffic; where somebody took it away meanwhile, it is given again only to a canary that can answer it."""
    now = routing.routed(case.world)
    assert case.canary is not None, "a canary with all the traffic has a Deployment"
    whole = _whole(case) and routing.endpoints_exact(case.world, case.canary)
    return 100 if whole or now == 100 else now


def _pinned(case: Case, revision: str) -> bool:
    return all(service.pinned == revision for service in case.world.services)


def bake(case: Case) -> Ruling:
    """The routes are as declared and lead to the new version; the old one is one write away."""
    # A pin that somebody took away let the old version answer again: from its return proxies need their time once more.
    case = routed(case, written=not routing.shifted(case.world) and _pinned(case, case.run.revision))
    time = case.spec.bake.for_ if case.spec.bake else timedelta(0)
    over = case.in_stage >= time or case.asked.promote
    settled = case.unsettled is None and case.canary is not None and routing.services_lead_to(case.world, case.canary)
    ends = over and settled and _pinned(case, case.run.revision) and not case.asked.paused_at
    if ends and (case.asked.promote or doubt(case) is None):
        return finish(replace(case, run=to_stage(case.world, case.run, Stage.FINISHING)))
    if case.canary is None:
        return _rebuilt(case)
    left = case.settles_in if case.asked.promote else max(time - case.in_stage, case.settles_in)
    return Ruling(
        phase=Phase.PAUSED if case.asked.paused_at else Phase.BAKING,
        reason="Baking",
        message=say.baking(case, doubt(case), time),
        target=Target(
            replicas={case.run.stable or "": case.stable_replicas, case.run.revision: case.world.replicas},
            pin=case.run.revision,
            weight=None,
            canary=case.run.revision,
        ),
        run=case.run,
        step=present(case),
        after=wake_by(case, left if left > timedelta(0) else SOON),
        urgent=case.run.reverts > 0,
        kept=_PROMOTE if case.asked.promote else frozenset(),
    )


def finish(case: Case) -> Ruling:
    """The new version is the stable one: take the old one down, then let the Services be as declared."""
    old = case.world.revisions.get(case.run.stable or "")
    rest_pin = case.run.revision if case.world.references else None
    marks = {case.run.revision: case.run.number}
    if old is not None and old.ready and old.replicas and not _whole(case):
        return _spared(case, old)
    if old is not None and (old.replicas or old.pods):
        return Ruling(
            phase=Phase.PROMOTING,
            reason="RemovingOldVersion",
            message=say.finishing(case, old),
            target=Target(
                replicas={old.name: 0, case.run.revision: case.world.replicas},
                pin=case.run.revision,
                promoted=marks,
            ),
            run=case.run,
            step=present(case),
        )
    return Ruling(
        phase=Phase.HEALTHY,
        reason="Promoted",
        message=say.promoted(case),
        target=Target(replicas={case.run.revision: case.world.replicas}, pin=rest_pin, promoted=marks),
        run=promoted(case.world, case.run),
    )


def _whole(case: Case) -> bool:
    """Whether the new version has all its pods."""
    return case.canary is not None and len(case.canary.ready) >= case.world.replicas


def _spared(case: Case, old: Revision) -> Ruling:
    """The new version lost pods in this very moment: the old one stays until it has them again."""
    alive = case.canary is not None and case.canary.ready
    pinned = next((service.pinned for service in case.world.services), None)
    return Ruling(
        phase=Phase.PROMOTING,
        reason="WaitingForNewVersion",
        message=say.spared(case, old),
        target=Target(
            replicas={old.name: old.replicas, case.run.revision: case.world.replicas},
            templates={case.run.revision: case.spec.template},
            pin=case.run.revision if alive else pinned,
            promoted={case.run.revision: case.run.number},
        ),
        run=case.run,
        step=present(case),
    )
