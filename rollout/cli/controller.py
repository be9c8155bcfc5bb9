"""`rollout controller`: puts the controller, the API and the health endpoint together in one process."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import structlog
import typer
import uvloop
from kubernetes.aio.config import ConfigException

from analysis.sources import PrometheusSource, Source, SourceConfiguration, SourcesError, load
from analysis.sources.opening import opened
from api.app import create_app
from api.health import create_health_app
from api.serve import require_loopback, serve
from rollout import controller as loop
from rollout.census import Census
from rollout.cli.logs import log_as
from rollout.core.world import Settings
from rollout.kube.client import Client
from rollout.kube.events import EventRecorder
from rollout.kube.indexes import INDEXES
from rollout.kube.lease import Election
from rollout.kube.queue import Queue
from rollout.kube.reflector import Reflector
from rollout.kube.store import Store
from rollout.live import Live
from rollout.metrics import Metrics
from rollout.models.base import NAME_PATTERN, parse_duration
from rollout.models.kinds import ROLLOUT_RUNS, ROLLOUTS, Key
from rollout.notifications.configuration import Notifications
from rollout.notifications.configuration import load as load_notifications
from rollout.notifying import notifying, require
from rollout.readings import Readings
from rollout.watched import Watched

_VERSION = version("progressive-delivery")
_log = structlog.get_logger()
_FROZEN = 5.0  # seconds without a turn of the loop after which the process is not alive
_STUCK = 300.0  # seconds without a turn of a watch; one that works takes 150 s for silence and 10 s for a call


@dataclass(frozen=True, kw_only=True)
class Options:
    """How one controller process is to run."""

    kubeconfig: Path | None
    context: str | None
    namespace: str | None
    sources: tuple[SourceConfiguration, ...]
    notifications: Notifications | None = None
    settings: Settings
    api: tuple[str, int]
    health: tuple[str, int]
    lease_namespace: str


def controller(  # noqa: PLR0913 (each is an option of the command)
    *,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Which cluster; otherwise $KUBECONFIG, or the pod's own.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Only this namespace.")] = None,
    metric_sources: Annotated[Path | None, typer.Option(help="YAML file with the metric sources.")] = None,
    notifications: Annotated[Path | None, typer.Option(help="YAML file that says whom to notify.")] = None,
    settle: Annotated[str, typer.Option(help="From a route's acceptance to its effect, at most.")] = "15s",
    api_host: Annotated[str, typer.Option(help="Loopback address of the REST API.")] = "127.0.0.1",
    api_port: Annotated[
        int, typer.Option(help="Port of the REST API; 0 lets the kernel choose.", min=0, max=65535)
    ] = 7070,
    health_host: Annotated[str, typer.Option(help="Address of /healthz, /readyz and /metrics.")] = "0.0.0.0",  # noqa: S104 (probes come from outside the pod)
    health_port: Annotated[int, typer.Option(help="Port of /healthz, /readyz and /metrics.", min=0, max=65535)] = 7071,
    annotation_commands: Annotated[
        str, typer.Option(help="Commands that annotations may give: `safe` (abort, pause) or `all`.")
    ] = "safe",
    lease_namespace: Annotated[
        str | None, typer.Option(help="Where the replicas' lease is; otherwise $POD_NAMESPACE, or default.")
    ] = None,
    log_format: Annotated[str, typer.Option(help="`console` or `json`.")] = "json",
) -> None:
    """Run the controller with its REST API."""
    failed = False
    try:
        _require_file("--kubeconfig", kubeconfig)
        options = Options(
            kubeconfig=kubeconfig,
            context=context,
            namespace=namespace,
            sources=load(metric_sources) if metric_sources else (),
            notifications=_notifications(notifications),
            settings=_settings(settle, annotation_commands),
            api=(api_host, api_port),
            health=(health_host, health_port),
            lease_namespace=lease_namespace or os.environ.get("POD_NAMESPACE", "default"),
        )
        require_loopback(api_host)
        _require_namespace(namespace)
        _require_cluster(kubeconfig)
        log_as(log_format)
        _warn_of_files(options.sources)
        uvloop.run(_until_told(options))
    except* (ValueError, SourcesError, ConfigException, OSError) as group:
        for error in _leaves(group):
            said = error.strerror if isinstance(error, OSError) else None
            typer.echo(f"rollout controller: {said or error}", err=True)
        failed = True
    if failed:
        raise typer.Exit(1)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """The exceptions in a group and in the groups within it."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _notifications(path: Path | None) -> Notifications | None:
    if path is None:
        return None
    read = load_notifications(path)
    require(path, read)
    return read


def _require_file(option: str, path: Path | None) -> None:
    if path is not None and not path.is_file():
        raise ValueError(f"{option}: there is no file {path}")


def _require_namespace(name: str | None) -> None:
    if name is not None and not re.fullmatch(NAME_PATTERN, name):
        raise ValueError(f"--namespace: {name!r} cannot be one: lower-case letters, digits and '-' only")


def _warn_of_files(sources: Sequence[SourceConfiguration]) -> None:
    """Say what would be seen with the first release only. No reason not to start: an abort needs no metrics."""
    for source in sources:
        for field, path in source.files.items() if isinstance(source, PrometheusSource) else ():
            if not os.access(path, os.R_OK):
                _log.warning(
                    "a file of a metric source cannot be read", source=source.name, field=field, file=str(path)
                )


