"""A Prometheus of the sandbox's own, where one is installed: it scrapes proxy and pods."""

import asyncio
import json
import socket
from asyncio.subprocess import Process
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

from sandbox.child import child, fetch, tail
from sandbox.reading import annotations_of, follow, key_of, labels_of
from sandbox.settings import Settings
from sandbox.storage import Object, Storage

_ANNOTATION = "prometheus.io/"
_LABELS = {
    "progressive.delivery/rollout": "progressive_delivery_rollout",
    "progressive.delivery/revision": "progressive_delivery_revision",
}
_START_SECONDS = 30.0
_DEFAULT_PORT = "8080"


class PrometheusFailed(Exception):  # noqa: N818 - what has happened, as a sentence would say it
    """Prometheus did not start or has ended; the message ends with its own last words."""


def installed() -> Path | None:
    """Return the program, None if there is none on PATH."""
    found = which("prometheus")
    return Path(found) if found else None


async def run(
    storage: Storage, settings: Settings, *, program: Path, proxy: str | None, ready: Callable[[str], None]
) -> None:
    """Run Prometheus until cancelled; `proxy` is the URL of the proxy's metrics, `ready` gets Prometheus's own URL.

    Every running pod with `prometheus.io/scrape: "true"` is scraped at prometheus.io/port (8080) and prometheus.io/path
    (/metrics). Its series have the labels namespace and pod, and rollout and revision where it has those. As in
    every Prometheus, it takes up to 6 s until a new pod is scraped for the first time. Raises PrometheusFailed.
    """
    address = f"127.0.0.1:{_free_port()}"
    with described(storage, settings, proxy=proxy) as directory:
        log = directory / "prometheus.log"
        async with child(_command(program, directory, address), log=log) as process:
            await _ready(process, f"http://{address}", log)
            ready(f"http://{address}")
            code = await process.wait()
            raise PrometheusFailed(f"Prometheus ended with code {code}:\n{tail(log)}")


@contextmanager
def described(storage: Storage, settings: Settings, *, proxy: str | None) -> Iterator[Path]:
    """Keep a Prometheus's configuration and the list of the pods up to date beside the block; gives their folder.

    The configuration is `prometheus.json` there; it is complete from the start, and only the list changes.
    """
    directory = settings.directory / "prometheus"
    directory.mkdir(parents=True, exist_ok=True)
    pods = directory / "pods.json"
    stop_following = follow(storage, "pods", lambda *_: _write(pods, targets(_pods(storage))))
    try:
        _write(pods, targets(_pods(storage)))
        text = json.dumps(configuration(pods, proxy, interval=settings.scrape_interval))
        (directory / "prometheus.json").write_text(text)
        yield directory
    finally:
        stop_following()


def configuration(pods: Path, proxy: str | None, *, interval: float) -> Object:
    """Return Prometheus's configuration: the proxy, and the pods listed in the file `pods`, each so many seconds."""
    jobs: list[Object] = [{"job_name": "pods", "file_sd_configs": [{"files": [str(pods)], "refresh_interval": "1s"}]}]
    if proxy is not None:
        url = urlsplit(proxy)
        static = [{"targets": [url.netloc]}]
        jobs.append({"job_name": "proxy", "metrics_path": url.path, "static_configs": static})
    every, timeout = (f"{seconds * 1000:.0f}ms" for seconds in (interval, min(interval, 1.0)))
    return {"global": {"scrape_interval": every, "scrape_timeout": timeout}, "scrape_configs": jobs}


def targets(pods: Iterable[Object]) -> list[Object]:
    """Return the pods to be scraped as Prometheus's target groups."""
    return [_target(pod) for pod in pods if _is_scraped(pod)]


def _pods(storage: Storage) -> Iterable[Object]:
    return (record.object for record in storage.records("pods"))


def _is_scraped(pod: Object) -> bool:
    # A terminating pod is scraped as long as it answers: what it did last counts as well.
    status = pod.get("status", {})
    wanted = annotations_of(pod).get(_ANNOTATION + "scrape") == "true"
    return wanted and bool(status.get("podIP")) and status.get("phase") == "Running"


def _target(pod: Object) -> Object:
    namespace, name = key_of(pod)
    annotations, labels = annotations_of(pod), labels_of(pod)
    own = {ours: labels[theirs] for theirs, ours in _LABELS.items() if theirs in labels}
    path = annotations.get(_ANNOTATION + "path", "/metrics")
    port = annotations.get(_ANNOTATION + "port", _DEFAULT_PORT)
    return {
        "targets": [f"{pod['status']['podIP']}:{port}"],
        "labels": {"namespace": namespace, "pod": name, "__metrics_path__": path, **own},
    }


def _write(path: Path, groups: list[Object]) -> None:
    text = json.dumps(groups)
    if path.exists() and path.read_text() == text:
        return
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def _free_port() -> int:
    # Prometheus cannot say which port it was given, so it must be told one.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _command(program: Path, directory: Path, address: str) -> list[str]:
    return [
        str(program),
        f"--config.file={directory / 'prometheus.json'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
        "--storage.tsdb.retention.time=6h",
        "--log.level=warn",
    ]


async def _ready(process: Process, url: str, log: Path) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while process.returncode is None:
                if await fetch(f"{url}/-/ready"):
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise PrometheusFailed(f"Prometheus was not ready within {_START_SECONDS:g} s:\n{tail(log)}") from None
    raise PrometheusFailed(f"Prometheus did not start (code {process.returncode}):\n{tail(log)}")
