"""`python -m sandbox.load`: load for a sandbox's gateway, with a running summary on standard output."""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.load.generator import Client, Plan, generate
from sandbox.load.http1 import Http1
from sandbox.load.http2 import Http2
from sandbox.load.report import Report

# Most of the traffic comes through the gateway; a part of it from callers inside the cluster.
_SHARES = {"http1": 0.5, "http2": 0.3, "service": 0.2}


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options; ends the program with status 2 if they make no sense or lead beyond loopback."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.load", description=__doc__)
    parser.add_argument("--url", type=loopback, required=True, help="the gateway, http://127.0.0.1:PORT")
    parser.add_argument("--service-url", type=loopback, help="a Service's ClusterIP, http://127.2.X.Y:PORT")
    parser.add_argument("--host", help="the Host header for the gateway, if its routes have hostnames")
    parser.add_argument("--rate", type=float, default=110.0, help="requests per second")
    parser.add_argument("--slow-share", type=float, default=0.05, help="share of requests that take a second, 0 to 1")
    parser.add_argument("--seconds", type=float, help="for how long; until SIGTERM by default")
    parser.add_argument("--report", type=Path, default=Path("/dev/null"), help="file for one JSON line per request")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of requests")
    return parser.parse_args(argv)


def loopback(url: str) -> tuple[str, int]:
    """Return address and port of a URL; refuses everything but http on a loopback address."""
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    try:
        fits = parts.scheme == "http" and ip_address(host).is_loopback
        port = parts.port or 80
    except ValueError:
        fits, port = False, 0
    if not fits:
        raise argparse.ArgumentTypeError(f"{url} is not http on a loopback address; load is sent nowhere else")
    return host, port


def clients(options: argparse.Namespace) -> dict[str, Client]:
    """Return the clients by name."""
    host, port = options.url
    authority = options.host or f"{host}:{port}"
    found: dict[str, Client] = {
        "http1": Http1(host, port, authority=authority, uses=1000),
        "http2": Http2(host, port, authority=authority, connections=2),
    }
    if options.service_url:
        # A Service chooses the pod per connection, so a caller that never reconnects would see one pod only.
        host, port = options.service_url
        found["service"] = Http1(host, port, authority=f"{host}:{port}", uses=5)
    return found


async def main(options: argparse.Namespace) -> None:
    """Send load until it is over or SIGTERM, with a summary each second and at the end."""
    stop, over = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    senders = clients(options)
    plan = Plan(
        rate=options.rate,
        slow_share=options.slow_share,
        shares={name: _SHARES[name] for name in senders},
        seconds=options.seconds,
        seed=options.seed,
    )
    # Line by line, so that the reader of the report is never behind.
    with options.report.open("a", buffering=1) as lines:
        report = Report(lines)
        async with asyncio.TaskGroup() as group:
            group.create_task(_summaries(report, over))
            await generate(plan, senders, report, stop)
            over.set()
        _say(report)


async def _summaries(report: Report, over: asyncio.Event) -> None:
    while not over.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await over.wait()
            return
        _say(report)


def _say(report: Report) -> None:
    sys.stdout.write(json.dumps(report.summary(time.time())) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(arguments(sys.argv[1:])))
