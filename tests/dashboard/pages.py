"""The pages over a cache that a test fills, without a controller or a cluster behind them."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from api.app import create_app
from rollout.kube.client import Client
from rollout.kube.store import Store
from rollout.models.kinds import ROLLOUTS, Key, Manifest
from tests.api.cluster import NOW, a_cluster, a_rollout, a_run, a_store, configured, moving, served


@dataclass(frozen=True)
class Pages:
    """Where the pages are, and what they tell of."""

    url: str
    store: Store

    def put(self, manifest: Manifest) -> None:
        """Have a Rollout be so from now on; its resourceVersion has to be higher than before."""
        self.store.put(ROLLOUTS, json.dumps(manifest).encode())

    def delete(self, key: Key) -> None:
        """Have a Rollout be gone."""
        self.store.remove(ROLLOUTS, key)


@asynccontextmanager
async def pages(
    *manifests: Manifest, keep_alive_seconds: float = 1, silent: Callable[[], float] = lambda: 0.0
) -> AsyncIterator[Pages]:
    """The pages of these Rollouts and runs, on a port of their own; `silent` as `create_app` has it."""
    store = a_store(*manifests)
    async with a_cluster(*manifests) as server, Client(configured(server), timeout_seconds=5) as client:
        app = create_app(
            store=store,
            client=client,
            clock=lambda: NOW,
            version="1.2.3",
            keep_alive_seconds=keep_alive_seconds,
            silent=silent,
        )
        async with served(app) as url:
            yield Pages(url, store)


def judged(**fields: Any) -> dict[str, Any]:
    """What a check says that is compared."""
    return {
        "name": "errors",
        "state": "pass",
        "message": "errors: 0.4 % against 0.5 %, no sign of harm",
        "unit": "%",
        "canary": "0.4",
        "stable": "0.5",
        "requests": 1200,
        "bad": 5,
        "stableRequests": 9800,
        "stableBad": 49,
        "evidence": "1.3",
        **fields,
    }


def waiting_for_approval(name: str = "shop", *, version: int = 1) -> Manifest:
    """A Rollout in a step that a person has to promote."""
    return moving(
        name,
        version=version,
        message="Waiting for approval at 25 %.",
        conditions=[
            {
                "type": "Ready",
                "status": "False",
                "observedGeneration": 2,
                "reason": "WaitingForApproval",
                "message": "Waiting for approval at 25 %.",
                "lastTransitionTime": "2026-05-01T13:44:00Z",
            }
        ],
        step={
            "index": 1,
            "count": 3,
            "name": "step-2",
            "progress": "2/3",
            "startedAt": "2026-05-01T13:43:50.000Z",
            "enteredAt": "2026-05-01T13:44:00.000Z",
        },
        traffic={"desired": 25, "routed": 25, "observed": "24.6"},
        analysis=[judged()],
    )


def taken_back(
    name: str = "shop",
    *,
    version: int = 1,
    message: str = "Taken back to 0 % at 13:45:00 UTC: errors 6.1 % against 0.5 %.",
) -> Manifest:
    """A Rollout whose new version was worse."""
    worse = judged(state="regress", canary="6.1", bad=73, evidence="120000", likelihood="1 in 120,000")
    run = a_run("Done", outcome="aborted", endedAt="2026-05-01T13:45:00.000Z", reason="errors")
    return moving(
        name,
        version=version,
        phase="Aborted",
        message=message,
        run=run,
        traffic={"desired": 0, "routed": 0},
        step=None,
        analysis=[worse],
    )


def new(name: str = "shop") -> Manifest:
    """A Rollout that nobody has looked at yet."""
    return a_rollout(name)
