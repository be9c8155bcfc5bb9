"""What can be asked for: promote, abort, pause, resume, retry, undo and restart."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from api.commands import submit
from api.lookup import missing
from api.ports import Client, Store
from api.problems import responses
from rollout.kube.errors import NotFound
from rollout.models.kinds import Key
from rollout.models.rollout import format_time
from rollout.models.status import Command, Verb

_ABOUT = {
    Verb.PROMOTE: "Leave this step, or with `to: end` all of them, as soon as it can be left.",
    Verb.ABORT: "Take the canary back: all traffic to the stable version, at once.",
    Verb.PAUSE: "Stay in this step until resumed; the canary is judged on, and taken back if it does harm.",
    Verb.RESUME: "Go on after a pause.",
    Verb.RETRY: "Release the aborted revision once more.",
    Verb.UNDO: "Release the version before the stable one again, or with `to` that of an earlier run.",
    Verb.RESTART: "Give the stable version new pods.",
}


class Intent(BaseModel):
    """What a command is meant for, who asks and why; all of it optional."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None = Field(
        None, min_length=1, max_length=64, description="Asking twice with the same id does it once; new when not given."
    )
    run: int | None = Field(None, ge=1, description="The run it is meant for; refused when that one is over.")
    revision: str | None = Field(None, max_length=63, description="The revision it is meant for.")
    step: int | None = Field(None, ge=0, description="The step it is meant for, counted from 0.")
    to: str | None = Field(None, max_length=63, description="`end` for promote; the number of a run for undo.")
    by: str | None = Field(None, max_length=253, description="Who asks.")
    reason: str | None = Field(None, max_length=1024, description="Why.")


def commanding(*, store: Store, client: Client, clock: Callable[[], datetime], new_id: Callable[[], str]) -> APIRouter:
    """The routes below `/api/v1` that ask the controller for something."""
    router = APIRouter(tags=["ask"])

    def endpoint(verb: Verb) -> Callable[..., Awaitable[Command]]:
        async def ask(namespace: str, name: str, intent: Annotated[Intent | None, Body()] = None) -> Command:
            fields = (intent or Intent()).model_dump()
            command = Command(**{**fields, "id": fields["id"] or new_id(), "verb": verb, "at": format_time(clock())})
            key = Key(namespace, name)
            try:
                return await submit(command, key=key, client=client, store=store)
            except NotFound:
                raise missing(store, key) from None

        return ask

    for verb in Verb:
        router.add_api_route(
            f"/namespaces/{{namespace}}/rollouts/{{name}}/{verb}",
            endpoint(verb),
            methods=["POST"],
            status_code=202,
            name=verb,
            summary=verb.capitalize(),
            description=_ABOUT[verb],
            response_description="Accepted: the controller carries it out next",
            response_model_exclude_none=True,
            responses=responses(403, 404, 409, 422, 502, 503),
        )
    return router
