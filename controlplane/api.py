"""The few calls of the Kubernetes API that the node makes: follow a kind, patch, bind, delete."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp

Object = dict[str, Any]
_MERGE_PATCH = "application/merge-patch+json"
_WATCH_SECONDS = 300
_ATTEMPTS = 25
_TAKEN = (200, 201, 202, 403, 404, 409)


@dataclass(frozen=True)
class Api:
    """A session with an API server; before anything is tried again there is a pause, in seconds.

    What is written is tried again for a while when the server is not to be had, has too much to do (429) or fails
    (5xx). Every write raises ClientError or TimeoutError when that does not pass, and for what the server refuses.
    """

    session: aiohttp.ClientSession
    pause: float = 0.2

    async def follow(self, path: str) -> AsyncGenerator[tuple[Object, bool], None]:
        """Yield every object of a kind and whether it is gone, first those there are; until cancelled.

        What goes while nobody watches is yielded as it was last known, before what there is then.
        """
        known: dict[str, Object] = {}
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async for each, gone in self._listed_and_watched(path, known):
                    _note(known, each, gone=gone)
                    yield each, gone
            await asyncio.sleep(self.pause)

    async def merge(self, path: str, patch: Object) -> None:
        """Merge a patch into an object; one that is gone, or not what `metadata` of the patch says, is no failure."""
        try:
            await self._send("PATCH", path, patch, content_type=_MERGE_PATCH)
        except aiohttp.ClientResponseError as error:
            # What was right for the object that was looked at may be invalid for the one there is now.
            if error.status != 422 or await self._is_still(path, patch.get("metadata", {})):
                raise

    async def create(self, path: str, body: Object) -> None:
        """Create an object; one that is there already, or whose namespace ends, is no failure."""
        await self._send("POST", path, body)

    async def delete_now(self, path: str, uid: str) -> None:
        """Delete an object without a grace period, as a kubelet does when the containers have ended.

        One that is gone is no failure, nor is another one under its name, which stays.
        """
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        for _ in range(_ATTEMPTS):
            status, _text = await self._send("DELETE", path, body)
            if status != 409 or not await self._is_still(path, {"uid": uid}):
                return
            await asyncio.sleep(self.pause)
        raise aiohttp.ClientError(f"DELETE {path}: still in conflict after {_ATTEMPTS} attempts")

    async def _is_still(self, path: str, metadata: Object) -> bool:
        """Whether an object is there, with this metadata among its own."""
        status, text = await self._send("GET", path)
        if status != 200:
            return False
        current: Object = json.loads(text)["metadata"]
        return metadata.items() <= current.items()

    async def _send(
        self, method: str, path: str, body: Object | None = None, content_type: str = "application/json"
    ) -> tuple[int, str]:
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._send_once(method, path, body, content_type)
            except (aiohttp.ClientError, TimeoutError) as error:
                if not _may_pass(error):
                    raise
            await asyncio.sleep(self.pause)
        return await self._send_once(method, path, body, content_type)

    async def _send_once(self, method: str, path: str, body: Object | None, content_type: str) -> tuple[int, str]:
        data = json.dumps(body) if body is not None else None
        headers = {"Content-Type": content_type}
        async with self.session.request(method, path, data=data, headers=headers) as answer:
            text = await answer.text()
            if answer.status not in _TAKEN:
                raise aiohttp.ClientResponseError(answer.request_info, (), status=answer.status, message=text)
            return answer.status, text

    async def _listed_and_watched(self, path: str, known: Mapping[str, Object]) -> AsyncIterator[tuple[Object, bool]]:
        version, present = await self._list(path)
        there = {each["metadata"]["uid"] for each in present}
        for vanished in [each for uid, each in known.items() if uid not in there]:
            yield vanished, True
        for each in present:
            yield each, False
        async for kind, each in self._watch(path, version):
            yield each, kind == "DELETED"

    async def _list(self, path: str) -> tuple[str, list[Object]]:
        async with self.session.get(path, raise_for_status=True) as answer:
            page = await answer.json()
        return page["metadata"]["resourceVersion"], page["items"]

    async def _watch(self, path: str, version: str) -> AsyncIterator[tuple[str, Object]]:
        asked = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCH_SECONDS)}
        async with self.session.get(path, params=asked, raise_for_status=True) as answer:
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                yield event["type"], event["object"]


def _note(known: dict[str, Object], each: Object, *, gone: bool) -> None:
    if gone:
        known.pop(each["metadata"]["uid"], None)
    else:
        known[each["metadata"]["uid"]] = each


def _may_pass(error: Exception) -> bool:
    """Whether the same request may be answered a moment later."""
    return not isinstance(error, aiohttp.ClientResponseError) or error.status == 429 or error.status >= 500


@asynccontextmanager
async def connected(config: Object) -> AsyncIterator[Api]:
    """A session for the first cluster and user of a kubeconfig's content."""
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
    async with aiohttp.ClientSession(
        base_url=cluster["server"],
        headers={"Authorization": f"Bearer {user['token']}", "User-Agent": "node"},
        connector=aiohttp.TCPConnector(ssl=tls, limit=64),
        timeout=aiohttp.ClientTimeout(total=None, sock_read=_WATCH_SECONDS + 30),
        read_bufsize=2**22,
    ) as session:
        yield Api(session)
