"""A control plane on which nothing of ours is installed."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.binaries import NotBuilt, binaries
from controlplane.cluster import ControlPlane, control_plane


@pytest.fixture(scope="session")
def bare() -> Iterator[ControlPlane]:
    """A real control plane for the tests of deploy/, each of which cleans up; skips where it is not built."""
    try:
        binaries()
    except NotBuilt as error:
        pytest.skip(str(error))
    directory = Path(tempfile.mkdtemp(prefix="control-plane-"))
    try:
        with control_plane(directory) as running:
            yield running
    finally:
        shutil.rmtree(directory, ignore_errors=True)
