"""All errors this package raises on purpose, and every exit status of the program.

Messages are one line, meant for the user.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """The program's exit statuses, each with a short and a long meaning. The only list of them."""

    short: str
    meaning: str

    def __new__(cls, status: int, short: str, meaning: str) -> Exit:
        """A status with its words."""
        one = int.__new__(cls, status)
        one._value_ = status
        one.short, one.meaning = short, meaning
        return one

    SUCCESS = 0, "success", "success"
    FAILURE = 1, "some files failed", "`batch`: some files failed; or any other failure"
    USAGE = 2, "usage", "wrong usage: a bad option or argument, or some that cannot be combined"
    INPUT = 3, "input", "input missing or unreadable, or too large a picture"
    FORMAT = 4, "damaged", "not a .lic file, or a damaged one"
    UNSUPPORTED = 5, "too new", "a sound .lic file that needs a newer lcodec"
    WEIGHTS = 6, "weights", "weights missing, or not the right ones"
    MISMATCH = 7, "wrong symbols", "the decoded symbols are not the encoded ones"
    OUTPUT = 8, "output", "output cannot be written, or exists already (`-f` replaces it)"
    NOTHING = 9, "nothing to do", "`batch`: no files, or all outputs are there already"
    TARGET = 10, "target not met", "the target cannot be met; nothing is written"
    SALVAGED = (
        11,
        "salvaged",
        "`decode --salvage`: the file is damaged; what is left is written",
    )
    DEFECT = 70, "defect", "a defect of lcodec; `LCODEC_DEBUG=1` shows where"
    HUNG_UP = 129, "hung up", "hung up (SIGHUP)"
    INTERRUPTED = 130, "interrupted", "interrupted (Ctrl-C)"
    QUIT = 131, "quit", "quit (SIGQUIT)"
    READER_GONE = 141, "reader gone", "whoever read standard output has gone (SIGPIPE)"
    TERMINATED = 143, "terminated", "terminated (SIGTERM)"


class LcodecError(Exception):
    """Base of every error raised on purpose; ``exit_code`` is the program's exit status."""

    exit_code: ClassVar[int] = Exit.FAILURE


class UsageError(LcodecError):
    """A bad option or argument, or a combination that makes no sense."""

    exit_code: ClassVar[int] = Exit.USAGE


class InputError(LcodecError):
    """The input is missing, unreadable or beyond a limit."""

    exit_code: ClassVar[int] = Exit.INPUT


class OutOfMemoryError(InputError):
    """The input takes more memory than there is now; with nothing else running it may do."""


class FormatError(LcodecError):
    """The data is not a ``.lic`` file, or it is truncated or damaged."""

    exit_code: ClassVar[int] = Exit.FORMAT


class UnsupportedError(LcodecError):
    """The file is sound but uses something this version does not know."""

    exit_code: ClassVar[int] = Exit.UNSUPPORTED


class WeightsError(LcodecError):
    """Weights are missing, have the wrong hash, or belong to another model."""

    exit_code: ClassVar[int] = Exit.WEIGHTS


class MismatchError(LcodecError):
    """The checksum of the decoded symbols is not the one in the file."""

    exit_code: ClassVar[int] = Exit.MISMATCH


class OutputError(LcodecError):
    """The output cannot be written, or exists and may not be replaced."""

    exit_code: ClassVar[int] = Exit.OUTPUT


class DiskFullError(OutputError):
    """There is no room for the output; nor would there be for another one."""


class TargetError(LcodecError):
    """No quality level gives a file of the size, PSNR or SSIMULACRA2 that was asked for."""

    exit_code: ClassVar[int] = Exit.TARGET


def reason_of(error: BaseException, limit: int | None = None) -> str:
    """What an error of a library says, on one line, for a message of ours.

    Args:
        limit: characters to keep; some libraries list every tensor that does not fit.
    """
    said = getattr(error, "strerror", None) or error  # without number and path
    return " ".join(str(said).split())[:limit] or type(error).__name__
