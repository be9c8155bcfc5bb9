"""Serves an application inside the caller's task group, and ends cleanly when cancelled."""

import asyncio
import os
import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn
from fastapi import FastAPI

_NO_ACCESS_CONTROL = "the API has no access control yet, so it listens on loopback only: use 127.0.0.1 or ::1 and not"

_GRACE_SECONDS = 1.0


def require_loopback(host: str) -> None:
    """Raises ValueError unless `host` is `localhost` or a loopback address."""
    if host == "localhost":
        return
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"{_NO_ACCESS_CONTROL} {host!r}")


async def serve(app: FastAPI, *, host: str, port: int, listening: Callable[[int], object] = lambda _port: None) -> None:
    """Serve `app` until cancelled; `listening` is told the port once it is bound, which for port 0 the kernel chooses.

    Signals stay with the caller. Where an application has answers without an end, `app.state.stop` ends them; what
    still goes on a second later is cut. Raises OSError, naming address and remedy, when the port is taken, and
    ValueError when it is none.
    """
    listener = _listen(host, port)
    server = _server(app)
    await server.startup(sockets=[listener])
    try:
        listening(listener.getsockname()[1])
        await asyncio.Event().wait()
    finally:
        getattr(app.state, "stop", lambda: None)()
        cutting = asyncio.get_running_loop().call_later(_GRACE_SECONDS, _cut, server)
        await server.shutdown(sockets=[listener])
        cutting.cancel()


def _cut(server: uvicorn.Server) -> None:
    """Drop the connections whose other end does not read: what they were sent would wait for ever."""
    for connection in tuple(server.server_state.connections):
        connection.transport.abort()


def _listen(host: str, port: int) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=128)
    except OverflowError:
        raise ValueError(f"{port} is not a port: choose one from 0 to 65535") from None
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise OSError(error.errno, f"cannot listen on {host} port {port} ({why}): choose another") from None


def _server(app: FastAPI) -> uvicorn.Server:
    """uvicorn's parts without its main loop, which would take the process's signals and tick ten times a second."""
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",  # neither application has any
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=5,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    return server
