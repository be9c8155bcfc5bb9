"""What a person sees of the demo: a live page on a terminal, plain lines elsewhere, and a table at the end."""

import asyncio
import re
from collections.abc import Callable
from types import TracebackType
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rollout.cli.options import local_now
from rollout.cli.render import render_rollout

View = dict[str, Any]


class Screen:
    """Tells the story: sentences stay, the Rollout under them is always the newest."""

    def __init__(self, target: Console, *, live: bool) -> None:
        self.view: View | None = None
        self._target = target
        self._live = Live(console=target, get_renderable=self._page, refresh_per_second=4) if live else None
        self._told = ""
        self._changed = asyncio.Event()

    def __enter__(self) -> "Screen":
        """Show the page, on a terminal."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last page standing."""
        if self._live is not None:
            self._live.stop()

    def say(self, sentence: str) -> None:
        """A sentence of the story."""
        self._target.print(Text(sentence, style="bold"), soft_wrap=self._live is None)

    def print(self, table: RenderableType) -> None:
        """Something larger."""
        self._target.print(table)

    async def until(self, condition: Callable[[View], bool]) -> View:
        """Wait for a view of which something is true."""
        while self.view is None or not condition(self.view):
            self._changed.clear()
            await self._changed.wait()
        return self.view

    def show(self, view: View) -> None:
        """The Rollout as it is now; without a terminal, its sentence when that says something new."""
        self.view = view
        self._changed.set()
        if self._live is not None:
            return
        place = (view.get("step") or {}).get("progress", "")
        told = place + re.sub(r"[0-9.,]+", "#", view["message"])
        if told != self._told:
            self._told = told
            self._target.print(Text(f"  {local_now():%H:%M:%S}  {view['message']}"), soft_wrap=True)

    def _page(self) -> RenderableType:
        if self.view is None:
            return Text("")
        return Group(Text(""), render_rollout(self.view, local_now()), Text(""))


def summary(result: dict[str, Any]) -> RenderableType:
    """The table at the end: what each release cost."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    columns = ("release", "outcome", "requests", "failed on stable", "failed on canary", "lost", "to 0 %")
    for name in columns:
        table.add_column(name, justify="left" if name in ("release", "outcome") else "right")
    for each in result["releases"]:
        zero = each["breach_to_zero_seconds"]
        table.add_row(
            f"shop:{each['revision']}",
            each["outcome"],
            str(each["requests"]),
            str(each["failed"]["stable"]),
            str(each["failed"]["canary"]),
            str(each["lost"]),
            f"{zero:.1f} s" if zero is not None else "-",
        )
    step = result["api_requests"]["per_step"]
    costs = (
        f"Entering a step took at most {step['writes']} writes and {step['reads']} reads at the API server; at rest "
        f"{result['api_requests']['at_rest_per_minute']:g} requests a minute besides watches."
    )
    legend = (
        "failed: bad answers of the shop itself; lost: requests that shifting cost; to 0 %: from the first bad answer."
    )
    return Group(Text(""), table, Text(legend), Text(costs), Text(f"The whole demo took {result['seconds']:.0f} s."))
