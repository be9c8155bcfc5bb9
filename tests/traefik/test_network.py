"""A network of its own: addresses that only the program inside has, and nothing that outlives the program outside."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import network
from controlplane.network import NoNetwork, inside

pytestmark = pytest.mark.e2e

CALL_ONESELF = """
import socket
server = socket.create_server(("10.99.0.77", 8080))
print(socket.create_connection(("10.99.0.77", 8080)).getpeername())
"""
# A parent with a child in a network of its own; it says who the child is and waits.
PARENT = """
import subprocess, sys
from controlplane.network import inside
child = subprocess.Popen(inside(sys.executable, "-c", "print(1, flush=True); import time; time.sleep(60)"), stdout=-1)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def fresh() -> Iterator[None]:
    """What was found out about this machine is forgotten before and after."""
    network._missing.cache_clear()
    yield
    network._missing.cache_clear()


def possible(*argv: str) -> tuple[str, ...]:
    try:
        return inside(*argv)
    except NoNetwork as reason:
        pytest.skip(str(reason))


def test_every_address_of_the_subnet_is_local_inside_and_none_outside() -> None:
    done = subprocess.run(possible(sys.executable, "-c", CALL_ONESELF), capture_output=True, text=True, check=True)
    assert done.stdout == "('10.99.0.77', 8080)\n"
    outside = subprocess.run([sys.executable, "-c", CALL_ONESELF], capture_output=True, text=True, check=False)
    assert "Cannot assign requested address" in outside.stderr


def test_what_is_inside_dies_with_the_program_outside() -> None:
    possible("true")
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while runs(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not runs(child)


def runs(pid: int) -> bool:
    """Whether a process is there; one that only waits to be reaped is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_without_its_tools_it_says_which_package_to_install(monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoNetwork, match="install iproute2"):
        inside("true")
