"""Output files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from lcodec.errors import OutputError
from lcodec.process.failures import unwritten, without_temporary_folder
from lcodec.process.locks import OPEN_FILES_STAY, held_folder, hold
from lcodec.process.outputs import make_folder

STALE_SECONDS = 60
_TEMPORARY = re.compile(r"\.lcodec-(?:([0-9a-f]+)-)?[0-9a-f]+\.tmp")

_unfinished: set[Path] = set()
"""Temporary files that exist or are about to."""

_tokens: dict[int, str] = {}
_stopped = False


def token() -> str:
    """The part of this process's temporary file names that no other process's names have."""
    return _tokens.setdefault(os.getpid(), secrets.token_hex(6))


def use_token(text: str) -> None:
    """Set this process's token, so that another process knows it."""
    _tokens[os.getpid()] = text


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[BinaryIO]:
    """Yield a binary file that becomes ``path`` when the block ends without an exception.

    The data goes to a temporary file in the same folder, which is renamed over ``path`` at the
    end; on any failure, an interrupt included, it is deleted and ``path`` stays as it was. An
    existing file keeps its permissions; a symbolic link stays and its target is replaced. Devices,
    pipes, and what is open already (``/dev/stdout``, ``/dev/fd/3``) cannot be replaced and are
    written directly. Only write inside the block: every OSError from it is taken for a failure of
    the output.

    Raises:
        OutputError: ``path`` exists and ``overwrite`` is false, is a folder, or cannot be written.
    """
    if "\0" in os.fsdecode(path):
        raise OutputError(f"{os.fsdecode(path)!r}: cannot be written: has a character NUL")
    target = Path(os.path.realpath(path))
    try:
        descriptor = descriptor_of(path)
        if descriptor is not None:
            with os.fdopen(os.dup(descriptor), "wb") as stream:
                yield stream
            return
        # Check the path itself: what some links in /proc point to has no name.
        mode = _existing_mode(Path(path))
        if mode is not None and stat.S_ISDIR(mode):
            raise OutputError(f"{path}: is a folder")
        if mode is not None and not stat.S_ISREG(mode):
            with open(path, "wb") as stream:
                yield stream
            return
        if mode is not None and not overwrite:
            raise _exists(path)
        if mode is None and not overwrite and os.path.islink(path):
            raise OutputError(f"{path}: exists already, as a link to {target}, which does not")
        with _temporary(target, mode) as (stream, temporary):
            yield stream
            stream.close()
            if overwrite or not _link(temporary, target, path):
                os.replace(temporary, target)
            else:
                _delete(temporary)
    except OSError as error:
        raise unwritten(os.fspath(path), error) from error


def write_together(changes: Mapping[Path, bytes | None]) -> None:
    """Replace files by new contents, and delete those of None, once all contents are written.

    Folders are made as needed. Until everything is on its way to the disk, all files stay as they
    were, and so do they on a failure.

    Raises:
        OutputError: a file or folder cannot be written.
    """
    folders = {path.parent for path, data in changes.items() if data is not None}
    made = [folder for folder in folders if not folder.exists()]
    try:
        with ExitStack() as stack:
            for path, data in changes.items():
                if data is None:
                    continue
                make_folder(path.parent)
                stream = stack.enter_context(atomic_write(path, overwrite=True))
                stream.write(data)
                stream.flush()  # what is left to do needs no room
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    for path, data in changes.items():
        if data is None:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise unwritten(str(path), error, "cannot be deleted") from error


def _link(temporary: Path, target: Path, path: str | os.PathLike[str]) -> bool:
    """Give a file its name unless another program has made one of that name meanwhile.

    Returns False, having done nothing, where hard links are not supported.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(path) from None
    except (OSError, NotImplementedError):
        if _existing_mode(target) is not None:
            raise _exists(path) from None
        return False
    return True


_DESCRIPTOR = re.compile(r"/dev/fd/([0-9]{1,9})|/proc/(?:self|thread-self)/fd/([0-9]{1,9})")
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


def descriptor_of(path: str | os.PathLike[str]) -> int | None:
    """The open file of this process that a path stands for, as ``/dev/stdout`` does, or None.

    The caller has opened it for writing, so there is nothing to replace.
    """
    name = os.fspath(path)
    found = _DESCRIPTOR.fullmatch(name)
    return _STANDARD.get(name) if found is None else int(found[1] or found[2])


def is_special(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a pipe, a device, or open already, so that it is written to directly."""
    if descriptor_of(path) is not None:
        return True
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


