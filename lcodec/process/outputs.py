"""Folders and times of output files."""

from __future__ import annotations

import os

from lcodec.errors import OutputError
from lcodec.process.failures import unwritten


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Create a folder and its parents, unless they exist.

    Raises:
        OutputError: it cannot be created.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        check_link(folder)
        raise unwritten(os.fspath(folder), error, "the folder cannot be created") from error


def check_link(folder: str | os.PathLike[str]) -> None:
    """Raise OutputError if a folder to write to is a link to a missing one."""
    if os.path.islink(folder) and not os.path.exists(folder):
        raise OutputError(f"{os.fspath(folder)}: is a link to a missing folder")


def set_time(path: str | os.PathLike[str], time_ns: int) -> None:
    """Set the time of modification of a file, in nanoseconds; that of its last access stays.

    Raises:
        OutputError: it cannot be set.
    """
    try:
        os.utime(path, ns=(os.stat(path).st_atime_ns, time_ns))
    except OSError as error:
        raise OutputError(f"{path}: its time cannot be set: {error.strerror or error}") from error
