"""`rollout lint`."""

import asyncio
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from rollout.cli.exits import Code, complain, fail
from rollout.cli.options import prometheus_at


def lint(
    files: Annotated[
        list[str], typer.Argument(help="YAML files; `-` is standard input.", metavar="FILE...", show_default=False)
    ],
    prometheus: Annotated[
        str,
        typer.Option(help="Also say what each step can find at the traffic that this Prometheus sees.", metavar="URL"),
    ] = "",
) -> None:
    """Check Rollouts and templates of checks before a cluster sees them."""
    checker = import_module("rollout.lint")  # every other command starts without it
    texts = [(file, text) for file in files if (text := _read(file)) is not None]
    problems = [problem for file, text in texts for problem in checker.lint(text, "stdin" if file == "-" else file)]
    if problems:
        typer.echo(checker.render(problems), nl=False)
    elif texts:
        typer.echo(_praise([checker.ours(text) for _, text in texts]))
    if len(texts) < len(files) or any(_is_error(problem) for problem in problems):
        raise typer.Exit(Code.REFUSED)
    if prometheus:
        asyncio.run(_foretell([text for _, text in texts], prometheus))


async def _foretell(texts: list[str], address: str) -> None:
    """What the steps can find, check by check; what finds nothing is a warning."""
    forecast = import_module("rollout.forecast")
    source = import_module("analysis.sources.prometheus").Prometheus(prometheus_at(address))
    try:
        for text in texts:
            for rollout in import_module("rollout.declared").declared(text):
                async for each in forecast.forecasts(rollout, source, datetime.now(UTC)):
                    warning = "" if each.finds is not None else "warning: "
                    typer.echo(f"{rollout.namespace}/{rollout.name}: {warning}{each.sentence}")
    except forecast.Unreachable as error:
        fail(str(error))
    finally:
        await source.close()


def _praise(found: list[int]) -> str:
    """What to say of files without a problem, by how many objects of ours each has: none is seldom meant."""
    files = "1 file" if len(found) == 1 else f"{len(found)} files"
    return (
        f"No problems in {files}." if any(found) else f"Nothing to check in {files}: no Rollout, no template of checks."
    )


def _is_error(problem: Any) -> bool:
    return bool(problem.severity == "error")


def _read(file: str) -> str | None:
    """The text; None after telling why there is none."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        complain(f"cannot read {file}: {error.strerror}")
    except UnicodeDecodeError:
        complain(f"cannot read {file}: it is not UTF-8 text")
    return None
