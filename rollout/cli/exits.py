"""The exit codes, and the one way to leave with one."""

from enum import IntEnum
from typing import NoReturn

import typer


class Code(IntEnum):
    """What the exit code of the `rollout` command says."""

    OK = 0
    REFUSED = 1
    ABORTED = 2
    UNREACHABLE = 3
    TIMEOUT = 124


EPILOG = (
    "Exit codes: 0 ok · 1 bad input, or refused · 2 the release was aborted or is stalled"
    " · 3 the controller cannot be reached · 124 waited too long"
)


def fail(sentence: str, code: Code = Code.REFUSED) -> NoReturn:
    """Say one line on standard error, and leave."""
    complain(sentence)
    raise typer.Exit(code)


def complain(sentence: str) -> None:
    """Say one line on standard error."""
    typer.echo(f"rollout: {' '.join(sentence.split())}", err=True)
