"""Locks on files and folders, which end with the process that has them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from lcodec.errors import OutputError
from lcodec.process.outputs import make_folder

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

OPEN_FILES_STAY = fcntl is None
"""Whether the system deletes no open files, as on Windows, where that is the lock."""
LOCK_NAME = ".lcodec-lock"
"""A file that is open where folders cannot be locked."""


def hold(descriptor: int) -> bool | None:
    """Lock a file or folder for as long as it is open.

    Returns False if another process has locked it, and None if the file system has no locks.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def held_folder(folder: Path) -> Iterator[bool | None]:
    """Lock a folder for the block; yields as `hold` returns, None where folders have no locks."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:  # on Windows, of every folder
        yield None
        return
    try:
        yield hold(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _open_file(path: Path) -> Iterator[bool]:
    """Keep a new file open for the block, and delete it; yields False if another process does."""
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL)
    except (PermissionError, FileExistsError):
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            path.unlink()


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Keep a folder to this process for the block; it is made if there is none.

    Raises:
        OutputError: another process has it, or it cannot be made.
    """
    made = not folder.exists()
    make_folder(folder)
    try:
        with _open_file(folder / LOCK_NAME) if OPEN_FILES_STAY else held_folder(folder) as free:
            if free is False:
                raise OutputError(f"{folder}: another process is writing to it")
            yield
    finally:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # if there is nothing in it
