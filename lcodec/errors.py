"""All errors this package raises on purpose, and the exit status each one gives the program.

    LcodecError              1   any other failure
    +-- UsageError           2   bad option or argument, or options that do not go together
    +-- InputError           3   picture missing, unreadable or too large
    +-- FormatError          4   not a .lic file, or a damaged one (truncated, CRC, bad field)
    +-- UnsupportedError     5   a sound file that needs a newer program (major version, unknown
    |                            critical section, entropy model or arithmetic profile)
    +-- WeightsError         6   weights missing, with the wrong hash, or of another model
    +-- MismatchError        7   the decoded symbols are not the encoded ones
    +-- OutputError          8   output cannot be written, or exists already
    +-- TargetError         10   no quality level meets the size or PSNR asked for

`decode --salvage` exits with 11 when something was lost, an interrupted program with 130. Messages
are one line, meant for the user.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_SALVAGED = 11
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class LcodecError(Exception):
    """Base of every error raised on purpose; ``exit_code`` is the program's exit status."""

    exit_code: ClassVar[int] = 1


class UsageError(LcodecError):
    """A bad option or argument, or a combination that makes no sense."""

    exit_code: ClassVar[int] = 2


class InputError(LcodecError):
    """The picture is missing, unreadable or larger than the limit."""

    exit_code: ClassVar[int] = 3


class FormatError(LcodecError):
    """The data is not a ``.lic`` file, or it is truncated or damaged."""

    exit_code: ClassVar[int] = 4


class UnsupportedError(LcodecError):
    """The file is sound but uses something this version does not know."""

    exit_code: ClassVar[int] = 5


class WeightsError(LcodecError):
    """Weights are missing, have the wrong hash, or belong to another model."""

    exit_code: ClassVar[int] = 6


class MismatchError(LcodecError):
    """The checksum of the decoded symbols is not the one in the file."""

    exit_code: ClassVar[int] = 7


class OutputError(LcodecError):
    """The output cannot be written, or exists and may not be replaced."""

    exit_code: ClassVar[int] = 8


class TargetError(LcodecError):
    """No quality level gives a file of the size or PSNR that was asked for."""

    exit_code: ClassVar[int] = 10
