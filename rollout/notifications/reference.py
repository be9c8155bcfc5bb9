"""A secret by reference: where it is, never what it is."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from analysis.mistakes import unread

_LONGEST = 16_384  # characters of a secret


class UnreadableError(ValueError):
    """What a reference leads to cannot be used; the message names field and remedy, and holds nothing of it."""


class Reference(BaseModel):
    """A file or an environment variable. It is read each time it is needed: mounted Secrets are exchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path | None = None
    env: Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")] | None = None

    @field_validator("file", mode="after")
    @classmethod
    def _is_path(cls, file: Path | None) -> Path | None:
        """What looks like an address may hold a secret, and is not repeated."""
        if file is not None and ":/" in str(file):
            raise ValueError("this is an address and not the path of a file: put it into a file, and name that")
        return file

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.file is None) == (self.env is None):
            raise ValueError("give file or env, exactly one of them")
        return self

    def read(self) -> str:
        """What is there now, without white space around it. Blocks as reading a file does; raises UnreadableError."""
        text = self._file(self.file) if self.file is not None else os.environ.get(self.env or "", "")
        if not text.strip():
            raise UnreadableError(f"{self}: is empty or not there: put the secret in it")
        return text.strip()

    def __str__(self) -> str:
        """How people call the place."""
        return f"file {self.file}" if self.file is not None else f"environment variable {self.env}"

    def _file(self, path: Path) -> str:
        try:
            with path.open(encoding="utf-8") as file:
                return file.read(_LONGEST)
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableError(f"{self}: cannot be read ({unread(error)})") from None


def used(reference: Reference, understood: Callable[[str], object]) -> str | None:
    """What is wrong with the text behind the reference, if `understood` raises ValueError for it."""
    try:
        understood(reference.read())
    except UnreadableError as error:
        return str(error)
    except ValueError as error:
        return f"{reference}: {error}"
    return None
