"""What is in one namespace of a real cluster, kept by lists and watches, read like the sandbox's storage."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any

import aiohttp

from rollout.models.kinds import Resource
from sandbox.changes import Change

Object = dict[str, Any]


class Mirror:
    """Reads are synchronous; `refresh` makes them as new as the cluster was when it was called."""

    def __init__(self, session: aiohttp.ClientSession, namespace: str, resources: Mapping[str, Resource]) -> None:
        self._session = session
        self._namespace = namespace
        self._resources = resources
        self._objects: dict[str, dict[str, Object]] = {plural: {} for plural in resources}
        self._told: dict[str, dict[str, Object]] = {plural: {} for plural in resources}
        self._floors = dict.fromkeys(resources, 0)  # what is not newer than a list was in it
        self._gone: dict[str, dict[str, int]] = {plural: {} for plural in resources}  # since which version
        self._listeners: dict[str, list[Callable[[Change], None]]] = {}

    def get(self, plural: str, _namespace: str | None, name: str) -> Object | None:
        """A private copy, None if there is none."""
        return deepcopy(self._objects[plural].get(name))

    def list(self, plural: str, _namespace: str | None = None, labels: Mapping[str, str] | None = None) -> list[Object]:
        """Private copies, of those that carry all `labels`."""
        wanted = (labels or {}).items()
        found = (each for _, each in sorted(self._objects[plural].items()))
        return [deepcopy(each) for each in found if wanted <= (each["metadata"].get("labels") or {}).items()]

    def listen(self, plural: str, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` with every change from now on; call what is returned to stop."""
        self._listeners.setdefault(plural, []).append(listener)
        return lambda: self._listeners[plural].remove(listener)

    def put(self, plural: str, obj: Object) -> None:
        """Take an object as a write's answer has it, unless a newer one is known."""
        name = obj["metadata"]["name"]
        known = self._objects[plural].get(name)
        if _version(obj) > max(self._floors[plural], _version(known) if known else 0):
            self._objects[plural][name] = obj

    async def refresh(self) -> None:
        """Look at everything now."""
        async with asyncio.TaskGroup() as group:
            for plural in self._resources:
                group.create_task(self._list(plural))

    async def run(self, *, ready: asyncio.Event) -> None:
        """Follow every kind until cancelled; `ready` is set once everything was listed."""
        async with asyncio.TaskGroup() as group:
            for plural in self._resources:
                version = await self._list(plural)
                self._told[plural] = dict(self._objects[plural])
                group.create_task(self._watch(plural, version))
            ready.set()

    async def _list(self, plural: str) -> int:
        async with self._session.get(self._resources[plural].path(self._namespace), raise_for_status=True) as answer:
            page = await answer.json()
        version = int(page["metadata"]["resourceVersion"])
        newer = {name: obj for name, obj in self._objects[plural].items() if _version(obj) > version}
        kind = {"apiVersion": page["apiVersion"], "kind": self._resources[plural].kind}
        listed = {each["metadata"]["name"]: {**kind, **each} for each in page["items"]}
        there = {name: obj for name, obj in listed.items() if self._gone[plural].get(name, 0) <= version}
        self._objects[plural] = {**there, **newer}
        self._floors[plural] = max(self._floors[plural], version)
        return version

    async def _watch(self, plural: str, version: int) -> None:
        asked = {"watch": "true", "resourceVersion": str(version), "timeoutSeconds": "3600"}
        path = self._resources[plural].path(self._namespace)
        async with self._session.get(path, params=asked, raise_for_status=True) as answer:
            async for line in answer.content:
                event = json.loads(line)
                self._see(plural, event["type"], event["object"], line)
        raise AssertionError(f"the watch of {plural} ended")

    def _see(self, plural: str, kind: str, obj: Object, line: bytes) -> None:
        name, version = obj["metadata"]["name"], _version(obj)
        if kind != "DELETED":
            self.put(plural, obj)
        else:
            self._remove(plural, name, version)
        previous = self._told[plural].get(name)
        self._told[plural][name] = obj
        if kind == "DELETED":
            del self._told[plural][name]
        for listener in tuple(self._listeners.get(plural, ())):
            listener(Change(kind, plural, self._namespace, name, version, line, obj, previous))

    def _remove(self, plural: str, name: str, version: int) -> None:
        self._gone[plural][name] = version  # a list that began before may still have it
        known = self._objects[plural].get(name)
        if known is not None and _version(known) <= version:
            del self._objects[plural][name]


def _version(obj: Object) -> int:
    return int(obj["metadata"]["resourceVersion"])


@asynccontextmanager
async def mirrored(
    session: aiohttp.ClientSession, namespace: str, resources: Mapping[str, Resource]
) -> AsyncIterator[Mirror]:
    """A mirror of a namespace beside the block; its failure is raised at the end of the block."""
    mirror, ready = Mirror(session, namespace, resources), asyncio.Event()
    running = asyncio.get_running_loop().create_task(mirror.run(ready=ready))
    try:
        await ready.wait()
        yield mirror
    finally:
        failed = running.done() and not running.cancelled()
        running.cancel()
        await asyncio.wait([running])
        if failed:
            running.result()
