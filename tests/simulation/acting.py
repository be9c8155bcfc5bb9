"""Carries out the actions of a schedule."""

import asyncio
import json
from typing import Any, assert_never

from rollout.models.rollout import COMMAND
from sandbox.storage import Object
from tests.faults.effects import Hold
from tests.faults.rules import Rule
from tests.simulation import objects
from tests.simulation.gate import Death
from tests.simulation.harms import LASTING, STREAMS, WRITES_ONLY, rule
from tests.simulation.objects import NAMESPACE
from tests.simulation.replica import Replica
from tests.simulation.schedule import (
    Action,
    AllReady,
    Ask,
    GitOps,
    Harm,
    Kill,
    Leave,
    Partition,
    Release,
    Remove,
    Restarts,
    Scale,
    Trouble,
    Unready,
    Weather,
    Whose,
)
from tests.simulation.simulation import Simulation
from tests.simulation.truth import is_ready, revision_of

_RECOVERY = 30.0  # seconds from the end of a trouble until a controller is as good as up to date
_LOST_TRACK = 190.0  # the same after silence, which a reflector notices by its time-out


async def act(made: Simulation, action: Action) -> None:
    """Carry out one action; returns as soon as it has begun."""
    made.trace.say(f"--- {action}")
    match action:
        case Release() | Ask() | Scale() | GitOps() | Remove() | Leave():
            await _edit(made, action)
        case Weather(sky):
            made.weather.sky = sky
        case Unready() | AllReady() | Restarts():
            _pods(made, action)
        case Kill(write, after, seconds):
            made.gate.death = Death(write, after, lambda user: _die(made, user, seconds))
        case Partition(seconds):
            _partition(made, seconds)
        case Harm():
            _harm(made, action)
        case _:
            assert_never(action)


async def _edit(made: Simulation, action: Release | Ask | Scale | GitOps | Remove | Leave) -> None:
    """What people do with kubectl, or a program with Git."""
    match action:
        case Release(version):
            made.counted("release")
            await _release(made, version)
        case Ask():
            await _ask(made, action)
        case Scale(replicas):
            await made.patch("Rollout", {"spec": {"replicas": replicas}})
        case GitOps(kind):
            await _as_declared(made, kind)
        case Remove("Finalizer"):
            await made.patch("Rollout", {"metadata": {"finalizers": None}})
        case Remove(kind, seconds):
            await made.delete(_kind(made, kind), _name(kind))
            made.witness.doubt(seconds + _RECOVERY)
            made.later(seconds, lambda: made.group.create_task(put_back(made)))
        case Leave():
            made.witness.sizes.leaving = True
            await made.delete("Rollout")


def _kind(made: Simulation, kind: str) -> str:
    """The kind of what is removed; the route may be an Ingress."""
    if kind == "HTTPRoute":
        return str(objects.route(made.setup)["kind"])
    return "Service" if kind == "CanaryService" else kind


def _name(kind: str) -> str:
    return "shop-canary" if kind == "CanaryService" else "shop"


async def _release(made: Simulation, version: str) -> None:
    path = "/spec/template"
    kind = "Deployment" if made.setup.adopted else "Rollout"
    await made.patch(kind, [{"op": "replace", "path": path, "value": objects.template(version)}])


async def _ask(made: Simulation, action: Ask) -> None:
    number = made.counted(action.verb)
    if action.to_end:
        made.asked["end"] = made.asked.get("end", 0) + 1
    if action.verb in ("promote", "resume"):
        made.witness.shifts.promoted = True
    command = {"verb": action.verb} | ({"to": "end"} if action.to_end else {})
    if action.by_status:
        await made.add_command({"id": f"{number}:{action.verb}", **command})
        return
    value = f"{action.verb}:{number}"
    value = json.dumps({"id": value, **command}) if action.to_end else value
    await made.patch("Rollout", {"metadata": {"annotations": {COMMAND: value}}})


