"""Plain requests to either back end: status codes and bodies as they are, with nothing of a client in between."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PATIENCE = 30.0  # seconds until what should come true counts as never

_CORE = ("configmaps", "events", "pods", "secrets", "services", "namespaces")
_GATEWAY = ("gateways", "grpcroutes", "httproutes", "referencegrants")
_OURS = ("rollouts", "rolloutruns", "analysistemplates", "clusteranalysistemplates")
PREFIXES = {
    **dict.fromkeys(_CORE, "/api/v1"),
    **dict.fromkeys(("deployments", "replicasets"), "/apis/apps/v1"),
    **dict.fromkeys(_GATEWAY, "/apis/gateway.networking.k8s.io/v1"),
    **dict.fromkeys(_OURS, "/apis/progressive.delivery/v1alpha1"),
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "ingresses": "/apis/networking.k8s.io/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "subjectaccessreviews": "/apis/authorization.k8s.io/v1",
    "tokenreviews": "/apis/authentication.k8s.io/v1",
    "trains": "/apis/example.com/v1",
}
_CLUSTER_SCOPED = (
    "namespaces",
    "clusteranalysistemplates",
    "customresourcedefinitions",
    "subjectaccessreviews",
    "tokenreviews",
)
_NAMESPACES = ("namespace", "kubernetes.io/metadata.name")
_OWN = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "deletionTimestamp")


class Answer(NamedTuple):
    """What a server said. In bodies, those sent included, the test's namespace is called NS."""

    status: int
    body: Any
    warnings: tuple[str, ...] = ()

    @property
    def brief(self) -> tuple[int, Any]:
        """Status and reason."""
        return self.status, self.body.get("reason")

    @property
    def problem(self) -> tuple[int, Any, Any]:
        """Status, reason and message."""
        return self.status, self.body.get("reason"), self.body.get("message")

    @property
    def causes(self) -> list[tuple[str, str, str]]:
        """Reason, field and message of each cause of a refusal, by field."""
        causes = self.body.get("details", {}).get("causes") or []
        return sorted((each.get("reason", ""), each.get("field", ""), each.get("message", "")) for each in causes)


def plain(obj: dict[str, Any]) -> dict[str, Any]:
    """An object without what differs from one server, and one moment, to the next."""
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key not in _OWN}}


def renamed(value: Any, old: str, new: str) -> Any:
    """A value with another namespace wherever one is named."""
    if isinstance(value, list):
        return [renamed(each, old, new) for each in value]
    if not isinstance(value, dict):
        return value
    named = {key: new for key in _NAMESPACES if value.get(key) == old}
    return {key: renamed(each, old, new) for key, each in value.items()} | named


def names(listed: dict[str, Any]) -> list[str]:
    """The names in a list, in its order."""
    return [item["metadata"]["name"] for item in listed["items"]]


