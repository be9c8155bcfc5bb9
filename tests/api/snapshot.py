"""Writes `openapi.json` anew: `python -m tests.api.snapshot`, to be committed together with the change."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from api.app import create_app
from api.ports import Client
from api.problems import described
from tests.api.cluster import a_store

FILE = Path(__file__).with_name("openapi.json")


def page() -> dict[str, Any]:
    """The OpenAPI page as it is served; nothing is asked of the client for it."""
    app = create_app(store=a_store(), client=cast(Client, None), clock=lambda: datetime.now(UTC), version="snapshot")
    return described(app)


if __name__ == "__main__":
    FILE.write_text(json.dumps(page(), indent=2, ensure_ascii=False) + "\n")
