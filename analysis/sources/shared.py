"""One answer for everybody who asks the same thing in the same moment."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

_KEPT: Final = 5.0
"""Seconds after which an answer is forgotten: nobody asks for one as old as that."""


@dataclass(frozen=True)
class Answered(Generic[Found]):
    """What was found, and between which moments of the event loop's clock: when it was asked for, when it was there."""

    found: Found
    asked: float
    there: float


class Shared(Generic[Key, Found]):
    """Asks at most once for what is asked for at the same time."""

    def __init__(self, ask: Callable[[Key], Awaitable[Found]]) -> None:
        self._ask = ask
        self._answers: dict[Key, tuple[float, asyncio.Future[Answered[Found]]]] = {}

    async def get(self, key: Key, *, fresh: float) -> Answered[Found]:
        """The answer to `key`, asked for at or after `fresh` on the event loop's clock.

        A caller that is cancelled takes the question with it; those who share it then ask again.
        """
        loop = asyncio.get_running_loop()
        while (known := self._answers.get(key)) and known[0] >= fresh:
            await asyncio.wait([known[1]])
            if not known[1].cancelled():
                return known[1].result()
        return await self._asked(key, loop)

    async def _asked(self, key: Key, loop: asyncio.AbstractEventLoop) -> Answered[Found]:
        asked = loop.time()
        self._forget(asked - _KEPT)
        future: asyncio.Future[Answered[Found]] = loop.create_future()
        self._answers[key] = (asked, future)
        try:
            found = await self._ask(key)
        except BaseException:
            if self._answers.get(key, (0.0, None))[1] is future:
                del self._answers[key]
            future.cancel()
            raise
        answered = Answered(found, asked, loop.time())
        future.set_result(answered)
        return answered

    def _forget(self, before: float) -> None:
        for key in [key for key, (at, future) in self._answers.items() if at < before and future.done()]:
            del self._answers[key]
