"""The writes to Deployments: the revisions', and the referenced one."""

from typing import Any

from rollout.core import adoption
from rollout.core.target import Decision, Source
from rollout.core.workload import RESTARTED, deployment, deployment_name, with_annotations
from rollout.core.world import Revision, World
from rollout.core.write import Plan, Verb, Write
from rollout.models.kinds import DEPLOYMENTS, Key
from rollout.models.rollout import ABORTED, PROMOTED
from rollout.models.status import Phase
from rollout.traffic.patch import json_patch


def deployments(world: World, decision: Decision) -> tuple[Plan, Plan]:
    """The writes that bring pods up or only mark them, and those that take pods down."""
    made: Plan = ()
    removed: Plan = ()
    for name, replicas in decision.target.replicas.items():
        revision = world.revisions.get(name)
        if revision is None:
            made += _create(world, decision, name, replicas)
        elif replicas < revision.replicas and name not in decision.target.promoted:
            removed += _change(world, decision, revision, replicas)
        else:
            made += _change(world, decision, revision, replicas)
    return made, (*removed, *_obsolete(world, decision))


def _create(world: World, decision: Decision, name: str, replicas: int) -> Plan:
    template = decision.target.templates.get(name)
    if template is None:
        return ()
    key = Key(world.key.namespace, deployment_name(world.key.name, name))
    body = deployment(world.key, revision=name, template=template, replicas=replicas, marks=_marks(decision, name))
    create = Write(verb=Verb.CREATE, resource=DEPLOYMENTS, key=key, body=body, why=f"bring up {name}")
    return (create,)


def trial(world: World, decision: Decision) -> Plan:
    """A strict dry run of a canary that would be created: nothing starts with a template the API server refuses."""
    if world.stable is None:
        return ()  # a first deployment is its own trial
    created = [write for write in deployments(world, decision)[0] if write.verb is Verb.CREATE]
    return tuple(
        Write(verb=Verb.TRY, resource=write.resource, key=write.key, body=write.body, why="try the template")
        for write in created
    )


def _marks(decision: Decision, name: str) -> dict[str, str]:
    """The annotations that tell a revision's role, so that losing the status is harmless."""
    marks = {}
    if name in decision.target.promoted:
        marks[PROMOTED] = str(decision.target.promoted[name])
    if name in decision.target.aborted:
        marks[ABORTED] = str(decision.target.aborted[name])
    return marks


def _change(world: World, decision: Decision, revision: Revision, replicas: int) -> Plan:
    """Only the size and the marks: a template is written once, so that no new controller restarts a workload."""
    before = revision.manifest
    spec = {**before["spec"], "replicas": replicas}
    if decision.target.restarted and world.stable is revision:
        spec["template"] = _restarted(spec["template"], decision.target.restarted)
    version = before["metadata"].get("resourceVersion") if _is_fenced(world, decision, revision, replicas) else None
    wanted = _annotated({**before, "spec": spec}, _roles(decision, revision, replicas))
    ops = json_patch(before, wanted, resource_version=version)
    if not ops:
        return ()
    key = Key(world.key.namespace, before["metadata"]["name"])
    why = f"scale {revision.name} to {replicas}" if replicas != revision.replicas else f"mark {revision.name}"
    return (Write(verb=Verb.PATCH, resource=DEPLOYMENTS, key=key, body=ops, why=why),)


def _is_fenced(world: World, decision: Decision, revision: Revision, replicas: int) -> bool:
    """Whether a size must not come late: pods that go may be needed again, and without a route pods are the weight."""
    raises = replicas > revision.replicas and not world.routes and revision is not world.stable
    return not decision.urgent and (raises or replicas < revision.replicas)


def _roles(decision: Decision, revision: Revision, replicas: int) -> dict[str, str]:
    """The Deployment's annotations with its marks; a version that was taken back and is tried again loses its mark."""
    annotations = {**(revision.manifest["metadata"].get("annotations") or {})}
    if replicas > 0 and revision.name not in decision.target.aborted:
        annotations.pop(ABORTED, None)
    return {**annotations, **_marks(decision, revision.name)}


def _annotated(manifest: dict[str, Any], annotations: dict[str, str]) -> dict[str, Any]:
    if annotations == (manifest["metadata"].get("annotations") or {}):
        return manifest
    return with_annotations(manifest, annotations)


def _restarted(template: dict[str, Any], at: str) -> dict[str, Any]:
    metadata = template.get("metadata") or {}
    return {**template, "metadata": {**metadata, "annotations": {**(metadata.get("annotations") or {}), RESTARTED: at}}}


def _obsolete(world: World, decision: Decision) -> Plan:
    return tuple(
        Write(
            verb=Verb.DELETE,
            resource=DEPLOYMENTS,
            key=Key(world.key.namespace, revision.manifest["metadata"]["name"]),
            uid=revision.manifest["metadata"].get("uid"),
            why=f"{name} is over",
        )
        for name, revision in world.revisions.items()
        if name not in decision.target.replicas
    )


def source(world: World, decision: Decision) -> Plan:
    """The patch of the referenced Deployment: paused and without pods while it is only the source of the template."""
    stuck = decision.status.phase is Phase.STALLED  # a person has to mend something first: it is left alone
    wanted = decision.target.source or (None if stuck else adoption.emptied(world))
    if wanted is None or world.source is None:
        return ()
    ops = json_patch(world.source, _as_wanted(world.source, wanted))
    if not ops:
        return ()
    key = Key(world.key.namespace, world.source["metadata"]["name"])
    why = "take the template over" if wanted.paused else "give the workload back"
    return (Write(verb=Verb.PATCH, resource=DEPLOYMENTS, key=key, body=ops, why=why),)


def _as_wanted(manifest: dict[str, Any], wanted: Source) -> dict[str, Any]:
    spec = {name: value for name, value in manifest["spec"].items() if name != "paused"}
    if wanted.paused:
        spec["paused"] = True
    if wanted.template is not None:
        spec["template"] = wanted.template
    return {**manifest, "spec": {**spec, "replicas": wanted.replicas}}
