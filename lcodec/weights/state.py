"""Whether a file is the one that a lock lists. Standard library only."""

from __future__ import annotations

import hashlib
import os
from enum import StrEnum
from pathlib import Path

from lcodec.weights.lock import LockedFile
from lcodec.weights.stored import open_regular


class FileState(StrEnum):
    """What checking a file found."""

    OK = "ok"
    MISSING = "missing"
    WRONG_SIZE = "wrong size"
    WRONG_HASH = "wrong hash"
    UNREADABLE = "unreadable"


def file_state(path: Path, file: LockedFile) -> FileState:
    """Whether the file at ``path`` is the one that a lock lists."""
    return read_file(path, file)[0]


def read_file(path: Path, file: LockedFile) -> tuple[FileState, bytes]:
    """The contents of the file at ``path`` if it is the one that a lock lists, else none."""
    try:
        with open_regular(path) as stream:
            if os.fstat(stream.fileno()).st_size != file.size:
                return FileState.WRONG_SIZE, b""
            data = stream.read(file.size + 1)
    except FileNotFoundError:
        return FileState.MISSING, b""
    except OSError:
        return FileState.UNREADABLE, b""
    if len(data) != file.size:
        return FileState.WRONG_SIZE, b""
    if hashlib.sha256(data).hexdigest() != file.sha256:
        return FileState.WRONG_HASH, b""
    return FileState.OK, data
