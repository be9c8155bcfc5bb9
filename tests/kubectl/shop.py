"""A shop under the real controller, in the states in which people look at it and give commands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.backends import Ground
from tests.controller.harness import ERRORS, Stage, a_rollout, controlling, stage
from tests.kubectl.command import Kubectl, kubectl_for

STEPS: list[dict[str, Any]] = [
    {"weight": 10, "hold": {"for": "1h"}},
    {"name": "half", "weight": 50, "hold": {"until": [{"approval": {}}]}},
]
CANARY: dict[str, Any] = {"canary": {"steps": STEPS, "bake": {"for": "1h"}}}
QUICK: dict[str, Any] = {"canary": {"steps": [{"weight": 50}]}}


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A stage with the controller acting, and a person's kubectl in its namespace."""

    made: Stage
    kubectl: Kubectl

    async def comes_up(self, **spec: Any) -> None:
        """Version 1 serves; its releases go in steps of 10 % for an hour and 50 % until somebody agrees."""
        await self.made.create(a_rollout(**{"strategy": CANARY, **spec}))
        await self.made.healthy("v1")
        await self.made.until(lambda: self.made.status["phase"] == "Healthy", "at rest")

    async def releases(self, version: str = "v2") -> None:
        """A version is in the first step, entered and judged."""
        await self.made.release(version)
        await self.reaches("Holding")

    async def reaches(self, reason: str) -> None:
        """Wait until all conditions have this reason."""
        made = self.made
        await made.until(lambda: {each["reason"] for each in made.status.get("conditions") or ()} == {reason}, reason)

    async def asks(self) -> None:
        """Version 2 is at 50 % and waits for an approval."""
        await self.releases()
        await self.made.command("promote")
        await self.reaches("WaitingForApproval")


@asynccontextmanager
async def a_shop(ground: Ground, directory: Path) -> AsyncIterator[Shop]:
    """A Service and a route, the controller beside them, and no Rollout yet."""
    async with stage(ground) as made, controlling(made):
        yield Shop(made=made, kubectl=kubectl_for(made.backend, directory / "person"))


@asynccontextmanager
async def a_bare_shop(ground: Ground, directory: Path) -> AsyncIterator[Shop]:
    """The controller over a namespace in which nothing is but a Gateway, for manifests that bring everything."""
    async with a_shop(ground, directory) as shop:
        await shop.made.delete("Service")
        await shop.made.delete("HTTPRoute")
        yield shop


def checked(**spec: Any) -> dict[str, Any]:
    """Fields of a Rollout with a check of errors and one of restarts."""
    return {"analysis": {"checks": [ERRORS, {"name": "restarts", "restarts": {"max": 0}}]}, **spec}