class Stream:
    """One watch, event by event."""

    def __init__(self, answer: aiohttp.ClientResponse, namespace: str) -> None:
        self.answer = answer
        self.namespace = namespace

    async def next(self) -> Any:
        """The next event."""
        async with asyncio.timeout(PATIENCE):
            line = await self.answer.content.readline()
        assert line, "the watch has ended"
        return renamed(json.loads(line), self.namespace, "NS")

    async def brief(self, count: int) -> list[tuple[str, str]]:
        """The types and names of the next events."""
        events = [await self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


class Api:
    """Requests of one user in the test's namespace."""

    def __init__(self, url: str, namespace: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.namespace = namespace
        self.session = session

    def path(self, plural: str, name: str = "", sub: str = "", *, everywhere: bool = False) -> str:
        """Where an object, or all of them, are."""
        space = "" if plural in _CLUSTER_SCOPED or everywhere else f"namespaces/{self.namespace}"
        return "/".join(part for part in (PREFIXES[plural], space, plural, name, sub) if part)

    async def raw(self, method: str, path: str, body: Any = None, *, media: str = "", **options: Any) -> Answer:
        """Send a request to a path; `headers` go with it, everything else is its query."""
        headers = {"Content-Type": media or "application/json", **options.pop("headers", {})}
        data = body if isinstance(body, bytes) or body is None else json.dumps(renamed(body, "NS", self.namespace))
        sent = self.session.request(method, self.url + path, data=data, headers=headers, params=options)
        async with sent as answer:
            text = await answer.text()
            said = json.loads(text) if text.startswith(("{", "[")) else text
            said = renamed(said, self.namespace, "NS")
            return Answer(answer.status, said, tuple(answer.headers.getall("Warning", ())))

    async def post(self, plural: str, body: Any, sub: str = "", **options: Any) -> Answer:
        """Send an object to be created."""
        return await self.raw("POST", self.path(plural, sub=sub), body, **options)

    async def read(self, plural: str, name: str = "", sub: str = "", **options: Any) -> Answer:
        """Ask for an object, or for a list."""
        return await self.raw("GET", self.path(plural, name, sub), **options)

    async def put(self, plural: str, name: str, body: Any, sub: str = "", **options: Any) -> Answer:
        """Replace an object."""
        return await self.raw("PUT", self.path(plural, name, sub), body, **options)

    async def merge(self, plural: str, name: str, patch: Any, sub: str = "", **options: Any) -> Answer:
        """Send a merge patch."""
        return await self.raw("PATCH", self.path(plural, name, sub), patch, media=MERGE_PATCH, **options)

    async def json_patch(self, plural: str, name: str, *operations: Any, sub: str = "", **options: Any) -> Answer:
        """Send a JSON patch."""
        return await self.raw("PATCH", self.path(plural, name, sub), list(operations), media=JSON_PATCH, **options)

    async def apply(self, plural: str, body: Any, manager: str = "a", sub: str = "", **options: Any) -> Answer:
        """Apply on the server what a manager wants; its query is in `options`."""
        path = self.path(plural, body["metadata"]["name"], sub)
        return await self.raw("PATCH", path, body, media=APPLY_PATCH, fieldManager=manager, **options)

    async def delete(self, plural: str, name: str, options: Any = None, **query: Any) -> Answer:
        """Delete an object, with DeleteOptions."""
        return await self.raw("DELETE", self.path(plural, name), options, **query)

    async def create(self, plural: str, body: Any, **options: Any) -> Any:
        """Create an object that is right; returns what is stored."""
        answer = await self.post(plural, body, **options)
        assert answer.status == 201, answer.body
        return answer.body

    async def get(self, plural: str, name: str, sub: str = "") -> Any:
        """Return an object that exists."""
        answer = await self.read(plural, name, sub)
        assert answer.status == 200, answer.body
        return answer.body

    async def items(self, plural: str, **query: str) -> list[Any]:
        """Return the objects of the namespace."""
        answer = await self.read(plural, **query)
        assert answer.status == 200, answer.body
        found: list[Any] = answer.body["items"]
        return found

    async def version(self, plural: str) -> str:
        """The resourceVersion of a list made now."""
        return str((await self.read(plural)).body["metadata"]["resourceVersion"])

    @asynccontextmanager
    async def watch(self, plural: str, **query: str) -> AsyncIterator[Stream]:
        """Follow the objects of the namespace."""
        headers = {"Accept": query.pop("accept", "application/json")}
        asked = {"watch": "true", **query}
        async with self.session.get(self.url + self.path(plural), params=asked, headers=headers) as answer:
            yield Stream(answer, self.namespace)


async def eventually(read: Callable[[], Awaitable[Any]], expected: Any = True) -> None:
    """Wait until `read()` is `expected`; in the end compare them, so that a failure shows both."""
    end = asyncio.get_running_loop().time() + PATIENCE
    found = await read()
    while found != expected and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.02)
        found = await read()
    assert found == expected


async def at_rest(api: Api, plural: str, name: str) -> None:
    """Wait until the object's controller has seen it, if it has one: whoever reads a version then may write with it."""
    if plural != "deployments":
        return

    async def seen() -> bool:
        found = await api.get(plural, name)
        return bool(found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"])

    await eventually(seen)


async def always(read: Callable[[], Awaitable[Any]], expected: Any = True, *, turns: int = 10) -> None:
    """Compare `read()` with `expected` again and again while everything else goes on."""
    for _ in range(turns):
        assert await read() == expected
        await asyncio.sleep(0.02)
