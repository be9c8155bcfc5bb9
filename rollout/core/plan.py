"""From a decision to the writes that carry it out, in the only order that is safe: empty when nothing differs."""

from typing import Any

from rollout.core.asked import annotation_waits
from rollout.core.plan_routes import pins, routes, services_beside
from rollout.core.plan_workload import deployments, source, trial
from rollout.core.target import Decision, Record
from rollout.core.world import World
from rollout.core.write import Plan, Verb, Write
from rollout.models.kinds import ROLLOUT_RUNS, ROLLOUTS, Key, Manifest
from rollout.models.rollout import API_VERSION, COMMAND, FINALIZER, ROLLOUT_LABEL, dump
from rollout.models.run import RolloutRunStatus
from rollout.models.status import Phase, Stage


def plan(world: World, decision: Decision) -> Plan:
    """The writes that make the cluster what the decision says, first to last.

    Traffic that falls is taken before anything else is touched; traffic that rises is given after everything it
    needs is there; what was served goes last, and the status claims only what was written before it.
    """
    if decision.target.hold:
        return (*_finalizer(world, decision), *_status(world, decision), *_command(world, decision))
    early, late = _traffic(world, decision)
    made, removed = deployments(world, decision)
    twins, obsolete = services_beside(world, decision)
    body = (*_record(world, decision), *source(world, decision), *twins, *made)
    rest = (*removed, *obsolete, *_forgotten(world, decision))
    said = (*_status(world, decision), *_command(world, decision), *_released(world, decision))
    tried = trial(world, decision)
    promise = _finalizer(world, decision)
    first = (*early, *promise) if decision.urgent else (*promise, *tried, *early)
    return (*first, *body, *late, *rest, *_progress(world, decision), *said)


def _traffic(world: World, decision: Decision) -> tuple[Plan, Plan]:
    """The writes to routes and Services: those that take from the canary, and those that give to it."""
    if decision.target.keep_traffic:
        return (), ()
    protecting, giving = pins(world, decision)
    taking, raising = routes(world, decision)
    return (*protecting, *taking), (*raising, *giving)


def _finalizer(world: World, decision: Decision) -> Plan:
    if world.deleting or not decision.target.finalizer or FINALIZER in _finalizers(world):
        return ()
    return (_metadata(world, {"finalizers": [*_finalizers(world), FINALIZER]}, "promise to give everything back"),)


def _released(world: World, decision: Decision) -> Plan:
    if not world.deleting or decision.target.finalizer or FINALIZER not in _finalizers(world):
        return ()
    rest = [name for name in _finalizers(world) if name != FINALIZER]
    return (_metadata(world, {"finalizers": rest}, "everything is given back"),)


def _finalizers(world: World) -> list[str]:
    return list(world.manifest["metadata"].get("finalizers") or ())


def _command(world: World, decision: Decision) -> Plan:
    """Take the annotation of a command away, unless the command is still waiting for its effect."""
    value = (world.manifest["metadata"].get("annotations") or {}).get(COMMAND)
    if value is None or annotation_waits(value, decision.status.handled or ()):
        return ()
    return (_metadata(world, {"annotations": {COMMAND: None}}, "the command was taken"),)


def _metadata(world: World, change: dict[str, Any], why: str) -> Write:
    return Write(
        verb=Verb.MERGE, resource=ROLLOUTS, key=world.key, body={"metadata": change}, why=why, version=_version(world)
    )


def _status(world: World, decision: Decision) -> Plan:
    if decision.status == world.status or _going(world, decision):
        return ()
    ops = ({"op": "add", "path": "/status", "value": dump(decision.status)},)
    return (
        Write(
            verb=Verb.PATCH,
            resource=ROLLOUTS,
            key=world.key,
            body=ops,
            subresource="status",
            why="say so",
            version=_version(world),
        ),
    )


def _version(world: World) -> str:
    return str(world.manifest["metadata"].get("resourceVersion", ""))


def _going(world: World, decision: Decision) -> bool:
    """Whether this is the last write to a Rollout that is gone with it."""
    return world.deleting and not decision.target.finalizer


def _record(world: World, decision: Decision) -> Plan:
    record = decision.record
    if record is None or world.run(record.spec.number) is not None:
        return ()
    body = _manifest(world, record)
    return (
        Write(
            verb=Verb.CREATE,
            resource=ROLLOUT_RUNS,
            key=Key(world.key.namespace, record.name),
            body=body,
            why="record the run",
        ),
    )


def _manifest(world: World, record: Record) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": "RolloutRun",
        "metadata": {
            "name": record.name,
            "namespace": world.key.namespace,
            "labels": {ROLLOUT_LABEL: world.key.name},
            "ownerReferences": [_owner(world)],
        },
        "spec": dump(record.spec),
    }


def _owner(world: World) -> Manifest:
    uid = world.manifest["metadata"]["uid"]
    return {"apiVersion": API_VERSION, "kind": "Rollout", "name": world.key.name, "uid": uid, "controller": True}


def _progress(world: World, decision: Decision) -> Plan:
    record = decision.record
    known = world.run(record.spec.number) if record is not None else None
    if record is None or record.status == (known.status if known else RolloutRunStatus()):
        return ()
    said = dump(record.status)
    gone = dict.fromkeys(dump(known.status).keys() - said) if known else {}
    body = {"status": gone | said}
    key = Key(world.key.namespace, record.name)
    return (
        Write(verb=Verb.MERGE, resource=ROLLOUT_RUNS, key=key, body=body, subresource="status", why="record the step"),
    )


def _forgotten(world: World, decision: Decision) -> Plan:
    """Old runs beyond the history that is kept; never the one that holds the stable version's template."""
    run = decision.status.run
    if run is None or run.stage is not Stage.DONE or decision.status.phase in (Phase.TERMINATING, Phase.PROGRESSING):
        return ()
    stable = (
        decision.status.revisions.stable.name if decision.status.revisions and decision.status.revisions.stable else ""
    )
    done = [each for each in world.runs if each.status.outcome is not None and each.spec.revision != stable]
    old = done[: max(0, len(done) - world.settings.history)]
    return tuple(
        Write(verb=Verb.DELETE, resource=ROLLOUT_RUNS, key=Key(world.key.namespace, each.name), why="history is full")
        for each in old
    )
