"""`rollout list` and `rollout get`."""

import json
from typing import Annotated, Any

import typer
from rich.text import Text

from rollout.cli.options import NAMESPACE, SERVER, Form, Name, Namespace, Output, Server, console, local_now
from rollout.cli.remote import Remote
from rollout.cli.render import render_list, render_rollout


def list_rollouts(
    *,
    namespace: Namespace = NAMESPACE,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="In every namespace.")] = False,
    output: Output = Form.TEXT,
    server: Server = SERVER,
) -> None:
    """Show the Rollouts: what needs you first, then what moves, then what is quiet."""
    views: list[Any] = Remote(server=server).get("rollouts", namespace=None if all_namespaces else namespace)
    if output is Form.JSON:
        typer.echo(json.dumps(views, indent=2, ensure_ascii=False))
    elif views:
        console().print(render_list(views, local_now(), wide=output is Form.WIDE))
    else:
        where = "in any namespace" if all_namespaces else f"in namespace {namespace}; -A looks in all of them"
        console().print(Text(f"No Rollouts {where}."))


def get_rollout(
    name: Name, *, namespace: Namespace = NAMESPACE, output: Output = Form.TEXT, server: Server = SERVER
) -> None:
    """Show one Rollout: where it is, why, and what comes next."""
    view = Remote(server=server).get("namespaces", namespace, "rollouts", name)
    if output is Form.JSON:
        typer.echo(json.dumps(view, indent=2, ensure_ascii=False))
    else:
        console().print(render_rollout(view, local_now()))
