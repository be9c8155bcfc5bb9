"""`rollout notify`."""

import asyncio
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from rollout.cli.exits import Code
from rollout.cli.remote import Failure


def notify(
    file: Annotated[
        Path, typer.Argument(help="What `rollout controller --notifications` gets.", metavar="FILE", show_default=False)
    ],
    targets: Annotated[
        list[str] | None, typer.Argument(help="Only these targets of it.", metavar="TARGET...", show_default=False)
    ] = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Send nothing: only read the file and its secrets.")] = False,
) -> None:
    """Send a test message to the targets of a notifications file, and say what each of them made of it."""
    configuration = import_module("rollout.notifications.configuration")  # every other command starts without it
    making = import_module("rollout.notifying")
    try:
        read = configuration.load(file)
        making.require(file, read)
    except configuration.NotificationsError as error:
        raise Failure(str(error), Code.REFUSED) from None
    chosen = _chosen(read, targets or [])
    if check:
        typer.echo(f"No problems: {', '.join(target.name for target in chosen)}.")
        return
    senders = [(target.name, making.sender(target, read, _now)) for target in chosen]
    if not all(asyncio.run(_send(senders))):
        raise typer.Exit(Code.REFUSED)


def _chosen(notifications: Any, names: list[str]) -> list[Any]:
    known = {target.name: target for target in notifications.targets}
    missing = next((name for name in names if name not in known), None)
    if missing is not None:
        raise Failure(f"there is no target {missing}: the file has {', '.join(known)}", Code.REFUSED)
    return [known[name] for name in names] or list(known.values())


async def _send(senders: list[tuple[str, Any]]) -> list[bool]:
    return list(await asyncio.gather(*(_tried(name, send) for name, send in senders)))


async def _tried(name: str, send: Any) -> bool:
    sending = import_module("rollout.notifications.sending")
    try:
        await send(_test_notice())
    except sending.NotSent as answer:
        typer.echo(f"{name}: {answer}")
        return False
    typer.echo(f"{name}: ok")
    return True


def _test_notice() -> Any:
    """A notice of a Rollout that is nowhere."""
    notice = import_module("rollout.notifications.notice")
    kinds = import_module("rollout.models.kinds")
    status = import_module("rollout.models.status")
    said = status.RolloutStatus(message="This is a test, sent by `rollout notify`. Nothing happened.")
    return notice.Notice(
        kind=notice.Kind.TEST,
        id="test",
        at=_now(),
        subject=kinds.Key("default", "test"),
        uid=str(uuid4()),
        status=said,
    )


def _now() -> datetime:
    return datetime.now(UTC)
