"""`rollout demo`: a small cluster, a good release and a bad one, told so that a newcomer can follow."""

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer
from rich.console import Console

from rollout.cli.options import console
from rollout.cli.showcase import manifests, stage
from rollout.cli.showcase.api import Person
from rollout.cli.showcase.cast import Cast, Failed, controller, load, sandbox
from rollout.cli.showcase.report import Release, api_report, lines, release_report
from rollout.cli.showcase.screen import Screen, summary
from rollout.models.kinds import ROLLOUT_RUNS, SERVICES
from rollout.models.status import Phase
from sandbox.cluster import beside
from sandbox.gateway import service_url

_PATIENCE = 180.0  # seconds until a phase that does not come counts as a failure
_REST = 8.0  # seconds of standing still in which requests are counted
_RATE = 150.0  # requests per second
_LINGER = 3.0  # seconds until requests in flight at the end of a release have their answer


@dataclass
class Show:
    """One performance: where everything is, and what it has measured so far."""

    cast: Cast
    person: Person
    session: aiohttp.ClientSession
    screen: Screen
    began: float
    releases: list[Release] = field(default_factory=list)
    rest: tuple[float, float] = (0.0, 1.0)


def demo(
    *,
    headless: Annotated[
        bool, typer.Option("--headless", help="Print plain lines; for a terminal that is none.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write what was measured to this JSON file.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, until Ctrl-C.")] = False,
    prometheus: Annotated[bool, typer.Option(help="Use Prometheus when it is on the PATH.")] = True,
) -> None:
    """See a good release promoted and a bad one taken back: real proxy, real traffic, no cluster needed."""
    target = console()
    if report is not None and not report.parent.is_dir():
        typer.echo(f"rollout demo: --report: there is no folder {report.parent}", err=True)
        raise typer.Exit(1)
    try:
        asyncio.run(
            _play(target, live=target.is_terminal and not headless, report=report, keep=keep, prometheus=prometheus)
        )
    except (Failed, RuntimeError, OSError) as error:
        typer.echo(f"rollout demo: {error}", err=True)
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None


async def _play(target: Console, *, live: bool, report: Path | None, keep: bool, prometheus: bool) -> None:
    running = asyncio.current_task()
    assert running is not None, "a coroutine that runs is a task"
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    began = time.time()
    screen = Screen(target, live=live)
    screen.say("Starting a small cluster with a real Envoy, and the controller ...")
    with tempfile.TemporaryDirectory(prefix="rollout-demo-") as name:
        directory = Path(name)
        async with sandbox(directory, prometheus=prometheus) as cluster, aiohttp.ClientSession() as session:
            person = Person(session, cluster["url"])
            await stage.install(person)
            async with controller(directory, cluster) as cast:
                show = Show(cast=cast, person=person, session=session, screen=screen, began=began)
                await _tell(show, report=report, keep=keep)


def _write(result: dict[str, Any], report: Path | None) -> None:
    if report is not None:
        report.write_text(json.dumps(result, indent=2) + "\n")


async def _tell(show: Show, *, report: Path | None, keep: bool) -> None:
    """The story, and what it measured."""
    screen = show.screen
    screen.say(show.cast.source)
    screen.say(f"The dashboard, for as long as this runs: {show.cast.server}/")
    await stage.build(show.person)
    screen.say("shop:v1 is deployed: the first version has nothing to be compared with.")
    await _watched(show, _phase(show, Phase.HEALTHY, number=1))
    async with load(show.cast, await _service_url(show), rate=_RATE) as requests:
        await _watched(show, _act(show))
        result = _measured(show, lines(requests))
        _write(result, report)
        screen.print(summary(result))
        if keep:
            await _stay(show)


async def _act(show: Show) -> None:
    """Rest, a good release and a bad one."""
    say = show.screen.say
    say(f"Customers arrive: {_RATE:.0f} requests a second, from outside and inside the cluster.")
    await _rest(show)
    say("shop:v2 is released. It is fine: it gets 10, 30, 60, then 100 % of the traffic, and is promoted.")
    await _release(show, "v2", before="v1", ends=Phase.HEALTHY)
    say("shop:v3 is released. It fails 5 % of its requests: watch it being taken back.")
    await _release(show, "v3", before="v2", ends=Phase.ABORTED)


async def _watched(show: Show, part: Coroutine[Any, Any, None]) -> None:
    """A part of the story, with the screen following the controller's events beside it."""
    async with beside(_follow(show)):
        with show.screen:
            await part


async def _service_url(show: Show) -> str:
    return service_url(await show.person.get(SERVICES, manifests.NAMESPACE, "shop"), 80)


async def _rest(show: Show) -> None:
    """Stand still for a while: nothing but watches should reach the API server."""
    await asyncio.sleep(2)  # what the first deployment left to be said
    began = time.time()
    await asyncio.sleep(_REST)
    show.rest = (began, time.time())


async def _release(show: Show, version: str, *, before: str, ends: Phase) -> None:
    number = 2 + len(show.releases)
    changed = time.time()
    await stage.release(show.person, version)
    await _phase(show, ends, number=number)
    await asyncio.sleep(_LINGER)
    record = await show.person.get(ROLLOUT_RUNS, manifests.NAMESPACE, f"shop-{number}")
    release = Release(version=version, before=before, changed=changed, ended=time.time(), record=record)
    show.releases.append(release)


async def _phase(show: Show, phase: Phase, *, number: int) -> None:
    """Wait until this run has ended, and fail when it ended another way."""

    def over(view: dict[str, Any]) -> bool:
        run = view.get("run") or {}
        return bool(run.get("number") == number and run.get("outcome") and run.get("stage") == "Done")

    try:
        view = await asyncio.wait_for(show.screen.until(over), _PATIENCE)
    except TimeoutError:
        raise Failed(f"run {number} did not end: {(show.screen.view or {}).get('message')}") from None
    if view.get("phase") != phase:
        raise Failed(f"run {number} ended as {view.get('phase')}, not {phase}: {view.get('message')}")


async def _follow(show: Show) -> None:
    """Show every change that the controller's API tells of; ask again when the connection ends."""
    url = f"{show.cast.server}/api/v1/namespaces/{manifests.NAMESPACE}/rollouts/shop/events"
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            async with show.session.get(url, timeout=aiohttp.ClientTimeout(total=None)) as response:
                async for line in response.content:
                    view = json.loads(line.removeprefix(b"data:")) if line.startswith(b"data:") else {}
                    if "message" in view:
                        show.screen.show(view)
        await asyncio.sleep(0.2)


def _measured(show: Show, requests: list[dict[str, Any]]) -> dict[str, Any]:
    access, audit = lines(show.cast.access), lines(show.cast.audit)
    return {
        "seconds": round(time.time() - show.began, 1),
        "releases": [release_report(release, requests, access) for release in show.releases],
        "api_requests": api_report(audit, show.releases[0].record, show.rest),
    }


async def _stay(show: Show) -> None:
    say = show.screen.say
    say("Everything keeps running until Ctrl-C. Try, in another terminal:")
    say(f"  export KUBECONFIG={show.cast.cluster['kubeconfig']} ROLLOUT_SERVER={show.cast.server}")
    say(f"  kubectl get rollouts,deployments,pods -n {manifests.NAMESPACE}")
    say(f"  {Path(sys.executable).parent / 'rollout'} get shop -n {manifests.NAMESPACE}")
    say(f"  in the browser: {show.cast.server}/ and the shop itself, {show.cast.cluster['gateway_url']}/")
    await asyncio.Event().wait()
