"""What every test is held to."""

from collections.abc import Iterator

import pytest

from tests.backends import backend, ground, kubernetes
from tests.guards.turns import measured

__all__ = ["backend", "ground", "kubernetes"]


@pytest.fixture(autouse=True)
def turns_are_short() -> Iterator[None]:
    """Nothing but a test itself may keep its event loop: one call that blocks stops every release."""
    with measured() as turns:
        yield
    assert turns.too_long == []
