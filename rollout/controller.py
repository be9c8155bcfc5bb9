"""Makes the cluster what the Rollouts say: `reconcile(key)`, and the loop around it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from time import monotonic
from typing import NoReturn

import structlog

from analysis.collector import Collector
from analysis.results import CheckResult, State
from analysis.sources import Source
from rollout.core.decide import decide
from rollout.core.plan import plan
from rollout.core.report import refused
from rollout.core.subjects import subscription
from rollout.core.target import Decision
from rollout.core.world import Settings, World
from rollout.core.write import Write
from rollout.kube.apply import Done, Refused, apply
from rollout.kube.client import Client
from rollout.kube.errors import ApiError, Conflict, Forbidden, Invalid, Unavailable
from rollout.kube.events import EventRecorder
from rollout.kube.indexes import INDEXES, claimed, concerned
from rollout.kube.lease import Election
from rollout.kube.observe import is_ready, observe
from rollout.kube.queue import Queue
from rollout.kube.reflector import Pace, Reflector
from rollout.kube.store import Store
from rollout.live import Live
from rollout.metrics import Metrics, ReconcileOutcome, RequestOutcome, RequestVerb
from rollout.models.kinds import GRPC_ROUTES, HTTP_ROUTES, INGRESSES, PODS, ROLLOUTS, Key, Manifest, Resource
from rollout.models.rollout import COMMAND, GROUP, ROLLOUT_LABEL
from rollout.models.status import Phase
from rollout.notifications.notifier import Notifier
from rollout.passages import passages

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
    leads: Callable[[], bool] = lambda: True  # asked before each write
    notifier: Notifier | None = None  # None: nobody is notified
    refusals: dict[Key, set[str]] = field(default_factory=dict)  # what the API server forbids, as far as it was told


async def reconcile(key: Key, parts: Parts) -> ReconcileOutcome:
    """Bring one Rollout one step nearer to what it should be: observe, judge, decide, plan, apply.

    Never waits for a metric query; raises the ApiError of a write that failed.
    """
    world = observe(parts.store, key, parts.now(), settings=parts.settings, refusal=parts.collector.refusal)
    if world is None:
        _forget(key, parts)
        parts.refusals.pop(key, None)
        if parts.notifier is not None:
            parts.notifier.forget(key)
        return ReconcileOutcome.QUIET
    decision = _remembering(world, decide(world, parts.collector.assessment(key, world.now)), parts)
    if decision.urgent:
        parts.queue.urge(key)
    try:
        wrote = await _carry_out(world, decision, parts)
    except Refused as refusal:
        decision = _remembering(world, refused(world, str(refusal)), parts)
        wrote = await _carry_out(world, decision, parts)
    _measure(world, decision, parts)
    parts.live.tell(key, decision.live)
    if parts.notifier is not None:
        parts.notifier.offer(key, world.uid, decision.status)
    if decision.after is not None:
        parts.queue.add(key, delay=max(decision.after.total_seconds(), 0.01))
    if decision.status.phase is Phase.STALLED:
        return ReconcileOutcome.STALLED
    return ReconcileOutcome.WROTE if wrote else ReconcileOutcome.QUIET


def _remembering(world: World, decision: Decision, parts: Parts) -> Decision:
    """The decision whose status also says who was notified: in the write that comes anyway, else in one of its own."""
    if parts.notifier is None:
        return decision
    status = parts.notifier.remembering(world.key, world.uid, decision.status)
    return replace(decision, status=status, live=decision.live.model_copy(update={"notified": status.notified}))


def _forget(key: Key, parts: Parts) -> None:
    parts.collector.unsubscribe(key)
    parts.live.forget(key)


async def _carry_out(world: World, decision: Decision, parts: Parts) -> bool:
    """Write what the decision asks for, and count what came of it."""
    writes = plan(world, decision)
    emptied: list[datetime] = []

    def done(write: Done) -> None:
        _count(write, parts.metrics)
        if write.outcome != "ok":
            return
        if write.write.urgent:
            emptied.append(parts.now())
        if _is_status(write.write):  # told now: a later write may fail, and the next reconcile sees no change
            _pass(world, decision, emptied, parts.metrics)
            _record(world, decision, parts)

    await apply(
        writes,
        client=parts.client,
        store=parts.store,
        urgent=decision.urgent,
        observer=done,
        leads=parts.leads,
    )
    if not any(_is_status(each) for each in writes):
        _record(world, decision, parts)
    return bool(writes)


def _is_status(write: Write) -> bool:
    return write.resource == ROLLOUTS and write.subresource == "status"


def _pass(world: World, decision: Decision, emptied: Sequence[datetime], metrics: Metrics) -> None:
    """Count what the Rollout went through, and how long after the proof of a breach its canary was off the traffic."""
    passed = passages(world.status, decision.status, world.now)
    metrics.passed(passed)
    if passed.proved_at is not None and emptied:
        metrics.reacted(emptied[-1] - passed.proved_at)


_VERBS = {"create": RequestVerb.CREATE, "try": RequestVerb.CREATE, "delete": RequestVerb.DELETE}
_OUTCOMES = {
    "ok": RequestOutcome.OK,
    "Conflict": RequestOutcome.CONFLICT,
    "AlreadyExists": RequestOutcome.CONFLICT,
    "NotFound": RequestOutcome.NOT_FOUND,
    "Forbidden": RequestOutcome.FORBIDDEN,
    "Invalid": RequestOutcome.INVALID,
}


def _count(done: Done, metrics: Metrics) -> None:
    metrics.wrote(
        _VERBS.get(done.write.verb, RequestVerb.PATCH),
        resource=done.write.resource.plural,
        outcome=_OUTCOMES.get(done.outcome, RequestOutcome.UNAVAILABLE),
        lane=done.lane,
        seconds=done.seconds,
    )


def _measure(world: World, decision: Decision, parts: Parts) -> None:
    wanted = subscription(world, decision.status)
    if wanted is None:
        parts.collector.unsubscribe(world.key)
    else:
        parts.collector.subscribe(world.key, wanted)


def _record(world: World, decision: Decision, parts: Parts) -> None:
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
        try:
            outcome = await _attempt(key, parts)
            parts.metrics.reconciled(outcome, loop.time() - began)
        finally:  # cancelled with the lease as well: the key must be there when it is won again
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
        if isinstance(error, Forbidden):
            _tell_refusal(key, error.message, parts)
        wait = error.retry_after if isinstance(error, Unavailable) else None
        delay = parts.queue.retry(key, at_least=wait or 0.0)
        _log.warning("write failed", rollout=name, reason=error.reason, message=error.message, again_in=round(delay, 2))
        return ReconcileOutcome.UNAVAILABLE
    except Exception:  # noqa: BLE001 (the one boundary: a fault in one Rollout must not stop the others)
        delay = parts.queue.retry(key)
        _log.exception("reconcile failed", rollout=name, again_in=round(delay, 2))
        return ReconcileOutcome.FAILED
    parts.queue.forget(key)
    if outcome is ReconcileOutcome.WROTE:
        parts.refusals.pop(key, None)
    return outcome


def _tell_refusal(key: Key, message: str, parts: Parts) -> None:
    """Say once to whoever looks at the Rollout what only an operator can change; each try is in the log."""
    told = parts.refusals.setdefault(key, set())
    rollout = parts.store.get(ROLLOUTS, key)
    if rollout is None or message in told:
        return
    told.add(message)
    note = f"The API server refuses a write, which is tried again: {message}"
    parts.recorder.record(rollout, "Warning", reason="WriteRefused", action="Reconcile", note=note)


def wake(parts: Parts) -> Callable[[Resource, Key, Manifest | None, Manifest | None], None]:
    """The one thing a change of the cache does: it enqueues the Rollouts it concerns."""

    def changed(resource: Resource, _key: Key, new: Manifest | None, old: Manifest | None) -> None:
        manifest = new or old
        if manifest is None:
            return
        urgent = _is_pressing(resource, new, old)
        near = claimed(parts.store, resource, manifest) if urgent and resource == INGRESSES else None
        for key in concerned(parts.store, resource, manifest):
            parts.queue.add(key, urgent=urgent and (near is None or key in near))

    return changed


def _is_pressing(resource: Resource, new: Manifest | None, old: Manifest | None) -> bool:
    """Whether a change may mean that traffic has to be taken from a revision now.

    So does a pod that stopped being ready, unless it was asked to go: every release scales down.
    """
    if resource in (HTTP_ROUTES, GRPC_ROUTES, INGRESSES):
        return new is None
    if new is None:
        return False
    if resource == PODS:
        leaving = "deletionTimestamp" in new["metadata"]
        return old is not None and is_ready(old) and not is_ready(new) and not leaving
    return resource == ROLLOUTS and _asks_abort(new)


def _asks_abort(rollout: Manifest) -> bool:
    asked = [each.get("verb", "") for each in (rollout.get("status") or {}).get("commands") or ()]
    annotation = (rollout["metadata"].get("annotations") or {}).get(COMMAND, "")
    return "abort" in asked or "abort" in annotation


def collecting(
    sources: Sequence[Source],
    queue: Queue[Key],
    metrics: Metrics,
    now: Callable[[], datetime],
    *,
    random: Random | None = None,
) -> Collector[Key]:
    """The collector of these sources: new samples enqueue the Rollout, in the lane of aborts where they are bad.

    `random` spreads its questions.
    """

    def arrived(key: Key) -> None:
        results = collector.assessment(key, now()).results
        for result in results:
            metrics.judged(result.state)
        queue.add(key, urgent=any(map(_is_bad, results)))

    collector: Collector[Key] = Collector(sources, on_samples=arrived, clock=now, random=random)
    return collector


def _is_bad(result: CheckResult) -> bool:
    """Whether it may end a release; silence does so whatever the check is for."""
    return result.silent or (result.state is State.REGRESS and not result.warn_only and not result.holds_only)


def reflectors(
    client: Client, store: Store, namespace: str | None, *, clock: Callable[[], float] = monotonic
) -> tuple[Reflector, ...]:
    """One list and watch for each kind; of pods only those of revisions."""
    return tuple(
        Reflector(
            client,
            resource,
            store,
            namespace=namespace if resource.namespaced else None,
            label_selector=ROLLOUT_LABEL if resource == PODS else None,
            clock=clock,
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

    Only one replica may do so at a time; what it measured for its decisions ends with it.
    """
    parts.metrics.elected()
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
            if parts.notifier is not None:
                group.create_task(parts.notifier.run())
    finally:
        unsubscribe()
        for key in parts.live.told():  # everything that is measured was told
            _forget(key, parts)
    raise AssertionError("a worker never ends by itself")


async def run(parts: Parts, watching: tuple[Reflector, ...], elected: Election) -> NoReturn:
    """Watch, and act while this replica holds the lease; until cancelled, or until a part fails."""
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(parts, watching))
        group.create_task(elected.run(lambda: act(parts, watching)))
    raise AssertionError("the tasks of a controller never end by themselves")
