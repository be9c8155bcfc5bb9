"""Makes the cluster what the Rollouts say: `reconcile(key)`, and the loop around it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

import structlog

from analysis.assess import State
from analysis.collector import Collector
from analysis.sources import Source
from rollout.core.decide import decide
from rollout.core.plan import plan
from rollout.core.report import refused
from rollout.core.subjects import subscription
from rollout.core.target import Decision
from rollout.core.world import Settings, World
from rollout.core.write import Write
from rollout.kube.apply import Refused, apply
from rollout.kube.client import Client
from rollout.kube.errors import ApiError, Conflict, Invalid, Unavailable
from rollout.kube.events import EventRecorder
from rollout.kube.indexes import INDEXES, concerned
from rollout.kube.lease import Election
from rollout.kube.observe import observe
from rollout.kube.queue import Queue
from rollout.kube.reflector import Pace, Reflector
from rollout.kube.store import Store
from rollout.live import Live
from rollout.metrics import Metrics, ReconcileOutcome, RequestOutcome, RequestVerb
from rollout.models.kinds import PODS, ROLLOUTS, Key, Manifest, Resource
from rollout.models.rollout import COMMAND, GROUP, ROLLOUT_LABEL
from rollout.models.status import Phase

_WORKERS = 8
_URGENT_WORKERS = 2  # take only urgent keys, so that an abort never waits behind releases
_OWN_ABSENT = 5.0  # seconds between two looks for our own kinds, which are going to be installed
_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a reconcile works with."""

    client: Client
    store: Store
    live: Live
    queue: Queue[Key]
    collector: Collector[Key]
    recorder: EventRecorder
    metrics: Metrics
    settings: Settings
    now: Callable[[], datetime]


async def reconcile(key: Key, parts: Parts) -> ReconcileOutcome:
    """Bring one Rollout one step nearer to what it should be: observe, judge, decide, plan, apply.

    Never waits for a metric query; raises the ApiError of a write that failed.
    """
    world = observe(parts.store, key, parts.now(), settings=parts.settings, refusal=parts.collector.refusal)
    if world is None:
        parts.collector.unsubscribe(key)
        parts.live.forget(key)
        return ReconcileOutcome.QUIET
    decision = decide(world, parts.collector.assessment(key, world.now))
    try:
        wrote = await _carry_out(world, decision, parts)
    except Refused as refusal:
        decision = refused(world, str(refusal))
        wrote = await _carry_out(world, decision, parts)
    _measure(world, decision, parts)
    _tell(world, decision, parts)
    parts.live.tell(key, decision.live)
    if decision.after is not None:
        parts.queue.add(key, delay=max(decision.after.total_seconds(), 0.01))
    if decision.status.phase is Phase.STALLED:
        return ReconcileOutcome.STALLED
    return ReconcileOutcome.WROTE if wrote else ReconcileOutcome.QUIET


async def _carry_out(world: World, decision: Decision, parts: Parts) -> bool:
    writes = plan(world, decision)
    await apply(
        writes, client=parts.client, store=parts.store, urgent=decision.urgent, observer=_counted(parts.metrics)
    )
    return bool(writes)


def _counted(metrics: Metrics) -> Callable[[Write, str], None]:
    verbs = {"create": RequestVerb.CREATE, "try": RequestVerb.CREATE, "delete": RequestVerb.DELETE}
    outcomes = {
        "ok": RequestOutcome.OK,
        "Conflict": RequestOutcome.CONFLICT,
        "AlreadyExists": RequestOutcome.CONFLICT,
        "NotFound": RequestOutcome.NOT_FOUND,
        "Forbidden": RequestOutcome.FORBIDDEN,
        "Invalid": RequestOutcome.INVALID,
    }

    def count(write: Write, outcome: str) -> None:
        verb = verbs.get(write.verb, RequestVerb.PATCH)
        metrics.wrote(verb, resource=write.resource.plural, outcome=outcomes.get(outcome, RequestOutcome.UNAVAILABLE))

    return count


def _measure(world: World, decision: Decision, parts: Parts) -> None:
    wanted = subscription(world, decision.status)
    if wanted is None:
        parts.collector.unsubscribe(world.key)
    else:
        parts.collector.subscribe(world.key, wanted)


def _tell(world: World, decision: Decision, parts: Parts) -> None:
    for event in decision.events:
        parts.recorder.record(
            world.manifest,
            "Warning" if event.warning else "Normal",
            reason=event.reason,
            action="Reconcile",
            note=event.note,
        )
        _log.info("event", rollout=f"{world.key.namespace}/{world.key.name}", reason=event.reason, note=event.note)


