"""Metrics pages over real HTTP, one for each scrape target, that say exactly what a test wants Prometheus to read."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TYPE = {"Content-Type": "text/plain; version=0.0.4"}


@dataclass
class Exporter:
    """The pages of some targets, each the values (with a time in milliseconds, where one is given) of its series.

    A target that is `down` answers 503. `scrapes` counts the answers of each target.
    """

    pages: dict[str, dict[str, str]]
    down: set[str] = field(default_factory=set)
    scrapes: Counter[str] = field(default_factory=Counter)
    port: int = 0

    def shows(self, target: str, series: str, value: float, *, at: float | None = None) -> None:
        """Let the target show this value of a series from its next scrape on, as of `at` (Unix seconds) where given."""
        self.pages[target][series] = f"{value:g}" if at is None else f"{value:g} {round(at * 1000)}"

    def forgets(self, target: str, *series: str) -> None:
        """Let the target show these series no more."""
        for each in series:
            del self.pages[target][each]

    async def answer(self, request: web.Request) -> web.Response:
        target = request.match_info["target"]
        self.scrapes[target] += 1
        if target in self.down:
            return web.Response(status=503)
        text = "".join(f"{series} {value}\n" for series, value in self.pages[target].items())
        return web.Response(text=text, headers=TYPE)

    @property
    def job(self) -> dict[str, Any]:
        """The scrape job: the targets under their names as `instance`, and as `pod` where they are called so."""
        return {
            "job_name": "exporter",
            "static_configs": [
                {"targets": [f"127.0.0.1:{self.port}"], "labels": {"__metrics_path__": f"/{name}", **_labels(name)}}
                for name in self.pages
            ],
        }


def _labels(target: str) -> dict[str, str]:
    return {"instance": target, **({"pod": target} if target.startswith("pod") else {})}


@asynccontextmanager
async def exporting(*targets: str) -> AsyncIterator[Exporter]:
    """Serve the targets' pages, empty at first, until the block ends."""
    exporter = Exporter({target: {} for target in targets})
    app = web.Application()
    app.router.add_get("/{target}", exporter.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        exporter.port = runner.addresses[0][1]
        yield exporter
    finally:
        await runner.cleanup()
