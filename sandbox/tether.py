"""Become another program that dies with its parent: `python tether.py PARENT PROGRAM [ARGUMENT ...]`.

It is a program of its own because code between fork and exec is not safe in a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, program: list[str]) -> None:
    """Ask the kernel for SIGKILL at the death of `parent`, then execute `program`."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent has died already")
    try:
        os.execvp(program[0], program)  # noqa: S606 - there is no shell to go through
    except OSError as error:
        sys.stderr.write(f"cannot execute {program[0]}: {error}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
