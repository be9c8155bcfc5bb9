"""`rollout promote`, `abort`, `pause`, `resume`, `retry`, `undo` and `restart`."""

import getpass
from typing import Annotated, Any, TypeAlias

import typer

from rollout.cli.endings import carried_out
from rollout.cli.exits import Code, complain
from rollout.cli.options import NAMESPACE, SERVER, Name, Namespace, Server, Timeout, seconds
from rollout.cli.remote import Remote
from rollout.cli.watching import views

Reason: TypeAlias = Annotated[str | None, typer.Option(help="Why; it is shown with the Rollout and kept.")]
Run: TypeAlias = Annotated[int | None, typer.Option(min=1, help="Only if this run is the one that goes on.")]
Wait: TypeAlias = Annotated[bool, typer.Option("--wait", help="Wait until it is done.")]


def promote(
    name: Name,
    *,
    to_end: Annotated[bool, typer.Option("--to-end", help="Past all steps, not only this one.")] = False,
    namespace: Namespace = NAMESPACE,
    reason: Reason = None,
    run: Run = None,
    wait: Wait = False,
    timeout: Timeout = None,
    server: Server = SERVER,
) -> None:
    """Leave this step, or give the approval that it waits for."""
    fields = {"reason": reason, "run": run, "to": "end" if to_end else None}
    _ask("promote", name, namespace, server=server, fields=fields, wait=wait, timeout=timeout)


def undo(
    name: Name,
    *,
    to_run: Annotated[int | None, typer.Option(min=1, help="Release the version of this run again.")] = None,
    namespace: Namespace = NAMESPACE,
    reason: Reason = None,
    run: Run = None,
    wait: Wait = False,
    timeout: Timeout = None,
    server: Server = SERVER,
) -> None:
    """Release the version before the stable one again."""
    fields = {"reason": reason, "run": run, "to": None if to_run is None else str(to_run)}
    _ask("undo", name, namespace, server=server, fields=fields, wait=wait, timeout=timeout)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(promote)
    for verb, about in _ABOUT.items():
        _register(app, verb, about)
    app.command()(undo)


_ABOUT = {
    "abort": "Take the canary back: all traffic to the stable version, at once.",
    "pause": "Stay in this step until resumed; harm still takes the canary back.",
    "resume": "Go on after a pause.",
    "retry": "Release the aborted version once more.",
    "restart": "Give the stable version new pods.",
}


def _register(app: typer.Typer, verb: str, about: str) -> None:
    @app.command(verb, help=about)
    def ask(
        name: Name,
        *,
        namespace: Namespace = NAMESPACE,
        reason: Reason = None,
        run: Run = None,
        wait: Wait = False,
        timeout: Timeout = None,
        server: Server = SERVER,
    ) -> None:
        fields = {"reason": reason, "run": run}
        _ask(verb, name, namespace, server=server, fields=fields, wait=wait, timeout=timeout)


def _ask(
    verb: str, name: str, namespace: str, *, server: str, fields: dict[str, Any], wait: bool, timeout: str | None
) -> None:
    limit, remote = seconds(timeout), Remote(server=server)
    deadline = None if limit is None else remote.clock() + limit
    before = remote.get("namespaces", namespace, "rollouts", name)["run"] if wait else None
    body = {"by": getpass.getuser(), **{field: given for field, given in fields.items() if given is not None}}
    command = remote.post("namespaces", namespace, "rollouts", name, verb, body=body)
    typer.echo(f"Asked for: {verb} {name}." + ("" if wait else f" `rollout watch {name} -n {namespace}` shows it."))
    if wait:
        _wait(remote, command, name, namespace, before=before["number"] if before else 0, deadline=deadline)


def _wait(remote: Remote, command: Any, name: str, namespace: str, *, before: int, deadline: float | None) -> None:
    for view in views(remote, namespace, name, deadline=deadline):
        code = carried_out(view, command, before=before)
        if code is None:
            continue
        if code is Code.OK:
            typer.echo(view["message"])
            return
        complain(view["message"])
        raise typer.Exit(code)
