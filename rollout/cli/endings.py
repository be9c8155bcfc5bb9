"""When waiting for a Rollout is over, and with which exit code."""

from collections.abc import Mapping
from typing import Any

from rollout.cli.exits import Code

_AT_ONCE = {"pause", "resume"}
_NEW_RUN = {"retry", "undo"}


def settled(view: Mapping[str, Any]) -> Code | None:
    """How the Rollout ended up, once the controller has seen its present declaration; None while it moves."""
    if any(condition["observedGeneration"] < view["generation"] for condition in view["conditions"]):
        return None
    return {"Healthy": Code.OK, "Aborted": Code.ABORTED, "Stalled": Code.ABORTED}.get(view["phase"])


def carried_out(view: Mapping[str, Any], command: Mapping[str, Any], *, before: int) -> Code | None:
    """How what `command` asked for ended, None while it goes on; `before` is the number of the run it was asked in.

    A pause, a resume and the promotion of one step are over once the controller took them, an abort with its run,
    everything else when the Rollout rests again.
    """
    if command["id"] not in view["handled"]:
        return None
    verb, run = command["verb"], view["run"]
    if verb in _AT_ONCE or (verb == "promote" and command.get("to") != "end"):
        return Code.OK
    if verb == "abort":
        return _aborted(run, before)
    if verb in _NEW_RUN and (run is None or run["number"] <= before):
        return None
    return settled(view)


def _aborted(run: Mapping[str, Any] | None, before: int) -> Code | None:
    if run is None or run["number"] > before:
        return Code.OK
    return {"aborted": Code.OK, "superseded": Code.OK, "promoted": Code.ABORTED}.get(run["outcome"])