async def _as_declared(made: Simulation, kind: str) -> None:
    if kind == "HTTPRoute" and made.setup.ingress:
        await made.delete("Ingress", "shop-canary")
        return
    declared = objects.ROUTE if kind == "HTTPRoute" else objects.SERVICE
    field = "rules" if kind == "HTTPRoute" else "selector"
    change = [{"op": "replace", "path": f"/spec/{field}", "value": declared["spec"][field]}]
    await made.patch(kind, change, agent="gitops")


async def put_back(made: Simulation) -> None:
    """Create again what people declared and somebody deleted."""
    await made.create(objects.SERVICE)
    await made.create(objects.route(made.setup))


def _pods(made: Simulation, action: Unready | AllReady | Restarts) -> None:
    match action:
        case Unready(whose, count):
            for pod in _pods_of(made, whose)[:count]:
                made.cluster.set_ready(NAMESPACE, pod, False)
        case AllReady():
            every_pod_is_well(made)
        case Restarts(count):
            for pod in _pods_of(made, Whose.CANARY)[:1]:
                made.cluster.storage.mutate("pods", NAMESPACE, pod, lambda pod: _restarted(pod, count))


def every_pod_is_well(made: Simulation) -> None:
    """Let all pods be ready."""
    for pod in made.truth.list("pods"):
        if not is_ready(pod):
            made.cluster.set_ready(NAMESPACE, pod["metadata"]["name"], True)


def _pods_of(made: Simulation, whose: Whose) -> list[str]:
    """Names of a version's pods, by its role in the present run."""
    run = made.truth.run
    wanted = run.get("revision") if whose is Whose.CANARY else run.get("stable") or run.get("revision")
    if whose is Whose.CANARY and run.get("stage") == "Done":
        return []
    return [pod["metadata"]["name"] for pod in made.truth.list("pods") if revision_of(pod) == wanted]


def _restarted(pod: Object, count: int) -> None:
    annotations: dict[str, Any] = pod["metadata"].setdefault("annotations", {})
    annotations["sandbox/restarts"] = str(count)


def _die(made: Simulation, user: str, seconds: float) -> None:
    replica = next(each for each in made.replicas if each.user == user)
    made.witness.doubt(seconds + _RECOVERY)
    replica.kill()
    made.later(seconds, replica.start)


def _partition(made: Simulation, seconds: float) -> None:
    replica = _acting(made)
    made.witness.doubt(seconds + _LOST_TRACK)
    replica.proxy.partitioned = True

    def over() -> None:
        made.trace.say(f"the partition of {replica.user} is over")
        replica.proxy.partitioned = False

    made.later(seconds, over)


def _acting(made: Simulation) -> Replica:
    last = made.witness.last_writer
    return next((each for each in made.replicas if each.user == last), made.replicas[0])


def _harm(made: Simulation, harm: Harm) -> None:
    added = rule(harm.trouble, harm.percent)
    lasting = LASTING if harm.trouble in STREAMS else _LOST_TRACK
    if harm.trouble in WRITES_ONLY:
        made.witness.hinder(harm.seconds + _RECOVERY)
    else:
        made.witness.doubt(harm.seconds + lasting)
    if harm.trouble is Trouble.HELD:
        made.witness.shifts.late = True
    for replica in made.replicas:
        replica.proxy.rules = (*replica.proxy.rules, added)
        if harm.trouble in STREAMS:
            replica.proxy.disconnect()
    made.cluster.api.expire_watches()

    def over() -> None:
        made.trace.say(f"{harm.trouble} is over")
        for replica in made.replicas:
            replica.proxy.rules = tuple(each for each in replica.proxy.rules if each is not added)
        _release_held((added,))

    made.later(harm.seconds, over)


def _release_held(rules: tuple[Rule, ...]) -> None:
    for each in rules:
        if isinstance(each.effect, Hold):
            each.effect.release()


async def calm(made: Simulation) -> None:
    """No trouble any more: everything is well, everybody runs, and what people declared is there."""
    made.trace.say("--- calm")
    await asyncio.sleep(0)
    made.gate.death = None
    for replica in made.replicas:
        _release_held(replica.proxy.rules)
        replica.proxy.rules = ()
        replica.proxy.partitioned = False
        replica.start()
    await put_back(made)