@contextmanager
def _temporary(target: Path, mode: int | None) -> Iterator[tuple[BinaryIO, Path]]:
    """An open new file beside ``target``, with its permissions; deleted on any exception."""
    temporary = target.parent / _temporary_name()
    # The user's umask decides, as for any new file. What replaces a file, which may be private, is
    # open to nobody else until it has its permissions: who has opened it can go on reading.
    permissions = 0o666 if mode is None else 0o600
    # Before there is a file: a signal may come as soon as there is one.
    _unfinished.add(temporary)
    try:
        _refuse_if_stopped()
        with open(temporary, "xb", opener=_opener(permissions)) as stream:
            hold(stream.fileno())
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            yield stream, temporary
    except BaseException:
        _delete(temporary)
        raise
    _unfinished.discard(temporary)


def owner(name: str) -> str | None:
    """The `token` in the name of a temporary file; None if it is another file, or has none."""
    match = _TEMPORARY.fullmatch(name)
    return None if match is None else match[1]


def delete_stale(folder: str | os.PathLike[str], dead: Set[str] | None = None) -> int:
    """Delete the temporary files in a folder whose process is gone, and count them.

    A process that is killed leaves its files behind. ``dead`` are the `token`s of some that have
    been seen to end: their files go at once, and no others. Without it the files themselves have to
    tell: what is still written to is locked or young.
    """
    try:
        with os.scandir(folder) as entries:
            found = [(e.path, e.name) for e in entries if _TEMPORARY.fullmatch(e.name)]
    except OSError:
        return 0
    if dead is None:
        return sum(_delete_if_stale(path) for path, _ in found)
    return sum(_delete_if_stale(path, known=True) for path, name in found if owner(name) in dead)


def _delete_if_stale(path: str, *, known: bool = False) -> bool:
    try:
        if known:
            os.unlink(path)
            return True
        # A file not locked yet, or complete but not renamed yet, is young.
        if time.time() - os.lstat(path).st_mtime < STALE_SECONDS:
            return False
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        try:
            stale = hold(descriptor) is True
            if stale and not OPEN_FILES_STAY:
                os.unlink(path)
        finally:
            os.close(descriptor)
        if stale and OPEN_FILES_STAY:
            os.unlink(path)
    except OSError:
        return False
    return stale


@contextmanager
def staging_folder(base: Path, prefix: str) -> Iterator[Path]:
    """A new folder in ``base``, gone when the block ends; ``prefix`` begins its name.

    Those of processes that were killed are deleted first, where the system can tell.

    Raises:
        OSError: it cannot be made.
    """
    for path in base.glob(f"{prefix}*"):
        with held_folder(path) as held, contextlib.suppress(OSError):
            if held and time.time() - path.lstat().st_mtime >= STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
    try:
        with held_folder(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Scratch(io.FileIO):
    """A file whose errors are told from those of what is copied into it, or made from it."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise unwritten(tempfile.gettempdir(), error) from error


@contextmanager
def scratch_file() -> Iterator[tuple[BinaryIO, Path]]:
    """An open new file in the system's folder for temporary ones, gone when the block ends.

    Other users cannot read it: it may hold what is in a private store.

    Raises:
        OutputError: it cannot be made or written.
    """
    path = Path(_temporary_name())
    try:
        path = tempfile.gettempdir() / path
        _unfinished.add(path)
        _refuse_if_stopped()
        raw = _Scratch(path, "x+", opener=_opener(0o600))
    except OSError as error:
        _unfinished.discard(path)
        raise without_temporary_folder(error) or unwritten(str(path.parent), error) from error
    try:
        with io.BufferedRandom(raw) as stream:
            hold(stream.fileno())
            yield stream, path
    finally:
        _delete(path)


def _opener(permissions: int) -> Callable[[str, int], int]:
    """For `open`: gives a new file these permissions, less what the umask denies."""
    return lambda name, flags: os.open(name, flags, permissions)


def _temporary_name() -> str:
    return f".lcodec-{token()}-{secrets.token_hex(6)}.tmp"


def delete_unfinished() -> None:
    """Delete the temporary files of every `atomic_write` that has not ended.

    For the end of a process: a signal handler can raise an exception where nothing catches it,
    between the creation of a context manager and its block, and may not return at all.
    """
    for temporary in list(_unfinished):
        _delete(temporary)


def stop_writing() -> None:
    """Delete unfinished files and let no new ones begin: the process is about to end."""
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
