"""Checks of the files named by the user, made before anything slow starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lcodec.cli.console import emit_bytes, refuse_terminal_input, refuse_terminal_output, say
from lcodec.cli.figures import journey
from lcodec.errors import InputError, LcodecError, OutputError, UsageError
from lcodec.process.atomic import atomic_write, descriptor_of, is_special
from lcodec.process.outputs import set_time

STANDARD = "-"


def choose_output(source: str, output: str | None, suffix: str) -> str:
    """``output``; if not given, ``source`` with ``suffix``, or "-" for "-".

    Raises:
        UsageError: input and output are the same file.
    """
    if output is None:
        output = STANDARD if source == STANDARD else os.fspath(Path(source).with_suffix(suffix))
    refuse_same_file(source, output)
    return output


def refuse_same_file(source: str, output: str) -> None:
    """Make sure that writing ``output`` does not overwrite ``source``.

    Raises:
        UsageError: they are the same file.
    """
    if STANDARD not in (source, output) and same_file(source, output):
        raise UsageError(f"{output}: input and output are the same file")


def same_file(one: str, other: str) -> bool:
    """Whether two names are of the same file, which need not exist yet."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def check_input(source: str, instead: str = "") -> None:
    """Make sure that there is something to read at ``source``.

    ``instead`` is what to do with a folder, which stands at its ``{}``.

    Raises:
        InputError: it does not exist or is a folder.
        UsageError: it is "-" and standard input is a terminal.
    """
    if source == STANDARD:
        refuse_terminal_input()
    elif not os.path.exists(source):
        raise InputError(f"{source}: {absence(source)}")
    elif os.path.isdir(source):
        hint = f"; {instead.format(source.rstrip('/'))}" if instead else ""
        raise InputError(f"{source}: is a folder, not a file{hint}")


def check_folder(folder: Path) -> None:
    """Make sure that there is a folder at ``folder``; raises InputError."""
    if not folder.is_dir():
        raise InputError(f"{folder}: {'is not a folder' if folder.exists() else 'no such folder'}")


def check_pictures(source: Path) -> None:
    """Make sure that there is a folder or a pack of pictures at ``source``; raises InputError."""
    if not source.exists():
        raise InputError(f"{source}: no such folder or pack")


def absence(source: str) -> str:
    """What to say of an input that does not exist."""
    return "is a link to a missing file" if os.path.islink(source) else "no such file"


def check_output(output: str, *, force: bool) -> None:
    """Make sure, as far as can be told beforehand, that ``output`` can be written.

    Raises:
        OutputError: its folder is missing, it is a folder, or it exists and ``force`` is false.
        UsageError: it is "-" and standard output is a terminal.
    """
    if output == STANDARD:
        refuse_terminal_output()
        return
    if is_special(output):
        return
    folder = os.path.dirname(os.path.realpath(output))
    if os.path.isdir(output):
        raise OutputError(f"{output}: is a folder")
    if os.path.islink(output) and not os.path.exists(output) and not force:
        raise OutputError(f"{output}: is a link to a missing file; `-f` creates that file")
    if os.path.isfile(output) and not force:
        raise OutputError(f"{output}: exists already; `-f` replaces it")
    if not os.path.isdir(folder):
        raise OutputError(f"{output}: no such folder: {folder}")


def file_size(name: str) -> int | None:
    """Size of a file in bytes; None for standard input, or if unknown."""
    try:
        return os.path.getsize(name) if os.path.isfile(name) else None
    except OSError:
        return None


def read_input(source: str, size: int = -1) -> bytes:
    """All bytes of a file or of standard input, or the first ``size``.

    Raises:
        InputError: it cannot be read.
    """
    try:
        if source == STANDARD:
            return sys.stdin.buffer.read(size)
        with open(source, "rb") as stream:
            return stream.read(size)
    except OSError as error:
        raise InputError(f"{shown(source)}: cannot be read: {error.strerror or error}") from error


def write_output(output: str, data: bytes, *, force: bool) -> None:
    """Write a whole file or, for "-", to standard output.

    Raises:
        OutputError: it cannot be written, or exists and ``force`` is false.
    """
    if output == STANDARD:
        emit_bytes(data)
        return
    with atomic_write(output, overwrite=force) as stream:
        stream.write(data)


def tell_written(what: str, output: str) -> None:
    """Say that something was written besides the results, and where: "page -> look.html 1.2 MB"."""
    say(journey(what, None, output, file_size(output)))


def keep_time(source: str, output: str) -> None:
    """Give the output the modification time of its source, if both are files.

    Raises:
        OutputError: the time cannot be set.
    """
    if STANDARD in (source, output) or not os.path.isfile(output):
        return
    if descriptor_of(output) is not None:
        return
    try:
        time_ns = os.stat(source).st_mtime_ns
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{output}: cannot be given the time of {source}: {reason}") from error
    set_time(output, time_ns)


def shown(name: str, standard: str = "standard input") -> str:
    """The name of a file in messages; "-" is ``standard``."""
    return standard if name == STANDARD else name


@contextmanager
def about(name: str) -> Iterator[None]:
    """Prefix the name of a file to the message of every `LcodecError`."""
    try:
        yield
    except LcodecError as error:
        raise type(error)(f"{name}: {error}") from error
