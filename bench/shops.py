"""Any number of shops in one namespace, each a Rollout with a Service and a route, released in five steps."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rollout.models.kinds import ROLLOUTS
from rollout.models.rollout import parse_time
from tests.controller.harness import ERRORS, Stage, a_rollout, a_route, a_service, template

HOLD = 6.0  # seconds in a step: long enough to tell what entering it takes from what being in it takes
_REPLICAS = 5
_WEIGHTS = (10, 20, 50, 60, 80)  # with five replicas the third and the fifth add pods, the second and the fourth none
PATIENCE = 180.0  # seconds


@dataclass(frozen=True)
class Entry:
    """When a step began to be reached, and when its traffic flowed (seconds since the epoch)."""

    started: float
    entered: float


@dataclass
class Shops:
    """Rollouts of one stage, and which of their steps were entered when."""

    made: Stage
    names: tuple[str, ...]
    entries: dict[tuple[str, int], Entry] = field(default_factory=dict)  # by Rollout and index of the step

    async def create(self) -> None:
        """Create everything, and wait until the first version serves and everything is at rest."""
        self.made.weather.requests = {f"{name}{side}": 0 for name in self.names for side in ("", "-canary")}
        self.made.weather.bad = dict.fromkeys(self.made.weather.requests, 0)
        self.made.objects.listen("rollouts", lambda change: self._note(change.object))
        for name in self.names:
            await self.made.create(*_shop(name))
        await self.healthy("v1")

    async def release(self, version: str) -> None:
        """Change every template at once, and wait until the new version serves alone."""
        await asyncio.gather(*(self._patch(name, _labelled(template(version), name)) for name in self.names))
        await self.healthy(version)

    async def healthy(self, version: str) -> None:
        """Wait until every Rollout is at rest with this version."""
        await reached(lambda: all(self._rests(name, version) for name in self.names), f"{version} everywhere")

    async def _patch(self, name: str, value: dict[str, Any]) -> None:
        change = [{"op": "replace", "path": "/spec/template", "value": value}]
        await self.made.person.json_patch(ROLLOUTS, self.made.namespace, name, change)

    def _rests(self, name: str, version: str) -> bool:
        rollout = self.made.get("rollouts", name) or {}
        status = rollout.get("status") or {}
        return (
            status.get("phase") == "Healthy"
            and (status.get("run") or {}).get("stage") == "Done"
            and status.get("observedGeneration") == rollout["metadata"]["generation"]
            and rollout["spec"]["template"]["spec"]["containers"][0]["image"] == f"shop:{version}"
        )

    def _note(self, rollout: dict[str, Any]) -> None:
        step = (rollout.get("status") or {}).get("step") or {}
        if step.get("enteredAt"):
            seen = Entry(parse_time(step["startedAt"]).timestamp(), parse_time(step["enteredAt"]).timestamp())
            self.entries.setdefault((rollout["metadata"]["name"], step["index"]), seen)


def shops(made: Stage, count: int) -> Shops:
    """That many Rollouts, which are not created yet."""
    return Shops(made, tuple(f"shop-{number:02}" for number in range(1, count + 1)))


async def reached(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so; raises TimeoutError."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - the cluster tells nobody
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise TimeoutError(f"never came: {what}") from None


def _shop(name: str) -> tuple[dict[str, Any], ...]:
    steps = [{"weight": weight, "hold": {"for": f"{HOLD:.0f}s"}} for weight in _WEIGHTS]
    rollout = a_rollout(
        replicas=_REPLICAS,
        template=_labelled(template("v1"), name),
        services=[{"name": name}],
        traffic=[{"name": "public", "gatewayRoute": {"kind": "HTTPRoute", "name": name}}],
        strategy={"canary": {"steps": steps}},
        analysis={"checks": [ERRORS]},
    )
    rollout["metadata"]["name"] = name
    return a_service(name, app=name), a_route(name, service=name), rollout


def _labelled(made: dict[str, Any], app: str) -> dict[str, Any]:
    made["metadata"]["labels"] = {"app": app}
    return made
