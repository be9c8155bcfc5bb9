"""Objects to test with."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from rollout.models.kinds import Manifest


def a_deployment(name: str = "shop", *, version: int = 0, namespace: str = "prod", **spec: Any) -> Manifest:
    metadata: Manifest = {"name": name, "namespace": namespace}
    if version:
        metadata["resourceVersion"] = str(version)
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": 1, **spec}}


def raw(manifest: Manifest) -> bytes:
    return json.dumps(manifest).encode()


async def eventually(what: Callable[[], bool]) -> None:
    """Wait until `what` holds; a test that waits in vain ends in a TimeoutError."""
    async with asyncio.timeout(10):
        while not what():  # noqa: ASYNC110 - what is waited for is seen from outside
            await asyncio.sleep(0.005)
