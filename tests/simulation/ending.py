"""However the day was: once it is over the release ends, everything is given back, and then nothing is written."""

import asyncio
from collections.abc import Mapping
from typing import Any

from rollout.models.rollout import ABORTED, REVISION_LABEL
from tests.simulation import objects
from tests.simulation.acting import act, calm, every_pod_is_well
from tests.simulation.harms import WRITES_ONLY
from tests.simulation.schedule import (
    Ask,
    Harm,
    Kill,
    Leave,
    Partition,
    Release,
    Schedule,
    Sky,
    Weather,
)
from tests.simulation.simulation import Simulation
from tests.simulation.truth import revision_of
from tests.simulation.witness import CONTROLLER

_ONE_RELEASE = 480.0  # simulated seconds in which a release is over, with retries before it
_PATIENCE = 1_200.0  # simulated seconds until a person decides
_BOUND = 2_400.0  # and until it has to be over after that
_REST = 300.0
_NOBODYS = Release | Harm | Kill | Partition
"""What asks for no decision of a person: once it is past, everything goes on by itself."""
_OVERTAKEN = 3  # writes in a day without trouble that may meet a change of the same moment


async def end(made: Simulation, schedule: Schedule) -> None:
    """Wait for the end in good weather, and look at what is left."""
    await calm(made)
    await act(made, Weather(Sky.GOOD))
    if any(isinstance(event.action, Leave) for event in schedule.events):
        await _gone(made)
    else:
        await _over(made, schedule)
    if made.trace.wrongs:
        return
    _given_back(made)
    _explained(made)
    _so(made, schedule)
    _once(made)
    if all(isinstance(event.action, Release | Ask | Weather) for event in schedule.events):
        _welcome(made)
    await _still(made)


async def _gone(made: Simulation) -> None:
    if not await made.until(lambda: _is_gone(made), within=_BOUND):
        made.trace.wrong("a Rollout that was deleted does not go")


def _is_gone(made: Simulation) -> bool:
    every_pod_is_well(made)
    return made.truth.get("rollouts") is None


async def _over(made: Simulation, schedule: Schedule) -> None:
    await _resumed(made)
    if await made.until(lambda: _is_over(made), within=_patience(schedule)) or made.trace.wrongs:
        return
    if all(isinstance(event.action, _NOBODYS) for event in schedule.events):
        made.trace.wrong("a release that nothing is wrong with waits for a person")
    await _resumed(made)
    await act(made, Ask("promote", to_end=True))
    if not await made.until(lambda: _is_over(made), within=_BOUND):
        made.trace.wrong("the release does not end")


def _patience(schedule: Schedule) -> float:
    """Where only writes failed, a controller goes on at once: it waits for no deadline to look again."""
    harms = [event.action for event in schedule.events if not isinstance(event.action, Release)]
    short = all(isinstance(harm, Harm) and harm.trouble in WRITES_ONLY for harm in harms)
    return _ONE_RELEASE if short else _PATIENCE


async def _resumed(made: Simulation) -> None:
    """Whoever paused goes on, once commands can be read again."""
    await asyncio.sleep(30)
    if made.truth.status.get("pausedAt"):
        await act(made, Ask("resume"))


def _is_over(made: Simulation) -> bool:
    """Whether the Rollout rests; pods that misbehaved are well from time to time, as those that are replaced are."""
    every_pod_is_well(made)
    phase, run = made.truth.status.get("phase"), made.truth.run
    generation = (made.truth.get("rollouts") or {}).get("metadata", {}).get("generation")
    seen = made.truth.status.get("observedGeneration") == generation
    if made.setup.adopted and not made.witness.certain:
        return False  # the template is another object's, which no status tells of having seen
    return seen and phase in ("Healthy", "Aborted") and run.get("stage") == "Done" and _only_stable(made)


def _only_stable(made: Simulation) -> bool:
    stable: str = ((made.truth.status.get("revisions") or {}).get("stable") or {}).get("name", "")
    pods = [revision_of(pod) for pod in made.truth.list("pods")]
    replicas = (made.truth.get("rollouts") or {})["spec"]["replicas"]
    return pods == [stable] * replicas and made.truth.ready(stable) == replicas


def _explained(made: Simulation) -> None:
    """Only where a controller really went may that be the reason for an abort."""
    alone = len(made.replicas) == 1 and made.replicas[0].lives == 1
    if alone and "when the controller stopped" in (made.truth.run.get("reason") or ""):
        made.trace.wrong("the reason for an abort is lost")


