"""Standard streams that the caller has closed (``>&-``), or that cannot be written."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from lcodec.cli.console import output_failed

# Each is opened in the wrong direction, so that using it is an ordinary system error; only standard
# error silently accepts everything, because there is nowhere to report errors.
_CLOSED = ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY))


def occupy_closed_streams() -> None:
    """Give closed standard streams a descriptor again.

    Otherwise the next file opened would get theirs, and messages, of this process or of a child,
    would be written into it.
    """
    for number, flags in _CLOSED:
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
    # Python sets a closed stream to None, and print() then writes to another one.
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


class _Output(io.FileIO):
    """Standard output, whose errors are ours whoever writes to it."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise output_failed(error) from error


def own_output() -> None:
    """Let whatever cannot be written to standard output end the program as `output_failed` says.

    The libraries that print help and completions have no error of ours to raise.
    """
    before = sys.stdout
    # Terminals on Windows are no files; what is written to a terminal arrives.
    if isinstance(before, io.TextIOWrapper) and not before.isatty():
        raw = _Output(before.fileno(), "w", closefd=False)
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw),
            before.encoding,
            before.errors,
            write_through=before.write_through,
        )
