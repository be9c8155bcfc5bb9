"""A metrics page in Prometheus' protobuf format, as far as one native histogram needs it."""

import struct
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_HISTOGRAM = 4
_SCHEMA = 3


def page(name: str, counts: Mapping[int, int]) -> bytes:
    """The histogram `name` with so many events in each bucket: bucket i ends at 2 ** (i / 8)."""
    family = _text(1, name) + _number(3, _HISTOGRAM) + _message(4, _message(7, _histogram(counts)))
    return _varint(len(family)) + family


def _histogram(counts: Mapping[int, int]) -> bytes:
    first, last = min(counts), max(counts)
    found = [counts.get(index, 0) for index in range(first, last + 1)]
    deltas = [one - before for before, one in zip([0, *found], found, strict=False)]
    span = _number(1, _zigzag(first)) + _number(2, len(found))
    return b"".join(
        (
            _number(1, sum(found)),
            _double(2, float(sum(found))),
            _number(5, _zigzag(_SCHEMA)),
            _double(6, 1e-128),
            _message(12, span),
            *(_number(13, _zigzag(delta)) for delta in deltas),
        )
    )


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _message(field: int, body: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(body)) + body


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())
