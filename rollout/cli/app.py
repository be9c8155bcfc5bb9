"""The commands put together; all that goes wrong is one line on standard error and a documented exit code."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from rollout.cli import commanding
from rollout.cli.backtesting import backtest
from rollout.cli.exits import EPILOG, Code, complain
from rollout.cli.linting import lint
from rollout.cli.notify import notify
from rollout.cli.reading import get_rollout, list_rollouts
from rollout.cli.remote import Failure
from rollout.cli.watching import watch


class OneLine(TyperGroup):
    """The framework's own place for another way to report errors; it would draw a box and leave with 2."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command and leave with its exit code."""
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except Failure as failure:
            complain(failure.sentence)
            code = failure.code
        except typer.Abort:
            code = 130
        except typer.TyperException as error:
            complain(f"{error.format_message().rstrip('.')}. See {_path(error)} --help.")
            code = Code.REFUSED
        sys.exit(code if isinstance(code, int) else Code.OK)


def _path(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context is not None else "rollout"


app = typer.Typer(
    name="rollout",
    cls=OneLine,
    help="Progressive delivery: ship a new version step by step, and take it back when it does harm.",
    epilog=EPILOG,
    pretty_exceptions_enable=False,
)
app.command("list")(list_rollouts)
app.command("get")(get_rollout)
app.command()(watch)
commanding.register(app)
app.command()(lint)
app.command()(backtest)
app.command()(notify)
