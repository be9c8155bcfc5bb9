"""For how long the cluster has said nothing, told where that is long: what is shown is as old as that."""

from typing import Any, Final

HEADER: Final = "Cluster-Silence"

DESCRIBED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "headers": {
            HEADER: {
                "description": "Seconds since the cluster last answered; there only where those are many.",
                "schema": {"type": "integer"},
            }
        }
    }
}
"""The header in the OpenAPI description of a route."""

_MANY = 5.0  # seconds; the API server is asked every second or two


def told(seconds: float) -> int | None:
    """The seconds, where they are worth telling."""
    return round(seconds) if seconds > _MANY else None


def headers(seconds: float) -> dict[str, str]:
    """The header of an answer, where there is something to tell."""
    worth = told(seconds)
    return {} if worth is None else {HEADER: str(worth)}
