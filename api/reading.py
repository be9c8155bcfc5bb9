"""What can be read: Rollouts, their runs, and streams of their changes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from api import silence
from api.charts import Charts, SeriesView
from api.lookup import look_up, missing, recorded_runs
from api.ports import Store
from api.problems import responses
from api.streams import Streams
from api.views import RolloutView, RunView, run_view_of, urgency
from rollout.models.kinds import ROLLOUTS, Key
from rollout.models.status import Phase

_EVENTS = (
    "`event: rollout` carries a RolloutView as JSON: first all there are, then, after `event: synced`, each change;"
    " `event: deleted` carries namespace and name, `event: silent` the `seconds` since the cluster last answered, where"
    " those are many. A slow reader gets the newest state, not every one."
)
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": _EVENTS, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
_A_SLICE = 50  # views built before the loop gets a turn: the controller works in the same one


def reading(*, store: Store, charts: Charts, silent: Callable[[], float]) -> APIRouter:
    """The routes below `/api/v1` that answer once; `silent` gives the seconds since the cluster last answered."""
    router = APIRouter(tags=["read"])

    def written(body: str) -> Response:
        return Response(body, media_type="application/json", headers=silence.headers(silent()))

    @router.get("/rollouts", response_model=list[RolloutView], responses=silence.DESCRIBED | responses(422, 503))
    async def list_rollouts(
        namespace: Annotated[str | None, Query(description="Only those of this namespace.")] = None,
        phase: Annotated[Phase | None, Query(description="Only those in this phase.")] = None,
    ) -> Response:
        """All Rollouts: first those that need a person, then those that move, then the quiet ones."""
        found = [(urgency(view), _json_of(view)) async for view in _views(store, namespace, phase)]
        body = ",".join(text for _, text in sorted(found))
        return written(f"[{body}]")

    @router.get(
        "/namespaces/{namespace}/rollouts/{name}",
        response_model=RolloutView,
        responses=silence.DESCRIBED | responses(404, 422, 503),
    )
    async def get_rollout(namespace: str, name: str) -> Response:
        """One Rollout."""
        return written(_json_of(_found(store, Key(namespace, name))))

    @router.get(
        "/namespaces/{namespace}/rollouts/{name}/runs",
        responses=responses(404, 422, 503),
        response_model_by_alias=True,
    )
    async def list_runs(namespace: str, name: str) -> list[RunView]:
        """The recorded runs of a Rollout, newest first; a record that cannot be read is left out."""
        _found(store, Key(namespace, name))
        runs = recorded_runs(store, Key(namespace, name))
        releasing = {run["spec"].get("revision"): run for run in runs}
        views = (run_view_of(run, replaced=releasing.get(run["spec"].get("stable"))) for run in reversed(runs))
        return [view for view in views if view is not None]

    @router.get("/namespaces/{namespace}/rollouts/{name}/series", responses=responses(404, 422, 503))
    async def get_series(namespace: str, name: str) -> SeriesView:
        """The last run over time: the desired share, and what each check said, as far as this process has seen it."""
        _found(store, Key(namespace, name))
        return charts.of(Key(namespace, name))

    return router


def following(*, store: Store, streams: Streams) -> APIRouter:
    """The routes below `/api/v1` that go on telling."""
    router = APIRouter(tags=["read"])

    @router.get("/events", response_class=StreamingResponse, responses=_STREAM | responses(503))
    async def follow_all() -> StreamingResponse:
        """All Rollouts and their changes, as server-sent events."""
        return _stream(streams.listen())

    @router.get(
        "/namespaces/{namespace}/rollouts/{name}/events",
        response_class=StreamingResponse,
        responses=_STREAM | responses(404, 422, 503),
    )
    async def follow_one(namespace: str, name: str) -> StreamingResponse:
        """One Rollout and its changes, as server-sent events."""
        _found(store, Key(namespace, name))
        return _stream(streams.listen(namespace=namespace, name=name))

    return router


def _found(store: Store, key: Key) -> RolloutView:
    view = look_up(store, key)
    if view is None:
        raise missing(store, key)
    return view


async def _views(store: Store, namespace: str | None, phase: Phase | None) -> AsyncIterator[RolloutView]:
    for index, key in enumerate(store.keys(ROLLOUTS, namespace)):
        if index % _A_SLICE == 0:
            await asyncio.sleep(0)
        view = look_up(store, key)
        if view is not None and phase in {None, view.phase}:
            yield view


def _json_of(view: RolloutView) -> str:
    """Written by pydantic's own serializer: the framework's would go over every field once more."""
    return view.model_dump_json(by_alias=True)


def _stream(frames: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(frames, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
