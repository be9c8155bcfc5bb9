"""Servers as child processes: logged to a file, dead with their parent, ended by their own id."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TETHER = Path(__file__).parent.parent / "sandbox" / "tether.py"
_GRACE_SECONDS = 10.0
_READY_SECONDS = 90.0


class DidNotStart(Exception):  # noqa: N818 - what has happened, as a sentence would say it
    """A server ended or did not become ready in time; the message ends with its last words."""


class HasEnded(Exception):  # noqa: N818 - likewise
    """A server that others count on has ended; the message ends with its last words."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait(self, ready: Callable[[], bool]) -> None:
        """Return when `ready` says so; raises DidNotStart when the server ends before, or takes too long."""
        deadline = time.monotonic() + _READY_SECONDS
        while not ready():
            if self.process.poll() is not None:
                raise DidNotStart(self._end())
            if time.monotonic() > deadline:
                raise DidNotStart(f"{self.name} was not ready after {_READY_SECONDS:.0f} s:\n{self._last_words()}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raise HasEnded if the server no longer runs."""
        if self.process.poll() is not None:
            raise HasEnded(self._end())

    def _end(self) -> str:
        return f"{self.name} ended with code {self.process.returncode}:\n{self._last_words()}"

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


@contextmanager
def server(*argv: str, directory: Path, prefix: Sequence[str] = (), name: str | None = None) -> Iterator[Server]:
    """Run `argv` beside the block, behind `prefix` (such as `ip netns exec NAME`); at its end it is told to end.

    Its output goes to a log in `directory`, named like it.
    """
    name = name or Path(argv[0]).name
    log = directory / f"{name}.log"
    tethered = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *prefix, *argv]
    with log.open("ab") as out:
        process = subprocess.Popen(tethered, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    try:
        yield Server(name=name, process=process, log=log)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
