"""The `rollout` command."""

import sys
from collections.abc import Callable
from importlib import import_module

from rollout.cli.app import app

_ROOTS = {
    "controller": "Run the controller, its API and its health endpoint.",
    "demo": "See a release go well and one go wrong; needs no cluster.",
}


def main() -> None:
    """Run the command line and leave with its exit code.

    What `demo` and `controller` need is loaded for them alone: it is the whole project, and may not be installed.
    """
    given = sys.argv[1:] or ["--help"]
    for name, about in _ROOTS.items():
        app.command(name, help=about)(_command(name) if given[0] == name else lambda: None)
    app(given)


def _command(name: str) -> Callable[..., object]:
    try:
        command: Callable[..., object] = getattr(import_module(f"rollout.cli.{name}"), name)
    except ModuleNotFoundError as error:
        sys.exit(f"rollout: {name} needs the package {error.name}: install this project with its extra `sandbox`")
    return command


if __name__ == "__main__":
    main()
