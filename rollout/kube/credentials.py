"""Where the API server is and who we are: from a kubeconfig, or from the pod we run in."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import structlog
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from yaml import YAMLError

log = structlog.get_logger()

RELOAD_SECONDS = 60.0

Load: TypeAlias = Callable[[Configuration], Awaitable[None]]


async def load(
    kubeconfig: Path | None, context: str | None, *, in_cluster: bool = True, reload_seconds: float = RELOAD_SECONDS
) -> Configuration:
    """Read the configuration as kubectl does; raises ConfigException when there is none.

    Without `kubeconfig`, `$KUBECONFIG` and then `~/.kube/config` are tried, and the pod's service account last (only
    where `in_cluster` allows it). Tokens from exec plugins, files and service accounts are renewed while in use.
    """
    configuration = Configuration()
    try:
        loader = await _load_file(configuration, kubeconfig, context)
        configuration.refresh_api_key_hook = renewal(loader.load_and_set, reload_seconds=reload_seconds)
    except ConfigException:
        if kubeconfig is not None or context is not None or not in_cluster:
            raise
        load_incluster_config(configuration)
    return configuration


async def _load_file(configuration: Configuration, kubeconfig: Path | None, context: str | None) -> Any:
    file = str(kubeconfig) if kubeconfig else _default_kubeconfig()
    try:
        return await load_kube_config(config_file=file, context=context, client_configuration=configuration)
    except (ConfigException, YAMLError, TypeError, AttributeError, ValueError) as error:  # as the library sees it
        said = str(error).splitlines()[0].removeprefix("Invalid kube-config file. ")
        raise ConfigException(f"{file} cannot be used as a kubeconfig: {said}; see `kubectl config view`") from None


def _default_kubeconfig() -> str:
    return os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())


def renewal(load_again: Load, *, reload_seconds: float) -> Load:
    """What the client library calls before each request: loads the credentials again when they are that old.

    Only the one request that comes due waits for it; the others go on with the token at hand, which the loader
    replaces five minutes before it expires. A failure leaves that token in place.
    """
    due = asyncio.get_running_loop().time() + reload_seconds

    async def renew(configuration: Configuration) -> None:
        nonlocal due
        now = asyncio.get_running_loop().time()
        if now < due:
            return
        due = now + reload_seconds
        try:
            await load_again(configuration)
        except (ConfigException, OSError, aiohttp.ClientError) as error:
            log.warning("credentials not renewed", error=type(error).__name__)

    return renew
