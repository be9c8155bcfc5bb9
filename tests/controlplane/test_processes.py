"""Servers that end although others count on them."""

import sys
from pathlib import Path

import pytest

from controlplane.binaries import Binaries
from controlplane.cluster import ControlPlane
from controlplane.processes import HasEnded, Server, server
from tests.backends import Ground


def ended(directory: Path) -> Server:
    with server(sys.executable, "-c", "raise SystemExit('out of paper')", directory=directory, name="node") as made:
        made.process.wait(10.0)
    return made


def test_a_server_that_runs_is_fine(tmp_path: Path) -> None:
    with server("sleep", "60", directory=tmp_path) as made:
        made.check()


def test_a_server_that_has_ended_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(HasEnded) as caught:
        ended(tmp_path).check()
    assert str(caught.value) == "node ended with code 1:\nout of paper"


async def test_no_test_begins_on_a_control_plane_whose_node_has_ended(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    binaries = Binaries(
        etcd=nothing, apiserver=nothing, controller_manager=nothing, kubectl=nothing, gateway_api=nothing
    )
    made = ControlPlane(
        directory=tmp_path,
        binaries=binaries,
        url="https://127.0.0.1:9",
        ca=nothing,
        etcd_url="http://127.0.0.1:9",
        audit_log=nothing,
        prefix=(),
        node=ended(tmp_path),
    )
    with pytest.raises(HasEnded, match="out of paper"):
        async with Ground(tmp_path, made).open():
            pass
