"""What every way of sending has in common."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from rollout.notifications.notice import Notice


class NotSent(Exception):  # noqa: N818 (it is an answer, not a fault)
    """It was not taken. The message says why and holds no secret.

    `after` is the seconds the receiver wants to be left alone; `final` means that it will never take this one.
    """

    def __init__(self, why: str, *, after: float | None = None, final: bool = False) -> None:
        super().__init__(why)
        self.after = after
        self.final = final


Send: TypeAlias = Callable[[Notice], Awaitable[None]]
"""Sends one notice within seconds, or raises NotSent."""
