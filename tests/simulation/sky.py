"""The metric source of a simulation: counters that grow with the traffic each revision really gets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.simulation.schedule import Sky
from tests.simulation.truth import Truth

_RATE = 4_000  # requests per scrape
_BAD_SHARE = 0.05


@dataclass
class Weather:
    """Serves `/metrics`; a scrape makes traffic go on."""

    truth: Truth
    sky: Sky = Sky.GOOD
    lag: float = 0.0  # seconds until a change of the traffic is counted
    url: str = ""
    total: dict[str, int] = field(default_factory=dict)
    bad: dict[str, int] = field(default_factory=dict)
    past: list[tuple[float, dict[str, float]]] = field(default_factory=list)  # shares, and when they were so

    async def answer(self, _request: web.Request) -> web.Response:
        """One scrape."""
        match self.sky:
            case Sky.NONE:
                return web.Response(text="# nothing here\n")
            case Sky.ERROR:
                return web.Response(status=500)
            case Sky.HANG:
                await asyncio.Event().wait()
        self._go_on()
        return web.Response(text=self._text())

    def _go_on(self) -> None:
        stable = ((self.truth.status.get("revisions") or {}).get("stable") or {}).get("name")
        for revision, share in self._counted().items():
            new = revision != stable
            more = 0 if new and self.sky is Sky.SILENT else round(_RATE * share)
            self.total[revision] = self.total.get(revision, 0) + more
            wrong = round(more * _BAD_SHARE) if new and self.sky is Sky.BAD else 0
            self.bad[revision] = self.bad.get(revision, 0) + wrong

    def _counted(self) -> dict[str, float]:
        """The shares of the last scrape that is as old as the lag; before there is one, those of the first."""
        now = asyncio.get_running_loop().time()
        self.past.append((now, self.truth.shares()))
        while len(self.past) > 1 and self.past[1][0] <= now - self.lag:
            del self.past[0]
        return self.past[0][1]

    def _text(self) -> str:
        lines = []
        for revision, total in self.total.items():
            bad = self.bad[revision]
            for code, value in (("500", bad), ("200", total - bad)):
                shown = "NaN" if self.sky is Sky.NAN else value
                lines.append(f'requests_total{{revision="{revision}",code="{code}"}} {shown}')
        return "\n".join(lines) + "\n"


@asynccontextmanager
async def weather(truth: Truth, *, lag: float) -> AsyncIterator[Weather]:
    """Serve beside the block."""
    made = Weather(truth, lag=lag)
    app = web.Application()
    app.router.add_get("/metrics", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/metrics"
    try:
        yield made
    finally:
        await runner.cleanup()
