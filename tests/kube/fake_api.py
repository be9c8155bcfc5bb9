"""A small API server over real HTTP which misbehaves on request."""

import asyncio
import copy
import json
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from rollout.kube.client import Client
from rollout.models.kinds import Manifest, Resource

Trouble = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Change:
    """One entry of the history; `collection` is the path of all objects of the kind."""

    version: int
    type: str
    collection: str
    manifest: Manifest


class FakeApi:
    """Objects by path; every change gets the next resourceVersion and goes to the watches."""

    def __init__(self) -> None:
        self.objects: dict[str, Manifest] = {}
        self.installed: set[str] = set()
        self.history: list[Change] = []
        self.version = 100
        self.compacted = 100
        self.seen: list[Seen] = []
        self.troubles: dict[str, deque[Trouble]] = {}
        self.mute = False
        self.gone_as_event = True
        self.url = ""
        self._watches: list[tuple[asyncio.Queue[Change | None], web.Request]] = []

    def install(self, *resources: Resource) -> None:
        self.installed |= {resource.path() for resource in resources}

    def put(self, resource: Resource, manifest: Manifest) -> Manifest:
        """Create or update an object as somebody else would."""
        metadata = manifest["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"])
        return self._store(path, resource.path(), copy.deepcopy(manifest))

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        path = resource.path(namespace, name)
        gone = copy.deepcopy(self.objects[path])
        del self.objects[path]
        self._change("DELETED", resource.path(), gone)

    def compact(self) -> None:
        """Forget the history so far, so that a watch from within it is 410."""
        self.compacted = self.version

    def bookmark(self, resource: Resource) -> None:
        self.version += 1
        change = Change(self.version, "BOOKMARK", resource.path(), {"metadata": {"resourceVersion": str(self.version)}})
        self._tell(change)

    def end_watches(self, *, abort: bool = False) -> None:
        """End every watch politely, or by cutting its connection."""
        for queue, request in self._watches:
            queue.put_nowait(None)
            if abort and request.transport:
                request.transport.abort()

    def next(self, what: str, *troubles: Trouble) -> None:
        """Answer the next requests of one sort (list, watch, get, post, patch, delete) like this."""
        self.troubles.setdefault(what, deque()).extend(troubles)

    def count(self, what: str) -> int:
        return sum(_sort(seen.method, seen.path, seen.query) == what for seen in self.seen)

    @property
    def watching(self) -> int:
        """How many watches are open."""
        return len(self._watches)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Note the request, and answer it with the trouble that is next, or properly."""
        query = dict(request.query)
        body = json.loads(await request.text() or "null")
        self.seen.append(Seen(request.method, request.path, query, dict(request.headers), body))
        sort = _sort(request.method, request.path, query)
        if self.troubles.get(sort):
            return await self.troubles[sort].popleft()(request)
        return await self.serve(request)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        body = json.loads(await request.text() or "null")
        sort = _sort(request.method, request.path, query)
        collection, namespace, name = _parts(request.path)
        if collection not in self.installed:
            return status(404, "NotFound", "the server could not find the requested resource")
        if sort == "watch":
            return await self._watch(request, collection)
        if sort == "list":
            return self._list(collection, namespace, query)
        if sort == "post":
            return self._create(request, collection, body)
        return self._one(sort, request, name, body)

    def _create(self, request: web.Request, collection: str, body: Manifest) -> web.Response:
        path = f"{request.path}/{body['metadata']['name']}"
        if path in self.objects:
            return status(409, "AlreadyExists", f"{body['metadata']['name']} already exists")
        return web.json_response(body if "dryRun" in request.query else self._store(path, collection, body))

    def _one(self, sort: str, request: web.Request, name: str, body: Any) -> web.Response:
        collection = _parts(request.path)[0]
        path = request.path.removesuffix("/status").removesuffix("/scale")
        held = self.objects.get(path)
        if held is None:
            return status(404, "NotFound", f"{name} not found")
        if sort == "delete":
            uid = (body.get("preconditions") or {}).get("uid")
            if uid not in {None, held["metadata"].get("uid")}:
                return status(409, "Conflict", "the UID in the precondition does not match")
            if held["metadata"].get("finalizers"):
                return web.json_response(held)
            del self.objects[path]
            self._change("DELETED", collection, held)
            return status(200, "", "")
        if sort == "patch":
            return self._patch(path, collection, held, body)
        return web.json_response(held)

    def _patch(self, path: str, collection: str, held: Manifest, body: Any) -> web.Response:
        manifest = copy.deepcopy(held)
        for op in body if isinstance(body, list) else ():
            *way, last = op["path"].strip("/").split("/")
            place = manifest
            for step in way:
                place = place.setdefault(step, {})
            if op["op"] == "test" and place.get(last) != op["value"]:
                return status(422, "Invalid", "the server rejected our request due to an error in our request")
            place[last] = op["value"]
        if isinstance(body, dict):
            wanted = body.get("metadata", {}).get("resourceVersion")
            if wanted not in {None, held["metadata"]["resourceVersion"]}:
                return status(409, "Conflict", "the object has been modified")
            manifest |= {key: value for key, value in body.items() if key != "metadata"}
        return web.json_response(self._store(path, collection, manifest))

    def _list(self, collection: str, namespace: str | None, query: dict[str, str]) -> web.Response:
        """Pages are cut from the present, not from a snapshot: the tests change nothing between two pages."""
        found = [self.objects[path] for path in sorted(self.objects) if _within(path, collection, namespace)]
        start = int(query.get("continue", 0))
        stop = start + int(query.get("limit", 0)) or math.inf
        token = str(stop) if stop < len(found) else ""
        metadata = {"resourceVersion": str(self.version), "continue": token}
        return web.json_response({"metadata": metadata, "items": found[start : min(stop, len(found))]})

    async def _watch(self, request: web.Request, collection: str) -> web.StreamResponse:
        start = int(request.query["resourceVersion"])
        if start < self.compacted and not self.gone_as_event:
            return status(410, "Expired", "too old resource version")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if start < self.compacted:
            await response.write(_line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "old"}))
            return response
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        for change in self.history:
            if change.version > start:
                queue.put_nowait(change)
        self._watches.append((queue, request))
        try:
            await self._feed(response, queue, collection, asyncio.timeout(int(request.query["timeoutSeconds"])))
        finally:
            self._watches.remove((queue, request))
        return response

    async def _feed(
        self,
        response: web.StreamResponse,
        queue: asyncio.Queue[Change | None],
        collection: str,
        limit: asyncio.Timeout,
    ) -> None:
        try:
            async with limit:
                while (change := await queue.get()) is not None:
                    if change.collection == collection and not self.mute:
                        await response.write(_line(change.type, change.manifest))
        except TimeoutError:
            return

    def _store(self, path: str, collection: str, manifest: Manifest) -> Manifest:
        type_ = "MODIFIED" if path in self.objects else "ADDED"
        self.objects[path] = manifest
        self._change(type_, collection, manifest)
        return copy.deepcopy(manifest)

    def _change(self, type_: str, collection: str, manifest: Manifest) -> None:
        self.version += 1
        manifest["metadata"]["resourceVersion"] = str(self.version)
        self._tell(Change(self.version, type_, collection, copy.deepcopy(manifest)))

    def _tell(self, change: Change) -> None:
        self.history.append(change)
        for queue, _ in self._watches:
            queue.put_nowait(change)


def status(code: int, reason: str, message: str, **headers: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": message}
    return web.json_response(body, status=code, headers={k.replace("_", "-"): v for k, v in headers.items()})


def refuse(code: int, reason: str = "InternalError", **headers: str) -> Trouble:
    async def trouble(_: web.Request) -> web.StreamResponse:
        return status(code, reason, "trouble was asked for", **headers)

    return trouble


async def hang(_: web.Request) -> web.StreamResponse:
    """Take the request and never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def babble(_: web.Request) -> web.StreamResponse:
    """Answer like a proxy's error page."""
    return web.Response(text="<html>welcome</html>", content_type="text/html")


