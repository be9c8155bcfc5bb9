"""`rollout watch`, and waiting for what was asked for."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.live import Live

from rollout.cli.endings import settled
from rollout.cli.exits import Code, complain
from rollout.cli.options import (
    NAMESPACE,
    SERVER,
    Form,
    Name,
    Namespace,
    Output,
    Server,
    Timeout,
    console,
    local_now,
    seconds,
)
from rollout.cli.remote import Failure, Remote
from rollout.cli.render import render_rollout
from rollout.cli.words import percent

_ATTEMPTS = 15
_PAUSE_SECONDS = 2.0


def watch(
    name: Name,
    *,
    namespace: Namespace = NAMESPACE,
    until_settled: Annotated[
        bool, typer.Option("--exit", help="End when it was promoted, aborted or is stalled.")
    ] = False,
    timeout: Timeout = None,
    output: Output = Form.TEXT,
    server: Server = SERVER,
) -> None:
    """Follow one Rollout as it moves; with --exit until it is settled."""
    limit = seconds(timeout)
    remote = Remote(server=server)
    deadline = None if limit is None else remote.clock() + limit
    with _shown(output, console()) as show:
        for view in views(remote, namespace, name, deadline=deadline):
            show(view)
            code = settled(view) if until_settled else None
            if code is not None:
                raise typer.Exit(code)


def views(
    remote: Remote,
    namespace: str,
    name: str,
    *,
    deadline: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Any]:
    """The present state and each change, over broken connections; raises Failure at the deadline and a deletion.

    Only the first attempt to connect fails at once: a controller that was there comes back.
    """
    left = 0
    while True:
        try:
            for event, view in remote.events("namespaces", namespace, "rollouts", name, "events", deadline=deadline):
                left = _ATTEMPTS
                if event == "deleted":
                    raise Failure(f"Rollout {name} was deleted.")
                if event == "rollout":
                    yield view
        except Failure as failure:
            if failure.code is not Code.UNREACHABLE or left == 0:
                raise
            if left == _ATTEMPTS:
                complain(f"Lost the controller at {remote.server}; trying again.")
            left -= 1
            sleep(_PAUSE_SECONDS)


@contextmanager
def _shown(output: Form, target: Console) -> Iterator[Callable[[Any], None]]:
    """A page that renews itself on a terminal, one line for each change elsewhere, or JSON lines."""
    if output is Form.JSON:
        yield lambda view: typer.echo(json.dumps(view, ensure_ascii=False))
    elif target.is_terminal:
        latest: list[Any] = []
        with Live(console=target, get_renderable=lambda: _page(latest), refresh_per_second=1) as live:
            yield lambda view: _renew(live, latest, view)
    else:
        told: list[str] = []
        yield lambda view: _tell(view, told)


def _page(latest: list[Any]) -> RenderableType:
    """The newest state, with the ages as they are now."""
    return render_rollout(latest[-1], local_now()) if latest else ""


def _renew(live: Live, latest: list[Any], view: Any) -> None:
    latest[:] = [view]
    live.refresh()


def _tell(view: Any, told: list[str]) -> None:
    """Write the sentence, unless it was the last one written."""
    line = f"{percent(view['weight']):>5} %  {view['message']}"
    if told[-1:] != [line]:
        told[:] = [line]
        typer.echo(f"{local_now():%H:%M:%S}  {line}")
