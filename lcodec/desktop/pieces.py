"""The files that go into the user's data folder, and the tools that register them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from lcodec.errors import OutputError
from lcodec.format import MIME_TYPE as MIME_TYPE
from lcodec.process.atomic import atomic_write
from lcodec.process.outputs import make_folder

PLACES = {
    "lcodec.xml": "mime/packages",
    "lcodec.desktop": "applications",
    "lcodec.thumbnailer": "thumbnailers",
    "lcodec.magic": "lcodec",
}
"""Where each piece goes below the data folder."""

MANUAL = "man/man1/lcodec.1"

_TOLD = (("update-mime-database", "mime"), ("update-desktop-database", "applications"))


def piece(name: str) -> str:
    """One of the pieces, as stored in the package."""
    return resources.files("lcodec.desktop").joinpath(name).read_text("utf-8")


def program() -> list[str]:
    """The command line that starts this program from anywhere."""
    found = shutil.which("lcodec")
    return [found] if found else [sys.executable, "-m", "lcodec"]


def texts(manual: str) -> dict[str, str]:
    """All files to install, by their paths below the data folder."""
    command = program()
    # In these files percent signs and quotes are special.
    quoted = " ".join(shlex.quote(word).replace("%", "%%") for word in command)
    found = {}
    for name, folder in PLACES.items():
        text = piece(name).replace("@PROGRAM@", quoted).replace("@TRY@", command[0])
        found[f"{folder}/{name}"] = text
    return {**found, MANUAL: manual}


def install(root: Path, manual: str) -> list[Path]:
    """Write the pieces below ``root`` and register them; returns the files written.

    Raises:
        OutputError: one cannot be written.
    """
    written = []
    for name, text in texts(manual).items():
        path = root / name
        make_folder(path.parent)
        with atomic_write(path, overwrite=True) as stream:
            stream.write(text.encode())
        written.append(path)
    return written


def remove(root: Path) -> list[Path]:
    """Delete the installed pieces; returns the files deleted.

    Raises:
        OutputError: one cannot be deleted.
    """
    removed = []
    for name in texts(""):
        path = root / name
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(f"{path}: cannot be deleted: {error.strerror or error}") from error
        removed.append(path)
    return removed


def tell(root: Path, missing: Callable[[str], None]) -> None:
    """Update the system's databases; ``missing`` is called for tools that are not installed.

    Raises:
        OutputError: a tool fails.
    """
    for tool, folder in _TOLD:
        found = shutil.which(tool)
        if found is None:
            missing(tool)
        elif (root / folder).is_dir():
            done = subprocess.run(
                [found, os.fspath(root / folder)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise OutputError(f"{tool}: {done.stderr.strip() or done.returncode}")
