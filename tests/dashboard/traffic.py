"""Customers of any number of shops: they follow the weights of the routes, and are counted as a proxy counts them."""

import math
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiohttp import web

from tests.controller.harness import Stage, a_rollout, a_route, a_service, template

CANARY = "-canary"
BOUNDS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)  # seconds
ERRORS: dict[str, Any] = {
    "name": "errors",
    "ratio": {
        "bad": 'requests_total{service="{{service}}",code="500"}',
        "total": 'requests_total{service="{{service}}"}',
    },
    "exclude": "0s",
}
LATENCY: dict[str, Any] = {
    "name": "latency",
    "latency": {"histogram": 'request_seconds{service="{{service}}"}', "below": "300ms", "share": 95},
    "exclude": "0s",
}
RESTARTS: dict[str, Any] = {"name": "restarts", "restarts": {"max": 0}}


@dataclass
class Customers:
    """So many requests to each shop with each scrape, of which a share fails and which take a while."""

    made: Stage
    rate: int = 400
    failing: dict[str, float] = field(default_factory=dict)  # share by Service; 0.004 for others
    seconds: dict[str, float] = field(default_factory=dict)  # mean by Service; 0.06 for others
    counts: Counter[str] = field(default_factory=Counter)
    chance: Random = field(default_factory=lambda: Random(6))

    def come(self) -> None:
        """Have them come from now on: each scrape of the stage's metrics is answered with one more lot of them."""
        self.made.weather.answer = lambda: web.Response(text=self.render())

    def render(self) -> str:
        """One more scrape's worth of requests, in Prometheus' text format."""
        for route in self.made.list("httproutes"):
            for backend in route["spec"]["rules"][0]["backendRefs"]:
                share = 1.0 if backend.get("weight") is None else backend["weight"] / self._sum(route)
                self._serve(backend["name"], round(self.rate * share))
        return "".join(f"{name} {number}\n" for name, number in sorted(self.counts.items()))

    def _sum(self, route: dict[str, Any]) -> int:
        return sum(backend.get("weight", 1) for backend in route["spec"]["rules"][0]["backendRefs"]) or 1

    def _serve(self, service: str, requests: int) -> None:
        failing, mean = self.failing.get(service, 0.004), self.seconds.get(service, 0.06)
        took = sorted(self.chance.expovariate(1 / mean) for _ in range(requests))
        bad = sum(self.chance.random() < failing for _ in took)
        self.counts[f'requests_total{{service="{service}",code="500"}}'] += bad
        self.counts[f'requests_total{{service="{service}",code="200"}}'] += requests - bad
        for bound in (*BOUNDS, math.inf):
            le = f"{bound:g}".replace("inf", "+Inf")
            self.counts[f'request_seconds_bucket{{service="{service}",le="{le}"}}'] += bisect_right(took, bound)
        self.counts[f'request_seconds_count{{service="{service}"}}'] += requests
        self.counts[f'request_seconds_sum{{service="{service}"}}'] += round(sum(took))


def steps(*weights: int, hold: Any) -> dict[str, Any]:
    """A strategy whose steps have these weights and all the same hold."""
    return {"canary": {"steps": [{"weight": weight, "hold": hold} for weight in weights]}}


async def open_shop(made: Stage, name: str = "shop", **spec: Any) -> None:
    """Create a Rollout of this name that serves v1, and what it needs besides what the stage has."""
    if made.get("services", name) is None:
        await made.create(a_service(name, app=name), a_route(name, service=name))
    fields: dict[str, Any] = {
        "template": pods(name, "v1"),
        "services": [{"name": name}],
        "traffic": [{"name": "public", "gatewayRoute": {"kind": "HTTPRoute", "name": name}}],
        "analysis": {"checks": [ERRORS, LATENCY, RESTARTS]},
        **spec,
    }
    rollout = a_rollout(**fields)
    rollout["metadata"]["name"] = name
    await made.create(rollout)


async def release(made: Stage, version: str, name: str = "shop") -> None:
    """Change the pod template to another version."""
    await made.replace("Rollout", "/spec/template", pods(name, version), name)


async def reached(made: Stage, name: str, **status: Any) -> None:
    """Wait until the status of a Rollout says so; `outcome` and `reason` are its run's and its condition's."""
    await made.until(lambda: status.items() <= said(made, name).items(), f"{name} {status}: {said(made, name)}")


def said(made: Stage, name: str) -> dict[str, Any]:
    """What a Rollout's status says, in few words."""
    status = (made.get("rollouts", name) or {}).get("status") or {}
    reasons = [each["reason"] for each in status.get("conditions") or () if each["type"] == "Ready"]
    return {
        "phase": status.get("phase"),
        "reason": reasons[0] if reasons else None,
        "outcome": (status.get("run") or {}).get("outcome"),
        "desired": (status.get("traffic") or {}).get("desired"),
        "entered": bool((status.get("step") or {}).get("enteredAt")),
    }


def pods(name: str, version: str) -> dict[str, Any]:
    """The pod template of a version of a shop."""
    made = template(version)
    made["metadata"]["labels"] = {"app": name}
    made["spec"]["containers"][0]["image"] = f"{name}:{version}"
    return made
