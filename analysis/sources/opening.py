"""Sources from their configurations, open for as long as somebody needs them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import assert_never

from analysis.sources import PrometheusSource, ScrapeSource, Source, SourceConfiguration
from analysis.sources.prometheus import Prometheus
from analysis.sources.scrape import Scrape


@asynccontextmanager
async def opened(configurations: Sequence[SourceConfiguration]) -> AsyncIterator[tuple[Source, ...]]:
    """The sources, in their order; closed at the end. Nothing is asked before somebody asks."""
    async with AsyncExitStack() as stack:
        sources = tuple(_source(each) for each in configurations)
        for source in sources:
            stack.push_async_callback(source.close)
        yield sources


def _source(configuration: SourceConfiguration) -> Source:
    match configuration:
        case PrometheusSource():
            return Prometheus(configuration)
        case ScrapeSource():
            return Scrape(configuration)
        case _:
            assert_never(configuration)
