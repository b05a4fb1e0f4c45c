"""Turn errors that large or hostile input causes in Python and its libraries into our own."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from lcodec.errors import (
    DiskFullError,
    InputError,
    LcodecError,
    OutOfMemoryError,
    OutputError,
    reason_of,
)

_OF_TORCH = re.compile(r"(?:out of|not enough|allocate) memory", re.IGNORECASE)


@contextmanager
def own_errors(doing: str) -> Iterator[None]:
    """Raise InputError where memory, the stack or the range of a number is exceeded.

    For memory it is an OutOfMemoryError. ``doing`` begins its message, as in "decoding".
    """
    try:
        yield
    except (MemoryError, RecursionError, OverflowError, RuntimeError) as error:
        if lacks_memory(error):
            raise OutOfMemoryError(f"{doing} takes more memory than there is") from error
        if isinstance(error, RuntimeError) and not isinstance(error, RecursionError):
            raise
        reason = reason_of(error)
        raise InputError(f"{doing} went beyond what this machine can do: {reason}") from error


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Raise InputError where a file cannot be opened or read; ``name`` begins its message."""
    try:
        yield
    # Of files that are closed, paths with a NUL, and streams of text, too.
    except (OSError, ValueError, TypeError) as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{name}: no such file") from None
        reason = error.strerror if isinstance(error, OSError) else None
        raise InputError(f"{name}: cannot be read: {reason or error}") from error


@contextmanager
def decodable(name: str, fault: str = "cannot be decoded") -> Iterator[None]:
    """Raise InputError where data cannot be decoded; ``name`` and ``fault`` begin its message.

    Pillow's decoders, zipfile and tarfile raise many kinds of errors on damaged data (OSError,
    SyntaxError, ValueError, struct.error, IndexError, ...). Want of memory is left to `own_errors`.
    """
    try:
        yield
    except LcodecError as error:
        raise InputError(f"{name}: {error}") from error
    except Exception as error:
        if lacks_memory(error):
            raise
        raise InputError(f"{name}: {fault}: {reason_of(error)}") from error


def unwritten(name: str, error: OSError, what: str = "cannot be written") -> OutputError:
    """Our own error for one that an output caused, a DiskFullError if there is no room."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    kind = DiskFullError if full else OutputError
    return kind(f"{name}: {what}: {error.strerror or error}")


def lacks_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out."""
    if isinstance(error, RuntimeError):
        # Only on a GPU does torch's error have a class of its own. Ours are no RuntimeErrors: words
        # are never looked for where the name of a file may be.
        return _OF_TORCH.search(str(error)) is not None
    return isinstance(error, MemoryError | OutOfMemoryError)


def without_temporary_folder(error: BaseException) -> OutputError | None:
    """Our own error for one that says there is no folder for temporary files, else None.

    torch needs one when it is imported.
    """
    # Not in all of its text, which may have the name of a file.
    if isinstance(error, FileNotFoundError) and "temporary directory" in (error.strerror or ""):
        return OutputError("no folder for temporary files can be written; TMPDIR may name one")
    return None
