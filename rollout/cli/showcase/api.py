"""A person at the sandbox's API server: plain HTTP, with a name of its own in the audit log."""

from typing import Any

import aiohttp

from rollout.models.kinds import Resource

_TYPES = {"json": "application/json-patch+json", "merge": "application/merge-patch+json"}


class Refused(RuntimeError):  # noqa: N818 (what has happened, as a sentence would say it)
    """The API server's answer was no; the message is its own, `status` the code of HTTP."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class Person:
    """Creates and changes objects; opened and closed with its session. Raises Refused."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def create(self, resource: Resource, manifest: dict[str, Any]) -> dict[str, Any]:
        """Create an object."""
        path = resource.path(manifest["metadata"].get("namespace"))
        return await self._send("POST", f"{path}?fieldValidation=Strict", manifest, "application/json")

    async def ensure(self, resource: Resource, manifest: dict[str, Any]) -> None:
        """Create an object unless there is one of its name."""
        try:
            await self.create(resource, manifest)
        except Refused as refusal:
            if refusal.status != 409:
                raise

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        """Read an object."""
        return await self._send("GET", resource.path(namespace, name), None, "application/json")

    async def replace(self, resource: Resource, namespace: str, name: str, *, field: str, value: object) -> None:
        """Replace one field, given as a JSON pointer."""
        ops = [{"op": "replace", "path": field, "value": value}]
        await self._send("PATCH", resource.path(namespace, name), ops, _TYPES["json"])

    async def _send(self, method: str, path: str, body: object, kind: str) -> dict[str, Any]:
        headers = {"Content-Type": kind}
        async with self._session.request(method, self._url + path, json=body, headers=headers) as response:
            answer: dict[str, Any] = await response.json()
            if response.status >= 400:
                raise Refused(f"{method} {path}: {answer.get('message', response.status)}", status=response.status)
            return answer
