"""Output files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lcodec.errors import OutputError

_unfinished: set[Path] = set()
"""Temporary files that exist or are about to."""

_tokens: dict[int, str] = {}
_stopped = False


def token() -> str:
    """What the names of this process's temporary files hold, and those of no other process."""
    return _tokens.setdefault(os.getpid(), secrets.token_hex(6))


def use_token(text: str) -> None:
    """Make a token that another process knows the one of this process."""
    _tokens[os.getpid()] = text


def delete_left_behind(folder: Path, token: str) -> None:
    """Delete the temporary files that a process of that `token` left in a folder when it died."""
    for path in folder.glob(f".lcodec-{token}-*.tmp"):
        with contextlib.suppress(OSError):
            path.unlink()


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[BinaryIO]:
    """Yield a binary file that becomes ``path`` when the block ends without an exception.

    The data goes to a temporary file in the same folder, which is renamed over ``path`` at the
    end; on any failure, an interrupt included, it is deleted and ``path`` stays as it was. An
    existing file keeps its permissions, a symbolic link stays and its target is replaced. Devices
    and pipes cannot be replaced and are written directly. Only write inside the block: every
    OSError from it is taken for a failure of the output.

    Raises:
        OutputError: ``path`` exists and ``overwrite`` is false, is a folder, or cannot be written.
    """
    target = Path(os.path.realpath(path))
    try:
        mode = _existing_mode(target)
        if mode is not None and stat.S_ISDIR(mode):
            raise OutputError(f"{path}: is a folder")
        if mode is not None and not stat.S_ISREG(mode):
            with target.open("wb") as stream:
                yield stream
            return
        if mode is not None and not overwrite:
            raise _exists(path)
        with _temporary(target, mode) as (stream, temporary):
            yield stream
            stream.close()
            # Another program may have made the file meanwhile.
            if not overwrite and _existing_mode(target) is not None:
                raise _exists(path)
            os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def _temporary(target: Path, mode: int | None) -> Iterator[tuple[BinaryIO, Path]]:
    """An open new file beside ``target``, with its permissions; deleted on any exception."""
    temporary = target.parent / _temporary_name()
    # Created with 0666 so that the user's umask decides, as for any new file.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    # Before there is a file: a signal may come as soon as there is one.
    _unfinished.add(temporary)
    try:
        _refuse_if_stopped()
        descriptor = os.open(temporary, flags, 0o666)
        with os.fdopen(descriptor, "wb") as stream:
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            yield stream, temporary
    except BaseException:
        _delete(temporary)
        raise
    _unfinished.discard(temporary)


@contextmanager
def scratch_file() -> Iterator[tuple[BinaryIO, Path]]:
    """An open new file in the system's folder for temporary ones, gone when the block ends.

    Raises:
        OSError: it cannot be made.
    """
    path = Path(tempfile.gettempdir()) / _temporary_name()
    _unfinished.add(path)
    try:
        _refuse_if_stopped()
        with path.open("xb+") as stream:
            yield stream, path
    finally:
        _delete(path)


def _temporary_name() -> str:
    return f".lcodec-{token()}-{secrets.token_hex(6)}.tmp"


def delete_unfinished() -> None:
    """Delete the temporary files of all `atomic_write` that have not ended.

    For the end of a process: an exception out of a signal handler can come where nothing catches
    it, between the making of a context manager and its block, and a handler may not return at all.
    """
    for temporary in list(_unfinished):
        _delete(temporary)


def stop_writing() -> None:
    """Delete what is unfinished and let nothing be begun any more: the process is about to end."""
    global _stopped
    _stopped = True
    delete_unfinished()


def _refuse_if_stopped() -> None:
    if _stopped:
        raise OSError("the process is ending")


def _delete(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink()
    _unfinished.discard(temporary)


def _existing_mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _exists(path: str | os.PathLike[str]) -> OutputError:
    return OutputError(f"{path}: exists already")
