"""`python -m controlplane.pods KUBECONFIG LOGS`: plays scheduler and kubelet with pods that are real processes.

It runs inside a network of `controlplane.network`: a pod's first container listens at an address of its own there. What
ends by itself is not started again.
"""

import asyncio
import json
import sys
from asyncio.subprocess import Process
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

from controlplane.api import Api, Object, connected
from controlplane.kubelet import binding, join, path_of
from controlplane.network import SUBNET
from sandbox.images import environment, program
from sandbox.kubelet import pre_stop_seconds
from sandbox.pod_process import ask_to_end, running
from sandbox.pod_status import Observed, ended, is_kept_unready, started, status, waiting
from sandbox.probes import probe_of, readiness
from sandbox.reading import is_terminating

_PODS = "/api/v1/pods"


async def run(api: Api, *, logs: Path) -> None:
    """Run every pod of the cluster until cancelled; no process of a pod is left then. `logs` is a folder."""
    await join(api)
    addresses = _addresses()
    lives: dict[str, Life] = {}
    async with asyncio.TaskGroup() as group:
        async for pod, gone in api.follow(_PODS):
            uid = pod["metadata"]["uid"]
            if gone:
                _end(lives, uid)
                continue
            if uid not in lives:
                lives[uid] = Life(api=api, pod=pod, ip=next(addresses), logs=logs)
                group.create_task(lives[uid].run())
            lives[uid].see(pod)


def _end(lives: dict[str, "Life"], uid: str) -> None:
    """A pod that was deleted by force, or before it was bound, is never seen terminating."""
    if uid in lives:
        lives.pop(uid).stopping.set()


def _addresses() -> Iterator[str]:
    """Addresses for pods, the one that was used longest ago first: a proxy may still know the last ones."""
    return cycle(str(each) for each in list(SUBNET.hosts())[9:])


@dataclass(kw_only=True)
class Life:
    """One pod from its creation to its end."""

    api: Api
    pod: Object
    ip: str
    logs: Path
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    observed: Observed = field(init=False)

    def __post_init__(self) -> None:
        """Nothing runs yet."""
        self.observed = Observed(ip=self.ip, state=waiting("ContainerCreating"))

    def see(self, pod: Object) -> None:
        """Take note of a change of the pod: somebody may have asked for its end."""
        self.pod = pod
        if is_terminating(pod):
            self.stopping.set()

    async def run(self) -> None:
        """Schedule the pod, run its container, and let the pod go when its end was asked for."""
        await self.api.create(f"{self._path}/binding", binding(self.pod))
        argv = program(self._container)
        if argv is None:
            await self._report(state=waiting("ErrImagePull", f"nobody knows {self._container['image']}"))
        elif not self.stopping.is_set():
            await self._live(argv)
        await self.stopping.wait()
        await self.api.delete_now(self._path, self.pod["metadata"]["uid"])

    async def _live(self, argv: tuple[str, ...]) -> None:
        since = _now()
        env = environment(self.pod, self._container, ip=self.ip)
        async with running(argv, env=env, log=self.logs / f"{self._name}.log") as process, asyncio.TaskGroup() as group:
            await self._report(state=started(since))
            probing = group.create_task(self._probe())
            end, stop = group.create_task(process.wait()), group.create_task(self.stopping.wait())
            await asyncio.wait({end, stop}, return_when=asyncio.FIRST_COMPLETED)
            probing.cancel()
            await self._terminate(process, end)
            stop.cancel()
        state = ended(process.returncode or 0, since=since, now=_now())
        await self._report(state=state, ready=False, over=True)

    async def _probe(self) -> None:
        async for answer in readiness(probe_of(self._container), self.ip):
            ready = answer and not is_kept_unready(self.pod)
            if ready != self.observed.ready:
                await self._report(ready=ready)

    async def _terminate(self, process: Process, end: asyncio.Task[int]) -> None:
        """PreStop pause and SIGTERM; the block around the process kills what the grace period leaves."""
        grace = self.pod["metadata"].get("deletionGracePeriodSeconds", 30)
        pause = min(pre_stop_seconds(self._container), grace)
        await asyncio.wait({end}, timeout=pause)
        ask_to_end(process)
        await asyncio.wait({end}, timeout=grace - pause)
        if not end.done():
            process.kill()

    async def _report(self, **changes: object) -> None:
        """Note what has changed about the container, and write the status."""
        self.observed = replace(self.observed, **changes)  # type: ignore[arg-type] # names of its fields
        written = status(self.pod, self.observed, now=_now())
        # The next pod of this name is none of ours.
        of_this_pod = {"uid": self.pod["metadata"]["uid"]}
        await self.api.merge(f"{self._path}/status", {"metadata": of_this_pod, "status": written})

    @property
    def _container(self) -> Object:
        container: Object = self.pod["spec"]["containers"][0]
        return container

    @property
    def _name(self) -> str:
        return str(self.pod["metadata"]["name"])

    @property
    def _path(self) -> str:
        return path_of(self.pod)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _play(kubeconfig: Object, logs: Path) -> None:
    async with connected(kubeconfig) as api, asyncio.TaskGroup() as group:
        group.create_task(run(api, logs=logs))
        sys.stdout.write("playing\n")
        sys.stdout.flush()


def main(kubeconfig: Path, logs: Path) -> None:
    """Play until told to end."""
    logs.mkdir(parents=True, exist_ok=True)
    asyncio.run(_play(json.loads(kubeconfig.read_text()), logs))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
