"""Rollouts to look at, an API server over real HTTP to write to, and the API served for real."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx2
from aiohttp import web
from fastapi import FastAPI
from kubernetes.aio.client import Configuration

from api.app import create_app
from api.serve import serve
from rollout.kube.client import Client
from rollout.kube.indexes import INDEXES
from rollout.kube.store import Store
from rollout.models.kinds import DEPLOYMENTS, ROLLOUT_RUNS, ROLLOUTS, Key, Manifest
from rollout.models.rollout import API_VERSION, ROLLOUT_LABEL

NOW = datetime(2026, 5, 1, 13, 46, 0, tzinfo=UTC)
SHOP = Key("store", "shop")
_STABLE = {"name": "7c9f1", "images": ["shop:v1"], "replicas": 10, "ready": 10}
_CANARY = {"name": "a31d0", "images": ["shop:v2"], "replicas": 3, "ready": 3}


def a_rollout(name: str = "shop", *, namespace: str = "store", version: int = 1, **status: Any) -> Manifest:
    """A Rollout of two steps; without a status when none is given."""
    manifest: Manifest = {
        "apiVersion": API_VERSION,
        "kind": "Rollout",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "generation": 2,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-04-01T08:00:00Z",
        },
        "spec": {
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "strategy": {
                "canary": {
                    "steps": [
                        {"name": "five", "weight": 5, "hold": {"for": "5m"}},
                        {"weight": 25, "hold": {"until": [{"approval": {}}]}},
                    ],
                    "bake": {"for": "10m"},
                }
            },
        },
    }
    return {**manifest, "status": status} if status else manifest


def a_run(stage: str = "Stepping", **fields: Any) -> dict[str, Any]:
    return {
        "number": 4,
        "name": "shop-4",
        "revision": "a31d0",
        "stable": "7c9f1",
        "stage": stage,
        "startedAt": "2026-05-01T13:41:00.000Z",
        "since": "2026-05-01T13:41:00.000Z",
        **fields,
    }


def moving(name: str = "shop", *, version: int = 1, **status: Any) -> Manifest:
    """A Rollout in the first of three steps, at 5 %."""
    return a_rollout(
        name,
        version=version,
        **{
            "phase": "Progressing",
            "message": "At 5 % until 13:46, then 25 %. Errors 0.4 % against 0.5 %: no sign of harm.",
            "run": a_run(),
            "step": {
                "index": 0,
                "count": 3,
                "name": "five",
                "progress": "1/3",
                "startedAt": "2026-05-01T13:41:00.000Z",
                "enteredAt": "2026-05-01T13:41:10.000Z",
            },
            "traffic": {"desired": 5, "routed": 5, "observed": "4.9"},
            "revisions": {"stable": _STABLE, "canary": _CANARY},
            "analysis": [
                {"name": "errors", "state": "pass", "message": "no harm: 1 in 1.3", "canary": 0.004, "stable": 0.005},
                {"name": "p99", "state": "notEnoughData", "message": "needs 400 more requests", "canary": 0.31},
            ],
            **status,
        },
    )


def quiet(name: str = "cart", *, namespace: str = "store") -> Manifest:
    run = a_run("Done", outcome="promoted", endedAt="2026-05-01T12:00:00.000Z")
    message = "shop:v1 serves since 12:00."
    return a_rollout(
        name, namespace=namespace, phase="Healthy", message=message, run=run, revisions={"stable": _STABLE}
    )


def aborted(name: str = "pay", *, namespace: str = "store") -> Manifest:
    run = a_run("Done", outcome="aborted", endedAt="2026-05-01T13:00:00.000Z", reason="errors: 12 times the stable's")
    message = "Taken back to 0 % at 13:00:00: errors 6.1 % against 0.5 %."
    return a_rollout(
        name, namespace=namespace, phase="Aborted", message=message, run=run, revisions={"stable": _STABLE}
    )


def a_record(number: int, *, outcome: str = "promoted", rollout: str = "shop", **spec: Any) -> Manifest:
    """A RolloutRun."""
    return {
        "apiVersion": API_VERSION,
        "kind": "RolloutRun",
        "metadata": {
            "name": f"{rollout}-{number}",
            "namespace": "store",
            "resourceVersion": "1",
            "labels": {ROLLOUT_LABEL: rollout},
        },
        "spec": {
            "rollout": rollout,
            "number": number,
            "revision": f"r{number}",
            "template": {"spec": {"containers": [{"name": "app", "image": f"shop:v{number}"}]}},
            **spec,
        },
        "status": {"outcome": outcome, "steps": [{"name": "five", "weight": "2.5", "at": "2026-05-01T13:41:10.000Z"}]},
    }


def a_store(*manifests: Manifest) -> Store:
    store = Store({resource: INDEXES[resource] for resource in (ROLLOUTS, ROLLOUT_RUNS, DEPLOYMENTS)})
    for manifest in manifests:
        resource = ROLLOUTS if manifest["kind"] == "Rollout" else ROLLOUT_RUNS
        store.put(resource, json.dumps(manifest).encode())
    return store


@dataclass
class FakeApiServer:
    """Rollouts by path; each write gets the next resourceVersion and a stale one is refused."""

    objects: dict[str, Manifest] = field(default_factory=dict)
    patches: list[Any] = field(default_factory=list)
    rivals: int = 0  # so many of the next patches come just after somebody else's write
    emptied: int = 0  # so many of the next patches come just after the controller took what waited
    status: int = 200  # another one is the answer to everything
    url: str = ""
    _versions: Any = field(default_factory=lambda: count(1000))

    def put(self, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        self.objects[ROLLOUTS.path(metadata["namespace"], metadata["name"])] = copy.deepcopy(manifest)

    def commands(self, key: Key = SHOP) -> list[dict[str, Any]]:
        """What waits in the Rollout's status."""
        status = self.objects[ROLLOUTS.path(*key)].get("status") or {}
        return list(status.get("commands") or ())

    async def answer(self, request: web.Request) -> web.Response:
        if self.status != 200:
            return _refusal(self.status, "trouble was asked for")
        if request.method == "PATCH":
            return self._patch(request.path, await request.json())
        if request.path in self.objects:
            return web.json_response(self.objects[request.path])
        return _refusal(404, "not found")

    def _patch(self, path: str, ops: list[dict[str, Any]]) -> web.Response:
        """A JSON patch of the status subresource, which leaves the rest of the object as it is."""
        self.patches.append(ops)
        held = self.objects[path.removesuffix("/status")]
        if self.rivals:
            self.rivals -= 1
            held["metadata"]["resourceVersion"] = str(next(self._versions))
        if self.emptied:
            self.emptied -= 1
            held["status"].pop("commands", None)
            held["metadata"]["resourceVersion"] = str(next(self._versions))
        patched = copy.deepcopy(held)
        try:
            for op in ops:
                _apply(patched, op)
        except KeyError:  # as the real one: the path is looked for before the version is compared
            return _refusal(422, "the server rejected our request due to an error in our request")
        if patched["metadata"]["resourceVersion"] != held["metadata"]["resourceVersion"]:
            return _refusal(409, "the object has been modified")
        held["status"] = patched["status"]
        held["metadata"]["resourceVersion"] = str(next(self._versions))
        return web.json_response(held)


