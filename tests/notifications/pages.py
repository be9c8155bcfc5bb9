"""What the page about notifications shows, as it stands there."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "notifications.md"


def block(language: str) -> str:
    """The one block in this language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def verify(headers: dict[str, str], body: bytes, secret: str, now: float) -> Any:
    """The verification that the page shows."""
    names: dict[str, Any] = {}
    exec(block("python"), names)
    return names["verify"](headers, body, secret, now)
