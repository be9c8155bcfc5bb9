"""A child process that never outlives the block it is opened in, nor this process."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

TETHER = str(Path(__file__).with_name("tether.py"))


@asynccontextmanager
async def running(argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> AsyncIterator[Process]:
    """Run `argv` with its output appended to `log`; what is left of it at the end of the block is killed."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", TETHER, str(os.getpid()), *argv),
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for the sandbox, which then ends its pods in order.
        )
    try:
        yield process
    finally:
        # Its children are in its session and die with it, as in a pod, also when it has ended before them.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def ask_to_end(process: Process) -> None:
    """Send SIGTERM; a process that has ended already is none to complain about."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
