"""The API as one ASGI application."""

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse

from api import problems
from api.charts import Charts
from api.commanding import commanding
from api.dashboard.pages import pages
from api.guard import Guard
from api.ports import Client, Store
from api.reading import following, reading
from api.streams import Streams

_ABOUT = (
    "Progressive delivery: what every Rollout does and why, and what people can ask of it."
    " Errors are `application/problem+json` with a sentence in `detail`."
)


def _new_id() -> str:
    return uuid4().hex


def create_app(
    *,
    store: Store,
    client: Client,
    clock: Callable[[], datetime],
    version: str,
    new_id: Callable[[], str] = _new_id,
    keep_alive_seconds: float = 5.0,
    silent: Callable[[], float] = lambda: 0.0,
    unread: Callable[[], str | None] = lambda: None,
) -> FastAPI:
    """The REST API over `store` and `client`; has no access control and belongs on a loopback address.

    `silent` gives the seconds since the cluster last answered, `unread` what of it was not read yet: until then there
    is no answer, since what is not in the store may well be there. `app.state.stop`, a function, ends the open event
    streams; whoever serves the app calls it before waiting for connections to end.
    """
    app = FastAPI(
        title="Progressive delivery",
        description=_ABOUT,
        version=version,
        docs_url=None,  # these pages load scripts from third parties
        redoc_url=None,
        openapi_url=None,  # served below, with what the framework does not know of
        generate_unique_id_function=lambda route: route.name,
    )
    streams = Streams(store, keep_alive_seconds=keep_alive_seconds, silent=silent)
    app.state.stop = streams.close
    app.state.streams = streams
    charts = Charts(store, clock=clock)
    problems.install(app)
    whole = [Depends(problems.unless_read(unread))]
    app.include_router(reading(store=store, charts=charts, silent=silent), prefix="/api/v1", dependencies=whole)
    app.include_router(following(store=store, streams=streams), prefix="/api/v1", dependencies=whole)
    app.include_router(commanding(store=store, client=client, clock=clock, new_id=new_id), prefix="/api/v1")
    app.include_router(pages(store=store, version=version, unread=unread))
    app.add_middleware(Guard, clock=clock)
    _serve_openapi(app)
    return app


def _serve_openapi(app: FastAPI) -> None:
    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONResponse(problems.described(app))
