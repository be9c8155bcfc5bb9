"""The options that several commands share, each with one meaning."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from importlib import import_module
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console

Server: TypeAlias = Annotated[
    str, typer.Option(envvar="ROLLOUT_SERVER", help="Address of the controller's API.", metavar="URL")
]
Namespace: TypeAlias = Annotated[
    str, typer.Option("--namespace", "-n", envvar="ROLLOUT_NAMESPACE", help="Namespace of the Rollout.")
]
Name: TypeAlias = Annotated[str, typer.Argument(help="Name of the Rollout.", metavar="NAME", show_default=False)]
Timeout: TypeAlias = Annotated[
    str | None, typer.Option(help="Wait no longer than this, such as 90s or 5m; without end when not given.")
]

SERVER = "http://127.0.0.1:7070"
NAMESPACE = "default"
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


class Form(StrEnum):
    """How to write what was read."""

    TEXT = "text"
    WIDE = "wide"
    JSON = "json"


Output: TypeAlias = Annotated[
    Form, typer.Option("--output", "-o", help="`text` for people, `wide` with more of it, `json` for programs.")
]


def console() -> Console:
    """Standard output as it is now: 100 columns where it is no terminal and COLUMNS does not say otherwise."""
    made = Console(highlight=False, emoji=False, markup=False)
    if not made.is_terminal and "COLUMNS" not in made._environ:  # noqa: SLF001 - rich would say 80
        made.width = 100
    return made


def local_now() -> datetime:
    """The present in the reader's zone."""
    return datetime.now(UTC).astimezone()


def prometheus_at(address: str, *, interval: float = 15.0) -> Any:
    """A metric source at that address. Raises typer.BadParameter for what is none."""
    sources = import_module("analysis.sources")  # most commands start without it
    try:
        return sources.PrometheusSource(name="prometheus", url=address, interval=interval, timeout=30.0)
    except ValueError as error:
        raise typer.BadParameter(_words(error), param_hint="--prometheus") from None


def _words(error: Any) -> str:
    """A field's own words, without the value: it may be an address with a password in it."""
    found = error.errors(include_input=False, include_url=False, include_context=False)[0]
    return str(found["msg"]).removeprefix("Value error, ")


def seconds(text: str | None, option: str = "--timeout") -> float | None:
    """The seconds in `90s`, `5m` or `1h30m`. Raises typer.BadParameter for anything else."""
    if text is None:
        return None
    if not re.fullmatch(r"([0-9]+(ms|h|m|s))+", text):
        raise typer.BadParameter(f"{text!r} is not a duration: write it like 90s or 5m", param_hint=option)
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"([0-9]+)(ms|h|m|s)", text))
