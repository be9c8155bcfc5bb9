"""Load through a sandbox's Envoy, and what its clients saw of each version."""

import asyncio
import io
import json
from dataclasses import dataclass, field

from sandbox.load.generator import Client, Plan, generate
from sandbox.load.http1 import Http1
from sandbox.load.http2 import Http2
from sandbox.load.report import Report


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as its client saw it; times in Unix seconds, `version` is "" where no pod answered."""

    begun: float
    ended: float
    code: int
    version: str

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.begun


@dataclass
class Traffic:
    """Clients of a gateway, over HTTP/1.1 and HTTP/2; `requests` are those that have ended."""

    port: int
    authority: str
    lines: io.StringIO = field(default_factory=io.StringIO)

    async def send(self, number: int, *, rate: float, stop: asyncio.Event | None = None) -> None:
        """Send so many requests at so many a second, or until `stop`; returns when the last has ended."""
        clients: dict[str, Client] = {
            "http1": Http1("127.0.0.1", self.port, authority=self.authority, uses=1000),
            "http2": Http2("127.0.0.1", self.port, authority=self.authority, connections=2),
        }
        plan = Plan(rate=rate, slow_share=0.02, shares={"http1": 0.6, "http2": 0.4}, seconds=number / rate)
        await generate(plan, clients, Report(self.lines), stop or asyncio.Event())

    @property
    def requests(self) -> tuple[Request, ...]:
        """All requests that have ended."""
        return tuple(_request(json.loads(line)) for line in self.lines.getvalue().splitlines())

    def of(self, version: str) -> tuple[Request, ...]:
        """Those that a version answered."""
        return tuple(each for each in self.requests if each.version == version)


def _request(line: dict[str, float | str]) -> Request:
    begun = float(line["at"])
    return Request(
        begun=begun, ended=begun + float(line["ms"]) / 1000, code=int(line["code"]), version=str(line["version"])
    )
