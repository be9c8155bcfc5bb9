"""Who sent a webhook, when, and that nobody changed it: an HMAC over id, time and body."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from hashlib import sha256

PREFIX = "whsec_"
SHORTEST = 24  # bytes of a secret


def keys(text: str) -> tuple[bytes, ...]:
    """The keys in a secret's text: one a line, so that a new one can be added before the old one goes.

    A line is `whsec_` and base64, or the key as it stands. Raises ValueError, which never shows the secret.
    """
    found = tuple(_key(line.strip()) for line in text.splitlines() if line.strip())
    if not found:
        raise ValueError("is empty: write a secret of at least 24 bytes")
    if min(map(len, found)) < SHORTEST:
        raise ValueError(f"is too short: a secret needs at least {SHORTEST} bytes")
    return found


def _key(line: str) -> bytes:
    if not line.startswith(PREFIX):
        return line.encode()
    try:
        return base64.b64decode(line.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"starts with {PREFIX}, so the rest must be base64") from None


def signed(body: bytes, *, identity: str, timestamp: int, using: Sequence[bytes]) -> dict[str, str]:
    """The headers that prove it; one signature for each key. `timestamp` is in seconds since 1970."""
    content = f"{identity}.{timestamp}.".encode() + body
    marks = (base64.b64encode(hmac.digest(key, content, sha256)).decode() for key in using)
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }
