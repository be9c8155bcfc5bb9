"""`python -m bench`: measures the controller and prints each figure beside its budget.

Ends with 1 when a budget of requests is missed: those are the same on every machine. Times hang on the machine and on
what else runs there, so a missed one is marked and no more.
"""

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console

from bench.reactions import reactions
from bench.report import Report, as_json, machine, tables
from bench.requests import costs
from controlplane.binaries import NotBuilt
from controlplane.cluster import control_plane
from tests.backends import KUBERNETES, ROOT, SANDBOX, Ground

_WIDTH = 120  # of what goes into a file
_MANIFESTS = (ROOT / "crds", ROOT / "deploy" / "rbac")
app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@contextmanager
def grounds(directory: Path) -> Iterator[dict[str, Ground]]:
    """The sandbox, and beside it a real control plane if one is built; says so if not."""
    sandbox = directory / SANDBOX
    sandbox.mkdir()
    try:
        with control_plane(directory / KUBERNETES, manifests=_MANIFESTS) as running:
            yield {KUBERNETES: Ground(directory, running), SANDBOX: Ground(sandbox)}
    except NotBuilt as error:
        sys.stderr.write(f"Nothing is measured on a real API server, only on the sandbox: {error}\n")
        yield {SANDBOX: Ground(sandbox)}


async def measured(places: dict[str, Ground], *, runs: int, many: int, rest: float) -> Report:
    """Requests on the real API server, or else on the sandbox; times on both."""
    counted = next(iter(places))
    return Report(
        costs={counted: await costs(places[counted], many=many, rest=rest)},
        reactions={name: await reactions(ground, runs=runs) for name, ground in places.items()},
    )


@app.command()
def main(
    runs: Annotated[int, typer.Option(min=1, help="How often each time is measured.")] = 10,
    rollouts: Annotated[int, typer.Option(min=1, help="How many are released at once.")] = 20,
    rest: Annotated[float, typer.Option(min=1, help="Seconds for which they are left alone.")] = 120,
    report: Annotated[Path | None, typer.Option(help="Write the figures as JSON to this file.")] = None,
) -> None:
    """Measure what the controller asks of the API server, and how fast it is."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    before = machine()
    with tempfile.TemporaryDirectory(prefix="rollout-bench-") as name, grounds(Path(name)) as places:
        found = asyncio.run(measured(places, runs=runs, many=rollouts, rest=rest))
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(", ".join(f"{name}: {value}" for name, value in before.items()))
    for table in tables(found):
        console.print(table)
    if report is not None:
        report.write_text(json.dumps(as_json(found), indent=1))
    if found.missed:
        sys.stderr.write("".join(f"Missed: {each}\n" for each in found.missed))
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
