"""What the page about notifications shows, as it stands there."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "notifications.md"


def block(language: str) -> str:
    """The first block in this language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def verify(headers: dict[str, str], body: bytes, secret: str, now: float) -> Any:
    """The verification that the page shows."""
    names: dict[str, Any] = {}
    exec(block("python"), names)
    return names["verify"](headers, body, secret, now)
