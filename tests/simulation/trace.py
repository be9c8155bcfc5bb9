"""What happened in a simulation, line by line, and what of it must not have."""

import asyncio
from dataclasses import dataclass, field


@dataclass
class Trace:
    """Lines with their simulated seconds; `wrongs` are those that break a promise."""

    lines: list[str] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Note what happened now."""
        self.lines.append(f"{asyncio.get_running_loop().time():9.3f}  {line}")

    def wrong(self, promise: str) -> None:
        """Note that a promise was broken now; each promise is noted once."""
        self.say(f"WRONG: {promise}")
        if promise not in self.wrongs:
            self.wrongs.append(promise)

    def told(self, last: int = 120) -> str:
        """The wrongs and the last lines, for a failing test."""
        return "\n".join([*self.wrongs, "", *self.lines[-last:]])
