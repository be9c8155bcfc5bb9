"""What every test is held to."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.backends import backend, ground, kubernetes
from tests.guards.turns import measured

__all__ = ["backend", "ground", "kubernetes"]

settings.register_profile("untimed", deadline=None)  # how long an example takes says something of the machine only
settings.load_profile("untimed")


_LONG = {"test_applying.py", "test_barriers.py", "test_crash.py", "test_simulation.py"}  # besides those marked `e2e`


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that in the end no process is left alone with one of them."""
    long = {item.path for item in items if item.get_closest_marker("e2e") or item.path.name in _LONG}
    items.sort(key=lambda item: item.path not in long)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once for each reason how many tests were left out, and so how to have them."""
    skipped = (report.longrepr[2] for report in terminalreporter.stats.get("skipped", ()))
    for reason, number in Counter(skipped).items():
        terminalreporter.write_line(f"{number} left out: {reason.removeprefix('Skipped: ')}")


@pytest.fixture(autouse=True)
def turns_are_short() -> Iterator[None]:
    """Nothing but a test itself may keep its event loop: one call that blocks stops every release."""
    with measured() as turns:
        yield
    assert turns.too_long == []
