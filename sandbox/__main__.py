"""`python -m sandbox`: one sandbox until SIGTERM or SIGINT; one line of JSON says where everything is."""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sandbox.apiserver import RequestRecord
from sandbox.cluster import Cluster, cluster
from sandbox.envoy import EnvoyFailed
from sandbox.prometheus import PrometheusFailed
from sandbox.settings import Settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until asked to end; exit with 1 and one line on standard error if the sandbox cannot run."""
    options = parser().parse_args(arguments)
    reasons: list[str] = []
    try:
        asyncio.run(run(settings(options), parent=options.parent, audit=options.audit))
    except* (EnvoyFailed, PrometheusFailed, OSError) as failures:
        reasons = [str(failure) for failure in leaves(failures)]
    if reasons:
        sys.exit(f"the sandbox cannot run: {'; '.join(reasons)}")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where to put kubeconfig, logs and Envoy's files")
    parser.add_argument("--seed", type=int, default=1, help="of every random delay (default: 1)")
    parser.add_argument("--api-port", type=int, default=0, help="of the API server (default: a free one)")
    parser.add_argument("--gateway-port", type=int, default=0, help="of the proxy (default: a free one)")
    parser.add_argument("--proxy-metrics-port", type=int, default=0, help="of its counters (default: a free one)")
    parser.add_argument("--no-processes", action="store_true", help="pods become ready without a process")
    parser.add_argument("--no-gateway", action="store_true", help="routes get a status, but there is no Envoy")
    parser.add_argument("--no-prometheus", action="store_true", help="start no Prometheus, even if it is on the PATH")
    parser.add_argument(
        "--prometheus-files", action="store_true", help="write what a Prometheus elsewhere is to scrape; start none"
    )
    parser.add_argument("--no-access-log", action="store_true", help="keep no line for each request of the proxy")
    parser.add_argument("--audit", type=Path, help="file for one JSON line per request to the API server")
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process ends")
    return parser


def settings(options: argparse.Namespace) -> Settings:
    """Return what the command line asks for."""
    return Settings(
        directory=options.directory.absolute(),
        seed=options.seed,
        api_port=options.api_port,
        gateway_port=options.gateway_port,
        proxy_metrics_port=options.proxy_metrics_port,
        processes=not options.no_processes,
        gateway=not options.no_gateway,
        prometheus=not options.no_prometheus,
        prometheus_files=options.prometheus_files,
        access_log=not options.no_access_log,
    )


async def run(settings: Settings, *, parent: int | None = None, audit: Path | None = None) -> None:
    """Run a sandbox until SIGTERM or SIGINT, or until the process `parent` ends."""
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    with watched(parent, end):
        async with cluster(settings) as running, audited(running, audit):
            sys.stdout.write(json.dumps(addresses(running)) + "\n")
            sys.stdout.flush()
            await end.wait()


def leaves(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    """Yield the exceptions in a group and in the groups within it."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error


def addresses(running: Cluster) -> dict[str, str | None]:
    """Return where everything is; None for what does not run."""
    return {
        "url": running.url,
        "kubeconfig": str(running.kubeconfig),
        "gateway_url": running.gateway_url,
        "proxy_metrics_url": running.proxy_metrics_url,
        "prometheus_url": running.prometheus_url,
        "access_log": str(running.gateway.access_log) if running.gateway else None,
    }


@asynccontextmanager
async def audited(running: Cluster, path: Path | None) -> AsyncIterator[None]:
    """Write a line for each request that the API server executed, beside the block."""
    if path is None:
        yield
        return
    with path.open("a", buffering=1) as log:

        async def write(record: RequestRecord) -> None:
            entry = {"at": time.time(), "agent": record.user_agent, "verb": record.verb, "resource": record.plural}
            entry |= {"subresource": record.subresource, "object": record.target}
            log.write(json.dumps(entry) + "\n")

        running.api.after = write
        yield
        running.api.after = None


@contextmanager
def watched(parent: int | None, end: asyncio.Event) -> Iterator[None]:
    """Set `end` when the process `parent` has ended, also if it has already."""
    try:
        descriptor = os.pidfd_open(parent) if parent else None
    except ProcessLookupError:
        end.set()
        descriptor = None
    if descriptor is None:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, end.set)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


if __name__ == "__main__":
    main()