def _so(made: Simulation, schedule: Schedule) -> None:
    """A day with a name may say how its last run ends."""
    told = f"{made.truth.run.get('outcome')}: {made.truth.run.get('reason') or ''}"
    if schedule.ends not in told:
        made.trace.wrong(f"the day ends with {schedule.ends!r}, and it did with {told!r}")


def _given_back(made: Simulation) -> None:
    """The route and the Service are what people declared, and nothing is beside them."""
    route, service, declared = made.truth.route, made.truth.get("services"), objects.route(made.setup)
    if route is None or _essence(route) != _essence(declared) or not _same_rules(route, declared):
        made.trace.wrong(f"the route is not given back: {route}")
    if service is None or _essence(service) != _essence(objects.SERVICE) or not _same_selector(made, service):
        made.trace.wrong(f"the Service is not given back: {service}")
    stable = ((made.truth.status.get("revisions") or {}).get("stable") or {}).get("name")
    serving = [each for each in made.truth.list("deployments") if stable and revision_of(each) == stable]
    if any(ABORTED in (each["metadata"].get("annotations") or {}) for each in serving):
        made.trace.wrong("a version that serves is marked as taken back")
    for plural in ("services", "ingresses"):
        if made.truth.get(plural, "shop-canary") is not None:
            made.trace.wrong(f"one of the owned {plural} is still there")


def _essence(manifest: Mapping[str, Any]) -> tuple[object, object]:
    return manifest["metadata"].get("labels") or {}, manifest["metadata"].get("annotations") or {}


def _same_rules(route: Mapping[str, Any], declared: Mapping[str, Any]) -> bool:
    if declared["kind"] == "Ingress":
        return bool(route["spec"] == declared["spec"])
    refs = [ref for rule in route["spec"]["rules"] for ref in rule["backendRefs"]]
    return [(ref["name"], ref.get("weight", 1)) for ref in refs] == [("shop", 1)]


def _same_selector(made: Simulation, service: Mapping[str, Any]) -> bool:
    """As declared; an adopted workload's Service stays restricted to what serves, while the Rollout is there."""
    selector: dict[str, str] = dict(service["spec"]["selector"])
    if made.setup.adopted and made.truth.get("rollouts") is not None:
        selector.pop(REVISION_LABEL, None)
    return bool(selector == objects.SERVICE["spec"]["selector"])


def _once(made: Simulation) -> None:
    """Nothing that was asked for was done twice, and no command was lost."""
    lost = set(made.accepted) - set(made.truth.status.get("handled") or ())
    if lost and made.truth.get("rollouts") is not None:
        made.trace.wrong(f"commands that were accepted are lost: {sorted(lost)}")
    asked, sizes = made.asked, made.witness.sizes
    if len(sizes.restarts) > asked.get("restart", 0):
        made.trace.wrong(f"{asked.get('restart', 0)} restarts were asked for, and {len(sizes.restarts)} made")
    most = 1 + sum(asked.get(verb, 0) for verb in ("release", "retry", "undo"))
    if len(sizes.runs) > most:
        made.trace.wrong(f"there are reasons for {most} runs, and {len(sizes.runs)} were made")
    if made.witness.claims.early > asked.get("promote", 0) and not asked.get("end"):
        made.trace.wrong(f"{made.witness.claims.early} steps ended early, {asked.get('promote', 0)} were promoted")


def _welcome(made: Simulation) -> None:
    """On a day without trouble a controller knows what it wrote itself, so the API server refuses nothing."""
    answers = [
        (each.asked.verb, each.asked.plural, each.status)
        for replica in made.replicas
        for each in replica.proxy.exchanges
        if each.asked.write and each.asked.plural != "leases" and (each.status or 0) >= 400
    ]
    if len(answers) > _OVERTAKEN:
        made.trace.wrong(f"the API server refuses writes on a day without trouble: {sorted(set(answers))}")


async def _still(made: Simulation) -> None:
    """At rest nobody asks the API server for anything but to watch, and to keep the lease."""
    await asyncio.sleep(90)
    made.cluster.requests.clear()
    before = made.cluster.storage.version
    await asyncio.sleep(_REST)
    asked = [
        f"{record.verb} {record.plural}/{record.name}"
        for record in made.cluster.requests
        if record.user.startswith(CONTROLLER) and record.verb != "watch" and record.plural != "leases"
    ]
    if asked:
        made.trace.wrong(f"a settled Rollout costs requests: {sorted(set(asked))}")
    if made.setup.controllers == 1 and made.cluster.storage.version != before:
        made.trace.wrong("a settled Rollout changes the cluster")
