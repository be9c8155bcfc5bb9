"""Hands people's intents to the controller: each one an entry in `status.commands`, checked before it is written."""

import json
from collections.abc import Mapping
from typing import Any

from api.lookup import number_of, recorded_runs
from api.ports import Client, Store
from api.problems import Problem
from rollout.intents import MAX_WAITING, check
from rollout.kube.client import Lane
from rollout.kube.errors import ApiError, Conflict, Invalid, Unavailable
from rollout.models.kinds import ROLLOUTS, Key, Manifest
from rollout.models.rollout import dump, parse_status
from rollout.models.status import Command, RolloutStatus, Verb

_ATTEMPTS = 8


async def submit(command: Command, *, key: Key, client: Client, store: Store) -> Command:
    """Have `command` wait for the controller; the waiting one when there is one with this id already.

    Raises Problem when there is no such Rollout, when the command makes no sense now, or when it is not known
    whether the write took effect. Raises ApiError for other failures of the API server.
    """
    lane = Lane.URGENT if command.verb is Verb.ABORT else Lane.WRITE
    runs = tuple(number_of(run) for run in recorded_runs(store, key))
    last: ApiError | None = None
    for _ in range(_ATTEMPTS):
        manifest = await _read(key, client, lane)
        status = parse_status(manifest)
        if (earlier := _earlier(command, status)) is not None:
            return earlier
        _refuse(command, status, runs)
        try:
            raw = await client.json_patch(
                ROLLOUTS, key.namespace, key.name, _operations(command, manifest), subresource="status", lane=lane
            )
        except (Conflict, Invalid) as error:
            last = error  # a path of the patch that is gone meanwhile is refused before its version is compared
            continue
        except Unavailable as error:
            raise _unknown(command, error) from None
        store.put(ROLLOUTS, raw)
        return command
    if isinstance(last, Invalid):
        raise last
    raise Problem(503, "busy", f"{key.name} changed {_ATTEMPTS} times while this was written: ask again.")


async def _read(key: Key, client: Client, lane: Lane) -> Manifest:
    manifest: Manifest = json.loads(await client.get(ROLLOUTS, key.namespace, key.name, lane=lane))
    return manifest


def _earlier(command: Command, status: RolloutStatus) -> Command | None:
    """The command with this id that was taken before, so that asking twice does nothing twice."""
    same = next((waiting for waiting in status.commands or () if waiting.id == command.id), None)
    if same is not None and same.verb is not command.verb:
        raise Problem(409, "refused", f"Id {command.id} belongs to a {same.verb} that is waiting: use another id.")
    return command if same is None and command.id in (status.handled or ()) else same


def _refuse(command: Command, status: RolloutStatus, runs: tuple[int, ...]) -> None:
    refusal = check(command, status, runs=runs)
    if refusal is None and len(status.commands or ()) >= MAX_WAITING and command.verb is not Verb.ABORT:
        refusal = f"{MAX_WAITING} commands are waiting already: the controller does not act on them; look at its log."
    if refusal is not None:
        raise Problem(409, "refused", refusal)


def _operations(command: Command, manifest: Manifest) -> tuple[Mapping[str, Any], ...]:
    """The JSON patch; a resourceVersion in it makes the API server refuse it when the object moved on."""
    version = manifest["metadata"]["resourceVersion"]
    return ({"op": "replace", "path": "/metadata/resourceVersion", "value": version}, _addition(command, manifest))


def _addition(command: Command, manifest: Manifest) -> Mapping[str, Any]:
    entry, status = dump(command), manifest.get("status")
    if not isinstance(status, dict):
        return {"op": "add", "path": "/status", "value": {"commands": [entry]}}
    if not status.get("commands"):
        return {"op": "add", "path": "/status/commands", "value": [entry]}
    waiting = [each["verb"] for each in status["commands"]]
    if len(waiting) >= MAX_WAITING:  # only an abort comes here, and it wins over what waits
        place = next((index for index, verb in enumerate(waiting) if verb != Verb.ABORT), 0)
        return {"op": "replace", "path": f"/status/commands/{place}", "value": entry}
    return {"op": "add", "path": "/status/commands/-", "value": entry}


def _unknown(command: Command, error: Unavailable) -> Problem:
    sentence = (
        f"The API server did not answer ({error.message}), so it is not known whether the {command.verb} was taken: "
        f"ask again with id {command.id}, and it is done once."
    )
    return Problem(503, "cluster-unavailable", sentence)
