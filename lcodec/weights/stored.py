"""Read small files beside weights, which may be damaged or hostile. Standard library only."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

CONFIG_LIMIT = 1 << 16
"""Most bytes of a configuration; released ones have about a thousand."""
LOCK_LIMIT = 1 << 20
"""Most bytes of a lock; an entry has about 200."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading: a pipe might never answer, a device never end.

    Raises:
        OSError: it cannot be opened, or is something else.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


_BINARY = getattr(os, "O_BINARY", 0)


def read_small(path: Path, limit: int) -> bytes:
    """All of a file of at most ``limit`` bytes.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger.
    """
    with open_regular(path) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"more than {limit} bytes")
    return data


def parse_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        ValueError: ``data`` is anything else, too long, nested too deeply, or has numbers that JSON
            does not have.
    """
    if len(data) > CONFIG_LIMIT:
        raise ValueError(f"more than {CONFIG_LIMIT} bytes")
    try:
        found = json.loads(data, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
