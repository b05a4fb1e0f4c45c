"""Turn errors that large or hostile input causes in Python and its libraries into our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lcodec.errors import InputError, OutputError


@contextmanager
def own_errors(doing: str) -> Iterator[None]:
    """Raise InputError where memory, the stack or the range of a number is exceeded.

    ``doing`` begins its message, as in "decoding".
    """
    try:
        yield
    except MemoryError as error:
        raise _lacks_memory(doing) from error
    except (RecursionError, OverflowError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{doing} went beyond what this machine can do: {reason}") from error
    except RuntimeError as error:
        # Only on a GPU does torch's error have a class of its own.
        if "memory" not in str(error).lower():
            raise
        raise _lacks_memory(doing) from error


def without_temporary_folder(error: BaseException) -> OutputError | None:
    """Our own error for one that says there is no folder for temporary files, else None.

    torch needs one when it is imported.
    """
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):
        return OutputError("no folder for temporary files can be written; TMPDIR may name one")
    return None


def _lacks_memory(doing: str) -> InputError:
    return InputError(f"{doing} takes more memory than there is")
