"""Loopback addresses for pods and Services, which no other sandbox on this machine hands out at the same time."""

import socket
from collections.abc import Iterator


class ExhaustedError(Exception):
    """Every address is taken."""


class Addresses:
    """Hands out addresses of a /16; those of one /24 are claimed together and held until `close`."""

    def __init__(self, *, exclusive: bool, network: str = "127.1") -> None:
        self._exclusive = exclusive
        self._network = network
        self._claims: list[socket.socket] = []
        self._fresh = self._all()
        self._free: list[str] = []

    def close(self) -> None:
        """Let others have the addresses."""
        for claim in self._claims:
            claim.close()

    def take(self) -> str:
        """Return an address nobody has, one that was never used before if possible; raises ExhaustedError."""
        address = next(self._fresh, None) or (self._free.pop(0) if self._free else None)
        if address is None:
            raise ExhaustedError("all addresses of this machine for sandboxes are in use")
        return address

    def give_back(self, address: str) -> None:
        """Let an address be used again, some time."""
        self._free.append(address)

    def _all(self) -> Iterator[str]:
        for block in range(256):
            if self._claimed(block):
                yield from (f"{self._network}.{block}.{host}" for host in range(1, 255))

    def _claimed(self, block: int) -> bool:
        """Whether this sandbox may use a /24: the claim is a name in the kernel that vanishes with the process."""
        if not self._exclusive:
            return True
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0progressive-sandbox/{self._network}.{block}")
        except OSError:
            claim.close()
            return False
        self._claims.append(claim)
        return True
