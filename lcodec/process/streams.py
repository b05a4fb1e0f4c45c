"""Reading streams that may give less than was asked for, as raw ones do."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO, cast


def read_fully(read: Callable[[int], bytes | None], size: int) -> bytes:
    """Up to ``size`` bytes from a stream's ``read``; fewer only at the end of the stream."""
    data = read(size) or b""
    if not data or len(data) == size:
        return data
    parts, missing = [data], size - len(data)
    while missing and (more := read(missing)):
        parts.append(more)
        missing -= len(more)
    return b"".join(parts)


def steady(stream: BinaryIO) -> BinaryIO:
    """The stream, or one over it whose reads are complete, if its own need not be.

    That one reads ahead. The stream stays open when it is closed.
    """
    if isinstance(stream, io.BufferedIOBase | io.TextIOBase):
        return stream
    return cast(BinaryIO, io.BufferedReader(_Raw(stream)))


class _Raw(io.RawIOBase):
    """Any stream in the form that the standard library reads through a buffer."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return hasattr(self._stream, "seekable") and self._stream.seekable()

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer)) or b""
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._stream.seek(offset, whence)
        return self._stream.tell()