async def work(parts: Parts, *, only_urgent: bool = False) -> NoReturn:
    """Reconcile whatever key is due, one after another, until cancelled.

    A reconcile that fails costs nothing but time: it is tried again, from what is then observed.
    """
    loop = asyncio.get_running_loop()
    while True:
        key = await parts.queue.get(only_urgent=only_urgent)
        began = loop.time()
        outcome = await _attempt(key, parts)
        parts.metrics.reconciled(outcome, loop.time() - began)
        parts.queue.done(key)


async def _attempt(key: Key, parts: Parts) -> ReconcileOutcome:
    name = f"{key.namespace}/{key.name}"
    try:
        outcome = await reconcile(key, parts)
    except (Conflict, Invalid) as error:  # somebody else was faster: look again
        _log.info("overtaken", rollout=name, reason=error.reason, message=error.message)
        parts.queue.retry(key)
        return ReconcileOutcome.CONFLICT
    except ApiError as error:
        wait = error.retry_after if isinstance(error, Unavailable) else None
        delay = parts.queue.retry(key, at_least=wait or 0.0)
        _log.warning("write failed", rollout=name, reason=error.reason, message=error.message, again_in=round(delay, 2))
        return ReconcileOutcome.UNAVAILABLE
    except Exception:  # noqa: BLE001 (the one boundary: a fault in one Rollout must not stop the others)
        delay = parts.queue.retry(key)
        _log.exception("reconcile failed", rollout=name, again_in=round(delay, 2))
        return ReconcileOutcome.FAILED
    parts.queue.forget(key)
    return outcome


def wake(parts: Parts) -> Callable[[Resource, Key, Manifest | None, Manifest | None], None]:
    """The one thing a change of the cache does: it enqueues the Rollouts it concerns."""

    def changed(resource: Resource, _key: Key, new: Manifest | None, old: Manifest | None) -> None:
        manifest = new or old
        if manifest is None:
            return
        urgent = resource == ROLLOUTS and new is not None and _asks_abort(new)
        for key in concerned(parts.store, resource, manifest):
            parts.queue.add(key, urgent=urgent)

    return changed


def _asks_abort(rollout: Manifest) -> bool:
    asked = [each.get("verb", "") for each in (rollout.get("status") or {}).get("commands") or ()]
    annotation = (rollout["metadata"].get("annotations") or {}).get(COMMAND, "")
    return "abort" in asked or "abort" in annotation


def collecting(
    sources: Sequence[Source], queue: Queue[Key], metrics: Metrics, now: Callable[[], datetime]
) -> Collector[Key]:
    """The collector of these sources: new samples enqueue the Rollout, in the lane of aborts where they are bad."""

    def arrived(key: Key) -> None:
        results = collector.assessment(key, now())
        for result in results:
            metrics.judged(result.state)
        bad = any(result.state is State.REGRESS or result.silent for result in results)
        queue.add(key, urgent=bad)

    collector: Collector[Key] = Collector(sources, on_samples=arrived, clock=now)
    return collector


def reflectors(client: Client, store: Store, namespace: str | None) -> tuple[Reflector, ...]:
    """One list and watch for each kind; of pods only those of revisions."""
    return tuple(
        Reflector(
            client,
            resource,
            store,
            namespace=namespace if resource.namespaced else None,
            label_selector=ROLLOUT_LABEL if resource == PODS else None,
            pace=Pace(absent=_OWN_ABSENT) if resource.group == GROUP else None,
        )
        for resource in INDEXES
    )


async def watch(parts: Parts, watching: tuple[Reflector, ...]) -> NoReturn:
    """Keep the caches of this replica warm, and collect and tell what it was asked to; until cancelled."""
    async with asyncio.TaskGroup() as group:
        for reflector in watching:
            group.create_task(reflector.run())
        group.create_task(parts.recorder.run())
        group.create_task(parts.collector.run())
    raise AssertionError("the tasks of a replica never end by themselves")


async def act(parts: Parts, watching: tuple[Reflector, ...]) -> NoReturn:
    """Once every kind is known, reconcile every Rollout now and after each change; until cancelled.

    Only one replica may do so at a time.
    """
    for reflector in watching:
        await reflector.synced.wait()
    unsubscribe = parts.store.subscribe(wake(parts))
    try:
        for key in parts.store.keys(ROLLOUTS):
            parts.queue.add(key)
        _log.info("acting", rollouts=parts.store.size(ROLLOUTS))
        async with asyncio.TaskGroup() as group:
            for number in range(_WORKERS + _URGENT_WORKERS):
                group.create_task(work(parts, only_urgent=number < _URGENT_WORKERS))
    finally:
        unsubscribe()
    raise AssertionError("a worker never ends by itself")


async def run(parts: Parts, watching: tuple[Reflector, ...], elected: Election) -> NoReturn:
    """Watch, and act while this replica holds the lease; until cancelled, or until a part fails."""
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(parts, watching))
        group.create_task(elected.run(lambda: act(parts, watching)))
    raise AssertionError("the tasks of a controller never end by themselves")
