"""The kubelet: runs the first container of every pod as a child process, and reports what becomes of it."""

import asyncio
from asyncio.subprocess import Process
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import structlog

from sandbox import virtual_pods
from sandbox.addresses import Addresses
from sandbox.images import environment, program
from sandbox.pod_process import ask_to_end, running
from sandbox.pod_status import IMAGE_PULL, Observed, ended, is_kept_unready, started, status, waiting
from sandbox.probes import probe_of, readiness
from sandbox.reading import ObjectKey, follow, is_terminating, key_of
from sandbox.scheduling import bind
from sandbox.settings import Settings
from sandbox.storage import Object, Storage

# Short enough to watch: Kubernetes has 10 s to 5 min, and forgets after 10 min.
BACK_OFF_SECONDS = (0.5, 8.0)
FORGET_SECONDS = 10.0
# What is left for SIGTERM when the preStop pause took the whole grace period, as in Kubernetes.
LAST_GRACE_SECONDS = 2.0

logger = structlog.get_logger()


async def run(storage: Storage, settings: Settings) -> None:
    """Run every pod, until cancelled; no process of a pod is left then."""
    if settings.processes:
        await Kubelet(storage, settings).run()
    else:
        await virtual_pods.run(storage, settings)


class Kubelet:
    """Keeps one task for every pod that exists."""

    def __init__(self, storage: Storage, settings: Settings) -> None:
        self._storage = storage
        self._settings = settings
        self._logs = settings.directory / "pods"
        self._chance = Random(f"{settings.seed}/kubelet")  # noqa: S311 - delays, not secrets
        self._lives: dict[str, tuple[Life, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Follow the pods, until cancelled."""
        self._logs.mkdir(parents=True, exist_ok=True)
        with closing(Addresses(exclusive=True)) as addresses:
            async with asyncio.TaskGroup() as group:
                with ExitStack() as stack:
                    stack.callback(follow(self._storage, "pods", lambda pod, _: self._see(pod, group, addresses)))
                    await asyncio.get_running_loop().create_future()

    def _see(self, pod: Object, group: asyncio.TaskGroup, addresses: Addresses) -> None:
        uid = pod["metadata"]["uid"]
        if self._storage.record("pods", *key_of(pod)) is None:
            if uid in self._lives:
                self._lives.pop(uid)[1].cancel()
            return
        if uid not in self._lives:
            life = Life(storage=self._storage, pod=pod, log=self._log(pod), chance=self._chance)
            delay = self._chance.uniform(*self._settings.start_delay)
            self._lives[uid] = life, group.create_task(life.run(addresses, delay=delay), name=pod["metadata"]["name"])
        self._lives[uid][0].see(pod)

    def _log(self, pod: Object) -> Path:
        return self._logs / "{}_{}.log".format(*key_of(pod))


@dataclass(kw_only=True)
class Life:
    """One pod from its creation to its end."""

    storage: Storage
    pod: Object
    log: Path
    chance: Random
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    observed: Observed = field(default_factory=lambda: Observed(ip="", state=waiting("ContainerCreating")))

    @property
    def container(self) -> Object:
        """The container that runs."""
        container: Object = self.pod["spec"]["containers"][0]
        return container

    @property
    def key(self) -> ObjectKey:
        """Namespace and name."""
        return key_of(self.pod)

    def see(self, pod: Object) -> None:
        """Take note of a change of the pod: somebody may have asked for its end."""
        self.pod = pod
        if is_terminating(pod):
            self.stopping.set()

    async def run(self, addresses: Addresses, *, delay: float) -> None:
        """Schedule, start, restart and end the pod; unless a finalizer holds it, it is gone from the storage then."""
        ip = addresses.take()
        try:
            bind(self.storage, self.key)
            self.report(ip=ip)
            if not await self._asked_to_stop(within=delay):
                await self._live_as_specified()
            await self.stopping.wait()
            self.storage.delete("pods", *self.key, grace=0)
        finally:
            addresses.give_back(ip)

    def report(self, **changes: object) -> None:
        """Note what has changed about the container, and write the status if that says something new."""
        self.observed = replace(self.observed, **changes)  # type: ignore[arg-type] # names of its fields

        def write(pod: Object) -> None:
            pod["status"] = status(pod, self.observed, now=self.storage.now())

        self.storage.mutate("pods", *self.key, write, subresource="status")

    async def _live_as_specified(self) -> None:
        try:
            await self._live()
        except Exception:
            # A spec that makes no sense is the trouble of one pod, not of the node.
            logger.exception("pod cannot run", pod=self.key)

    async def _live(self) -> None:
        argv = program(self.container)
        if argv is None:
            await self._pull_in_vain()
            return
        failures = 0
        while not self.stopping.is_set() and not self.observed.over:
            began = asyncio.get_running_loop().time()
            await self._run_once(argv)
            failures = 0 if asyncio.get_running_loop().time() - began > FORGET_SECONDS else failures + 1
            if not self.stopping.is_set() and not self.observed.over:
                await self._back_off(failures)

    async def _pull_in_vain(self) -> None:
        message = f'no program is registered for image "{self.container["image"]}"'
        while not self.stopping.is_set():
            for reason in IMAGE_PULL:
                self.report(state=waiting(reason, message))
                if await self._asked_to_stop(within=BACK_OFF_SECONDS[0]):
                    return
            await self._asked_to_stop(within=BACK_OFF_SECONDS[1])

    async def _run_once(self, argv: tuple[str, ...]) -> None:
        """Run the container's process until it ends by itself or because the pod has to."""
        env = environment(self.pod, self.container, ip=self.observed.ip)
        since = self.storage.now()
        async with running(argv, env=env, log=self.log) as process, asyncio.TaskGroup() as group:
            self.report(state=started(since))
            probing = group.create_task(self._probe())
            end = group.create_task(process.wait())
            stop = group.create_task(self.stopping.wait())
            await asyncio.wait({end, stop}, return_when=asyncio.FIRST_COMPLETED)
            if self.stopping.is_set():
                await self._terminate(process, end)
            stop.cancel()
            probing.cancel()
        self._note_end(ended(process.returncode or 0, since=since, now=self.storage.now()))

    async def _probe(self) -> None:
        async for answer in readiness(probe_of(self.container), self.observed.ip):
            ready = answer and not is_kept_unready(self.pod)
            if ready != self.observed.ready:
                self.report(ready=ready)

    async def _terminate(self, process: Process, end: asyncio.Task[int]) -> None:
        """PreStop pause, SIGTERM, and the block around the process kills what the grace period leaves."""
        grace = self.pod["metadata"].get("deletionGracePeriodSeconds", 30)
        pause = min(pre_stop_seconds(self.container), grace)
        await asyncio.wait({end}, timeout=pause)
        ask_to_end(process)
        await asyncio.wait({end}, timeout=max(grace - pause, LAST_GRACE_SECONDS))
        if not end.done():
            process.kill()
            await end

    def _note_end(self, state: dict[str, Object]) -> None:
        policy = self.pod["spec"].get("restartPolicy", "Always")
        failed = bool(state["terminated"]["exitCode"])
        again = policy == "Always" or (policy == "OnFailure" and failed)
        over = self.stopping.is_set() or not again
        self.report(state=state, ready=False, over=over)

    async def _back_off(self, failures: int) -> None:
        shortest, longest = BACK_OFF_SECONDS
        seconds = min(longest, shortest * 2 ** (failures - 1)) * self.chance.uniform(0.8, 1.2)
        last = dict(self.observed.state)
        name, pod = self.container["name"], self.pod["metadata"]["name"]
        message = f"back-off {seconds:.1f}s restarting failed container={name} pod={pod}"
        self.report(state=waiting("CrashLoopBackOff", message), last=last)
        if not await self._asked_to_stop(within=seconds):
            self.observed = replace(self.observed, restarts=self.observed.restarts + 1)

    async def _asked_to_stop(self, *, within: float) -> bool:
        try:
            async with asyncio.timeout(within):
                await self.stopping.wait()
        except TimeoutError:
            return False
        return True


def pre_stop_seconds(container: Object) -> float:
    """Return how long a container's preStop hook takes: `sleep.seconds`, or `exec.command: [sleep, N]`."""
    hook = (container.get("lifecycle") or {}).get("preStop") or {}
    if "sleep" in hook:
        return float(hook["sleep"]["seconds"])
    match (hook.get("exec") or {}).get("command"):
        case ["sleep" | "/bin/sleep", seconds]:
            return float(seconds)
    return 0.0
