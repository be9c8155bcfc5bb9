"""Nothing here runs without a real Prometheus, and one line says so; targets that a whole module shares."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from analysis.sources import PrometheusSource
from sandbox.child import fetch
from tests.prometheus.exporter import Exporter, exporting
from tests.prometheus.server import INTERVAL, PROGRAM, Server

TARGETS = ("proxy", "pod-a", "pod-b")


# Without one, test_installed.py alone is collected, and says in one line what is missing.
_ALL = (path.name for path in Path(__file__).parent.glob("test_*.py"))
collect_ignore = [] if PROGRAM else [name for name in _ALL if name != "test_installed.py"]


@dataclass(frozen=True)
class Scraped:
    """A Prometheus, and the targets it scrapes."""

    exporter: Exporter
    server: Server

    @property
    def source(self) -> PrometheusSource:
        """The Prometheus as a source of the collector's."""
        return PrometheusSource(name="prometheus", url=self.server.url, interval=INTERVAL)

    async def scrapes(self, number: int = 1) -> None:
        """Wait until every target was scraped so many more times, from a scrape that begins now."""
        exporter = self.exporter
        before = {target: exporter.scrapes[target] for target in exporter.pages}
        while any(exporter.scrapes[target] < before[target] + number for target in before):
            assert await fetch(f"{self.server.url}/-/healthy")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scraped(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scraped]:
    """A Prometheus that scrapes a proxy and two pods, for all tests of a module: each uses series of its own."""
    directory: Path = tmp_path_factory.mktemp("prometheus")
    async with exporting(*TARGETS) as exporter:
        server = Server(directory, jobs=[exporter.job])
        async with server.running():
            found = Scraped(exporter, server)
            await found.scrapes()
            yield found
