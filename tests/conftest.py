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