def _require_cluster(kubeconfig: Path | None) -> None:
    known = os.environ.get("KUBECONFIG") or os.environ.get("KUBERNETES_SERVICE_HOST")
    if kubeconfig is None and not known and not (Path.home() / ".kube" / "config").is_file():
        raise ValueError("no cluster is known: give --kubeconfig FILE, set KUBECONFIG, or run inside a cluster")


def _settings(settle: str, annotation_commands: str) -> Settings:
    if annotation_commands not in ("safe", "all"):
        raise ValueError(f"--annotation-commands={annotation_commands} is not known: use safe or all")
    try:
        return Settings(settle=parse_duration(settle), annotation_commands=annotation_commands == "all")
    except ValueError as error:
        raise ValueError(f"--settle: {error}") from None


async def _until_told(options: Options) -> None:
    """Run until SIGTERM or SIGINT, or until a part fails."""
    running = asyncio.current_task()
    assert running is not None, "a coroutine that runs is a task"
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await run(options)


async def run(options: Options) -> None:
    """Controller, API and health endpoint, in one task group."""
    client = await Client.connect(options.kubeconfig, options.context)
    async with client, opened(options.sources) as sources:
        election, metrics = _election(client, options), _metrics(options)
        measuring = [Watched(source, metrics.queried) for source in sources]
        parts = _parts(client, measuring, options, election, metrics)
        census = Census(parts.store, now=_now)
        watching = loop.reflectors(client, parts.store, options.namespace)
        heart = Heart(watching)
        health = create_health_app(live=heart.problem, ready=lambda: _unready(watching), metrics=parts.metrics)
        api = create_app(
            store=parts.live,
            client=client,
            clock=parts.now,
            version=_VERSION,
            silent=lambda: election.silent,
            unread=lambda: _unready([each for each in watching if each.resource in (ROLLOUTS, ROLLOUT_RUNS)]),
        )
        streams = api.state.streams
        metrics.read(_readings(parts, watching, election, census, lambda: streams.listeners))
        async with asyncio.TaskGroup() as group:
            group.create_task(heart.run())
            group.create_task(serve(health, host=options.health[0], port=options.health[1], listening=_told("health")))
            group.create_task(serve(api, host=options.api[0], port=options.api[1], listening=_told("api")))
            group.create_task(loop.run(parts, watching, election))


def _told(name: str) -> Callable[[int], None]:
    return lambda port: _log.info("listening", name=name, port=port)


def _parts(
    client: Client, sources: Sequence[Source], options: Options, election: Election, metrics: Metrics
) -> loop.Parts:
    queue: Queue[Key] = Queue()
    store = Store(INDEXES)
    recorder = EventRecorder(client, now=_now, instance=_instance())
    return loop.Parts(
        client=client,
        store=store,
        live=Live(store),
        queue=queue,
        collector=loop.collecting(sources, queue, metrics, _now),
        recorder=recorder,
        metrics=metrics,
        settings=replace(options.settings, leader=election.identity),
        leads=lambda: election.leads,
        now=_now,
        notifier=notifying(options.notifications, queue=queue, recorder=recorder, metrics=metrics, now=_now),
    )


def _metrics(options: Options) -> Metrics:
    targets = options.notifications.targets if options.notifications is not None else ()
    return Metrics(sources=[each.name for each in options.sources], targets=[each.name for each in targets])


def _election(client: Client, options: Options) -> Election:
    """The lease by which the replicas agree on who acts; a name that no other process has, not even a restarted one."""
    identity = f"{_instance()}-{uuid4().hex[:8]}"
    name = f"progressive-delivery-{options.namespace}" if options.namespace else "progressive-delivery"
    return Election(client, namespace=options.lease_namespace, name=name, identity=identity, now=_now)


def _instance() -> str:
    return os.environ.get("HOSTNAME", "rollout-controller")[:100]


def _now() -> datetime:
    return datetime.now(UTC)


def _readings(
    parts: loop.Parts, watching: tuple[Reflector, ...], election: Election, census: Census, streams: Callable[[], int]
) -> Readings:
    return Readings(
        version=_VERSION,
        leads=lambda: election.leads,
        queue_depth=lambda: parts.queue.depths,
        queue_age=lambda: parts.queue.oldest,
        watch_ages=lambda: {reflector.resource.plural: reflector.age for reflector in watching},
        phases=census.phases,
        reasons=census.reasons,
        phase_ages=census.oldest,
        step_age=census.oldest_step,
        event_streams=streams,
        notifications=lambda: {
            outbox.name: (outbox.waiting, outbox.age) for outbox in (parts.notifier.outboxes if parts.notifier else ())
        },
    )


def _unready(watching: Sequence[Reflector]) -> str | None:
    missing = [reflector.resource.plural for reflector in watching if not reflector.synced.is_set()]
    return f"not listed yet: {', '.join(missing)}" if missing else None


class Heart:
    """Beats once a second: how long ago tells whether the loop still turns, and with it each watch."""

    def __init__(self, watching: Sequence[Reflector]) -> None:
        self._watching = watching
        self._beat = 0.0

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self._beat = asyncio.get_running_loop().time()
            await asyncio.sleep(1)

    def problem(self) -> str | None:
        """Why the process is not alive, if it is not."""
        silent = asyncio.get_running_loop().time() - self._beat
        if silent > _FROZEN:
            return f"the loop has not turned for {silent:.0f} s"
        stuck = [reflector.resource.plural for reflector in self._watching if reflector.stuck > _STUCK]
        return f"watches that stopped more than {_STUCK:.0f} s ago: {', '.join(stuck)}" if stuck else None
