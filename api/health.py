"""What the kubelet and Prometheus ask of the process."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from rollout.metrics import Metrics


def create_health_app(*, live: Callable[[], str | None], ready: Callable[[], str | None], metrics: Metrics) -> FastAPI:
    """`/healthz`, `/readyz` and `/metrics`; `live` and `ready` give None, or why not in one sentence."""
    app = FastAPI(title="Health", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> Response:
        """Whether the process makes progress; a restart may help when not."""
        return _answer(live())

    @app.get("/readyz")
    async def readyz() -> Response:
        """Whether the caches are filled and can be asked."""
        return _answer(ready())

    @app.get("/metrics")
    async def show_metrics() -> Response:
        """The controller's own metrics."""
        return Response(metrics.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return app


def _answer(problem: str | None) -> Response:
    return PlainTextResponse("ok", 200) if problem is None else PlainTextResponse(problem, 503)
