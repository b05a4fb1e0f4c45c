"""The system's program for pictures, and the folder of what it shows."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lcodec.errors import OutputError, UsageError

PREFIX = "lcodec-view-"
STALE_SECONDS = 24 * 60 * 60
"""Nothing tells when a viewer has been closed: after this time its pictures are deleted."""


def viewer() -> Callable[[str], object]:
    """What opens a file with the system's program for it, and raises OSError if that fails.

    Raises:
        UsageError: there is nothing to open files with.
    """
    if sys.platform == "win32":
        return os.startfile  # `start` needs a shell, to which a file name may be a command
    name = "open" if sys.platform == "darwin" else "xdg-open"
    found = shutil.which(name)
    if found is None:
        raise UsageError(
            f"`{name}` is not installed to open pictures with; `--browser` shows a page"
        )

    def show(path: str) -> None:
        done = subprocess.run([found, path], check=False, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise OSError(f"{name}: exit status {done.returncode}")

    return show


def new_folder() -> Path:
    """A new folder for pictures that only this user can read; those of other days are deleted.

    Raises:
        OutputError: it cannot be created.
    """
    base = tempfile.gettempdir()
    try:
        _delete_stale(base)
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"no folder for the pictures can be created: {reason}") from error


def _delete_stale(base: str) -> None:
    with os.scandir(base) as entries:
        found = [entry for entry in entries if entry.name.startswith(PREFIX)]
    for entry in found:
        with contextlib.suppress(OSError):
            state = entry.stat(follow_symlinks=False)
            # The folder may be shared: what others put there is theirs.
            ours = sys.platform == "win32" or state.st_uid == os.getuid()
            old = time.time() - state.st_mtime > STALE_SECONDS
            if ours and old and stat.S_ISDIR(state.st_mode):
                shutil.rmtree(entry.path, ignore_errors=True)
