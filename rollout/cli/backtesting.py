"""`rollout backtest`: a Rollout's checks over the past."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from rollout.cli.exits import fail
from rollout.cli.options import prometheus_at, seconds

_MINUTE = timedelta(minutes=1)
_LOOKS = 20_000  # three and a half days at a scrape every 15 s; nobody waits for more


class Form(StrEnum):
    """How to write it."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True)
class Side:
    """What the options say of one version."""

    pods: str
    service: str
    revision: str


def backtest(  # noqa: PLR0913, PLR0917 (the options of a command are its arguments)
    file: Annotated[str, typer.Argument(help="YAML file with the Rollout.", metavar="FILE", show_default=False)],
    prometheus: Annotated[str, typer.Option(help="Address of the Prometheus that remembers it.", metavar="URL")],
    start: Annotated[
        str, typer.Option("--from", help="When the release began, such as 2026-11-27T14:00:00Z.", metavar="TIME")
    ],
    end: Annotated[str, typer.Option("--to", help="When to stop looking.", metavar="TIME")],
    canary: Annotated[
        str, typer.Option(help="Regular expression of the new version's pods, as in the label `pod`.", metavar="PODS")
    ],
    stable: Annotated[str, typer.Option(help="The same of the old version's pods.", metavar="PODS")],
    canary_service: Annotated[str, typer.Option(help="What {{service}} stands for on the new version's side.")] = "",
    stable_service: Annotated[str, typer.Option(help="The same on the old version's side.")] = "",
    canary_revision: Annotated[str, typer.Option(help="What {{revision}} stands for on the new version's side.")] = "",
    stable_revision: Annotated[str, typer.Option(help="The same on the old version's side.")] = "",
    every: Annotated[str, typer.Option(help="The time between two scrapes there.")] = "15s",
    rollout: Annotated[str, typer.Option(help="Name of the Rollout, where the file has several.")] = "",
    output: Annotated[Form, typer.Option("--output", "-o", help="`text` for people, `json` for programs.")] = Form.TEXT,
) -> None:
    """Judge a past release as the controller would have: when it would have been taken back or let on, and why.

    Any two sets of pods will do. The checks are asked as of every scrape; nothing is written anywhere.
    """
    asking = import_module("rollout.backtest")  # every other command starts without it
    sides = (Side(canary, canary_service, canary_revision), Side(stable, stable_service, stable_revision))
    start_at, end_at = _time(start, "--from"), _time(end, "--to")
    if end_at <= start_at:
        raise typer.BadParameter("it has to be after --from", param_hint="--to")
    step = timedelta(seconds=seconds(every, "--every") or 0.0)
    if end_at - start_at > _LOOKS * step:
        remedy = f"with at most {_LOOKS:,} of them between --from and --to"
        raise typer.BadParameter(f"it has to be the time between two scrapes, {remedy}", param_hint="--every")
    new, old = (asking.Side(pods=each.pods, service=each.service or None, revision=each.revision) for each in sides)
    asked = asking.Past(
        rollout=_declared(file, rollout),
        canary=new,
        stable=old,
        start=start_at,
        end=end_at,
        every=step,
    )
    try:
        moments = asyncio.run(_all(asking, asked, prometheus))
    except asking.NothingThere as problem:
        fail(str(problem))
    typer.echo(_json(moments) if output is Form.JSON else "\n".join(_text(moments)))


async def _all(asking: Any, asked: Any, address: str) -> list[Any]:
    source = prometheus_at(address, interval=asked.every.total_seconds())
    return [moment async for moment in asking.past(asked, source)]


def _declared(file: str, name: str) -> Any:
    reading = import_module("rollout.declared")
    try:
        found = reading.declared(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}")
    except ValueError as error:  # also text that is not UTF-8
        fail(f"{file}: {error}")
    chosen = [each for each in found if not name or each.name == name]
    if len(chosen) != 1:
        names = ", ".join(each.name for each in found) or "none"
        fail(f"{file}: one Rollout is needed, and there are: {names}; choose one with --rollout")
    return chosen[0]


def _time(text: str, option: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a time: write it like 2026-11-27T14:00:00Z", param_hint=option
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _text(moments: Sequence[Any]) -> Iterator[str]:
    """A line for every change of a check's state, one a minute besides, and how it ends."""
    shown: dict[str, tuple[str, datetime]] = {}
    for moment in moments:
        for result in moment.results:
            state, at = shown.get(result.name, ("", moment.at))
            if state != result.state or moment.at - at >= _MINUTE:
                shown[result.name] = (result.state, moment.at)
                yield f"{moment.at:%H:%M:%S}  {result.state:13}  {result.sentence}"
    yield ""
    yield _verdict(moments)


def _verdict(moments: Sequence[Any]) -> str:
    if not moments:
        return "Nothing was looked at: the time is shorter than --every."
    last, proved = moments[-1], next((each for each in moments if each.proven), None)
    let_on = f"Let on at {proved.at:%H:%M:%S} UTC" if proved else "Never let on"
    if last.harm is None:
        return f"Not taken back. {let_on}."
    return f"Taken back at {last.at:%H:%M:%S} UTC: {last.harm.sentence}. {let_on} before."


def _json(moments: Sequence[Any]) -> str:
    harm = moments[-1].harm if moments else None
    proved = next((each.at for each in moments if each.proven), None)
    return json.dumps(
        {
            "takenBack": _stamp(moments[-1].at) if harm else None,
            "because": harm.sentence if harm else None,
            "letOn": _stamp(proved) if proved else None,
            "moments": [
                {"at": _stamp(moment.at), "checks": [_check(result) for result in moment.results]} for moment in moments
            ],
        },
        indent=2,
    )


def _check(result: Any) -> dict[str, Any]:
    return {
        "name": result.name,
        "state": result.state,
        "requests": result.requests,
        "bad": result.bad,
        "stableRequests": result.stable_requests,
        "stableBad": result.stable_bad,
        "ratio": result.ratio,
        "ratioLow": result.ratio_low,
        "ratioHigh": result.ratio_high,
        "evidence": result.evidence,
        "proven": result.proven,
        "sentence": result.sentence,
    }


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
