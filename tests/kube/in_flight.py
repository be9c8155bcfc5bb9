"""What was sent through the loopback interface by this loop and not received by it yet."""

import asyncio
import socket
from collections import Counter
from typing import Any, TypeAlias

Pair: TypeAlias = frozenset[Any]


class InFlight:
    """Counts what every connection of a loop sends and receives; a connection with one end elsewhere counts as owing.

    Data to oneself arrives at once as a rule, and a moment later where the kernel has other things to do.
    """

    def __init__(self) -> None:
        self._owed: Counter[Pair] = Counter()
        self._ends: Counter[Pair] = Counter()

    @property
    def anything(self) -> bool:
        """Whether something is on its way."""
        return bool(self._owed)

    def forget(self) -> None:
        """What has not come by now will not come: its reader does not read."""
        self._owed.clear()

    def opened(self, pair: Pair) -> None:
        """One more end of a connection is ours."""
        self._ends[pair] += 1

    def moved(self, pair: Pair, size: int) -> None:
        """So many bytes were sent, or received where it is negative."""
        self._owed[pair] += size
        if self._owed[pair] <= 0:
            del self._owed[pair]

    def closed(self, pair: Pair) -> None:
        """An end was closed: what was under way to it is lost, and the other end will be told, which is one more."""
        self._owed.pop(pair, None)
        self._ends[pair] -= 1
        if self._ends[pair] > 0:
            self._owed[pair] = 1
        else:
            del self._ends[pair]


class CountedSocket:
    """A socket as a transport of asyncio uses it."""

    def __init__(self, counted: socket.socket, in_flight: InFlight) -> None:
        self._socket = counted
        self._in_flight = in_flight
        self._pair: Pair = frozenset((counted.getsockname(), _peer(counted)))
        in_flight.opened(self._pair)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def send(self, data: Any) -> int:
        """As a socket's."""
        size = self._socket.send(data)
        self._in_flight.moved(self._pair, size)
        return size

    def recv(self, most: int) -> bytes:
        """As a socket's; the end of a stream pays what its closing owed."""
        data = self._socket.recv(most)
        self._in_flight.moved(self._pair, -(len(data) or 1))
        return data

    def recv_into(self, buffer: Any) -> int:
        """As a socket's."""
        size = self._socket.recv_into(buffer)
        self._in_flight.moved(self._pair, -(size or 1))
        return size

    def close(self) -> None:
        """As a socket's, once."""
        if self._socket.fileno() >= 0:
            self._in_flight.closed(self._pair)
        self._socket.close()


def _peer(counted: socket.socket) -> Any:
    try:
        return counted.getpeername()
    except OSError:  # gone again before it was looked at
        return None


class CountingLoop(asyncio.SelectorEventLoop):
    """A loop that knows what is on its way between its own connections."""

    def __init__(self, selector: Any, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        super().__init__(selector)

    def _make_socket_transport(self, sock: Any, *args: Any, **options: Any) -> Any:
        counted = CountedSocket(sock, self._in_flight) if sock.family in {socket.AF_INET, socket.AF_INET6} else sock
        return super()._make_socket_transport(counted, *args, **options)  # type: ignore[misc]