def _apply(target: Any, op: dict[str, Any]) -> None:
    *way, last = op["path"].strip("/").split("/")
    for part in way:
        target = target[part]
    if last == "-":
        target.append(op["value"])
        return
    place = int(last) if isinstance(target, list) else last
    assert op["op"] == "add" or target[place] is not None, "replace needs something to replace"
    target[place] = op["value"]


def _refusal(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "reason": "", "message": message}, status=code)


@asynccontextmanager
async def a_cluster(*manifests: Manifest) -> AsyncIterator[FakeApiServer]:
    """The API server, holding these objects, on a port of its own."""
    server = FakeApiServer()
    for manifest in manifests:
        server.put(manifest)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = "http://{}:{}".format(*runner.addresses[0][:2])
        yield server
    finally:
        await runner.cleanup()


def configured(server: FakeApiServer) -> Configuration:
    """How a client finds `server`."""
    configuration = Configuration()
    configuration.host = server.url
    return configuration


@asynccontextmanager
async def an_app(
    server: FakeApiServer,
    *manifests: Manifest,
    silent: Callable[[], float] = lambda: 0.0,
    unread: Callable[[], str | None] = lambda: None,
) -> AsyncIterator[FastAPI]:
    """The API over a cache of these Rollouts and over `server`; ids are `id-1`, `id-2` ..."""
    numbers = count(1)
    async with Client(configured(server), timeout_seconds=5) as client:
        yield create_app(
            store=a_store(*manifests),
            client=client,
            clock=lambda: NOW,
            version="1.2.3",
            new_id=lambda: f"id-{next(numbers)}",
            keep_alive_seconds=0.05,
            silent=silent,
            unread=unread,
        )


def caller(app: FastAPI) -> httpx2.AsyncClient:
    """Speaks to the app without a socket."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://localhost:7070")


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The app on a port of its own; its URL."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve(app, host="127.0.0.1", port=0, listening=port.set_result))
        try:
            yield f"http://127.0.0.1:{await port}"
        finally:
            task.cancel()


async def eventually(what: Callable[[], bool]) -> None:
    """Wait until `what` holds; a test that waits in vain ends in a TimeoutError."""
    async with asyncio.timeout(10):
        while not what():  # noqa: ASYNC110 - what is waited for is seen from outside
            await asyncio.sleep(0.005)
