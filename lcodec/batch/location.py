"""The locations of the files of a batch: on this machine, or in stores."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Set
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from lcodec.batch.url import Url
from lcodec.errors import InputError, UsageError
from lcodec.process.atomic import atomic_write, delete_stale, scratch_file
from lcodec.process.outputs import make_folder

Location = Path | Url

_FORM = re.compile(r"([a-z][a-z0-9+.-]+)://(.*?)(::.*)?", re.IGNORECASE | re.DOTALL)
_HERE = ("file", "local")


def parse_location(text: str) -> Location:
    """A path or URL as named by the user; ``file://`` is a path.

    Raises:
        UsageError: a ``file://`` URL whose path is not absolute.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        return Path(text)
    scheme, path, rest = match[1].lower(), match[2], match[3] or ""
    if scheme in _HERE and not rest:
        if not path.startswith("/"):
            raise UsageError(f"{text}: a local file must be given as file:///folder/name")
        return Path(path)
    return Url(scheme, path.rstrip("/"), rest)


def write(output: Location, *, overwrite: bool) -> AbstractContextManager[BinaryIO]:
    """A binary file that becomes ``output`` when the block ends; its folder is created if missing.

    Raises:
        OutputError: it exists and ``overwrite`` is false, or cannot be written.
    """
    if isinstance(output, Url):
        return output.write(overwrite=overwrite)
    make_folder(output.parent)
    return atomic_write(output, overwrite=overwrite)


def tidy(outputs: Iterable[Location], dead: Set[str] | None = None) -> int:
    """Delete the temporary files of processes that were killed while they made outputs.

    They lie beside these and in the system's folder for temporary files. ``dead`` is as that of
    `lcodec.process.atomic.delete_stale`. Without it nothing is deleted in stores, where nothing
    tells whether a file is still written to. Returns how many there were.
    """
    folders: set[Location] = {output.parent for output in outputs}
    with contextlib.suppress(OSError):  # there may be no such folder
        folders.add(Path(tempfile.gettempdir()))
    count = 0
    for folder in folders:
        if isinstance(folder, Path):
            count += delete_stale(folder, dead)
        elif dead is not None:
            count += folder.delete_stale(dead)
    return count


@contextmanager
def open_at(location: Location) -> Iterator[BinaryIO]:
    """Open a file for random-access reading. Raises OSError."""
    if isinstance(location, Url):
        with location.open() as stream:
            yield stream
    else:
        with location.open("rb") as stream:
            yield stream


@contextmanager
def at_hand(location: Location) -> Iterator[BinaryIO]:
    """Open a file for reading all of it in any order; one in a store is fetched first.

    Raises:
        InputError: it cannot be read.
    """
    with contextlib.ExitStack() as stack:
        try:
            if isinstance(location, Url):
                stream, _ = stack.enter_context(scratch_file())
                with location.open() as source:
                    shutil.copyfileobj(source, stream, 1 << 20)
                stream.seek(0)
            else:
                stream = stack.enter_context(location.open("rb"))
        except OSError as error:
            raise unreadable(location, error) from error
        yield stream


def unreadable(location: Location, error: OSError) -> InputError:
    """The error of a source that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return InputError(f"{location}: no such file")
    return InputError(f"{location}: cannot be read: {error.strerror or error}")
