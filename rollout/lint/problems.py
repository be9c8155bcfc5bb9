"""What is wrong with a file, and where."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Where a value is in its document: `("spec", "strategy", "canary", "steps", 0)`."""


class Severity(StrEnum):
    """Whether the API server or the controller would refuse it, or it is only unlikely to be meant."""

    ERROR = "error"
    WARNING = "warning"


class Problem(NamedTuple):
    """One sentence that names the field and the remedy, with the place it is about; line and column count from 1."""

    file: str
    line: int
    column: int
    field: str
    message: str
    severity: Severity


def render(problems: Iterable[Problem]) -> str:
    """One line for each problem, as compilers print them, so that editors find the place; empty without any."""
    return "".join(f"{each.file}:{each.line}:{each.column}: {each.severity}: {each.message}\n" for each in problems)