@asynccontextmanager
async def serving(*resources: Resource) -> AsyncIterator[FakeApi]:
    """A server with these kinds installed, on a port of its own."""
    api = FakeApi()
    api.install(*resources)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        api.url = "http://{}:{}".format(*runner.addresses[0][:2])
        yield api
    finally:
        await runner.cleanup()


async def connected(api: FakeApi, folder: Path, *, timeout_seconds: float = 5.0) -> Client:
    """A client through a kubeconfig file, as a user would have it."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "fake", "user": "me"}}],
        "clusters": [{"name": "fake", "cluster": {"server": api.url}}],
        "users": [{"name": "me", "user": {"token": "sesame"}}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return await Client.connect(file, timeout_seconds=timeout_seconds)


def _line(type_: str, manifest: Manifest) -> bytes:
    return json.dumps({"type": type_, "object": manifest}).encode() + b"\n"


def _sort(method: str, path: str, query: dict[str, str]) -> str:
    if method != "GET":
        return method.lower()
    if "watch" in query:
        return "watch"
    return "get" if _parts(path)[2] else "list"


def _parts(path: str) -> tuple[str, str | None, str]:
    """(collection over all namespaces, namespace, name) of /api[s]/... paths."""
    parts = path.strip("/").split("/")
    base, rest = (parts[:2], parts[2:]) if parts[0] == "api" else (parts[:3], parts[3:])
    namespace = None
    if rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    return "/" + "/".join([*base, rest[0]]), namespace, rest[1] if len(rest) > 1 else ""


def _within(path: str, collection: str, namespace: str | None) -> bool:
    held_collection, held_namespace, _ = _parts(path)
    return held_collection == collection and namespace in {None, held_namespace}
