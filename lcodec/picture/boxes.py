"""Boxes of the ISO base media format, which JPEG 2000 and AVIF files consist of."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

_MOST = 10_000


def top_boxes(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Type, offset and size of the content of each box of a file."""
    length = stream.seek(0, 2)
    at = 0
    for _ in range(_MOST):
        stream.seek(at)
        head = stream.read(16)
        if len(head) < 8:
            return
        size, kind = struct.unpack_from(">I4s", head)
        skip = 8
        if size == 1 and len(head) == 16:
            size, skip = struct.unpack_from(">Q", head, 8)[0], 16
        if size == 0:
            size = length - at
        if size < skip or size > length - at:
            return
        yield kind, at + skip, size - skip
        at += size


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each box in the content of another."""
    at = 0
    while len(data) - at >= 8:
        size, kind = struct.unpack_from(">I4s", data, at)
        size = size or len(data) - at
        if not 8 <= size <= len(data) - at:
            return
        yield kind, data[at + 8 : at + size]
        at += size


def content(stream: BinaryIO, wanted: bytes, most: int = 1 << 24) -> bytes:
    """The content of the first box of a type; empty if there is none or it exceeds ``most``."""
    for kind, offset, size in top_boxes(stream):
        if kind == wanted and size <= most:
            stream.seek(offset)
            return stream.read(size)
    return b""
