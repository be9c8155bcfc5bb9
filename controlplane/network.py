"""A network of its own for one program and all that it starts; it is gone with the last of them, however they end.

`python -m controlplane.network PARENT PROGRAM [ARGUMENT ...]` becomes the program, inside a fresh network namespace in
which loopback and every address of `SUBNET` are local. EndpointSlices refuse loopback addresses; these they take.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path

SUBNET = IPv4Network("10.99.0.0/24")

_OWN = f"{SUBNET[1]}/{SUBNET.prefixlen}"  # an address with this prefix on `lo` makes all of the subnet local
_TETHER = Path(__file__).parent.parent / "sandbox" / "tether.py"
_REMEDY = "needs root, or user namespaces for everybody"


class NoNetwork(Exception):  # noqa: N818 - what is so, as a sentence would say it
    """No network namespace can be had here; the message says why and what to do."""


def inside(*argv: str) -> tuple[str, ...]:
    """The command that runs `argv` in a network of its own, dead with this process; raises NoNetwork."""
    reason = _missing()
    if reason is not None:
        raise NoNetwork(reason)
    return (*_unshare(), sys.executable, "-m", "controlplane.network", str(os.getpid()), *argv)


@cache
def _missing() -> str | None:
    for program, package in (("ip", "iproute2"), ("unshare", "util-linux")):
        if shutil.which(program) is None:
            return f"there is no `{program}` on the PATH: install {package}"
    tried = subprocess.run([*_unshare(), "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    return None if tried.returncode == 0 else f"there is no right to make a network namespace here: it {_REMEDY}"


def _unshare() -> tuple[str, ...]:
    own = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    return ("unshare", *own, "--net")


def _main(parent: str, argv: list[str]) -> None:
    for command in (("ip", "link", "set", "lo", "up"), ("ip", "addr", "add", _OWN, "dev", "lo")):
        subprocess.run(command, check=True)
    # Tied to the parent only here: the kernel forgets the tie when a process enters a user namespace.
    tethered = [sys.executable, "-I", "-S", str(_TETHER), parent, *argv]
    os.execv(sys.executable, tethered)  # noqa: S606 - there is no shell to go through


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
