"""Printing: standard error is for people, standard output for machines."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lcodec.errors import Exit, OutputError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

PROGRAM = "lcodec"
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # all but newline and tab

_LINE_ENDS = {ord("\n"): r"\x0a", ord("\t"): r"\x09"}


def printable(text: str) -> str:
    """Text that can be printed and cannot control a terminal, whatever file names are in it.

    Undecodable bytes and control characters other than newline and tab are escaped.
    """
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return re.sub(_CONTROL, lambda match: f"\\x{ord(match[0]):02x}", text)


def on_one_line(text: str) -> str:
    """As `printable`, with newlines and tabs escaped, too: file names can contain them."""
    return printable(text).translate(_LINE_ENDS)


def say(text: str) -> None:
    """Print one line for people on standard error; one that cannot be written is lost."""
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except OSError:  # full, or its reader has gone, neither of which changes what the program does
        # What is still buffered would fail again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def fail(message: str) -> None:
    """Print one error line on standard error."""
    say(f"{PROGRAM}: {' '.join(message.split())}")


def warn(name: str, notes: Iterable[str]) -> None:
    """Print all warnings about ``name`` as one line, if there are any."""
    listed = ", ".join(notes)
    if listed:
        say(f"{PROGRAM}: warning: {name}: {listed}")


def emit(text: str) -> None:
    """Print one line of results on standard output; undecodable file names stay as they are.

    Raises:
        OutputError: it cannot be written, because the disk is full, say.
        SystemExit: as `output_failed`.
    """
    _write_out((text + "\n").encode("utf-8", "surrogateescape"))


def emit_json(record: Any) -> None:
    """Print one record as a line of JSON on standard output; raises as `emit`."""
    text = json.dumps(record, allow_nan=False, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # an undecodable file name
        text = json.dumps(record, allow_nan=False)
    emit(text)


def emit_bytes(data: bytes) -> None:
    """Write binary data to standard output; raises as `emit` and `refuse_terminal_output`."""
    refuse_terminal_output()
    _write_out(data)


def flush() -> None:
    """Write what is still buffered for standard output; raises as `emit`."""
    _write_out(b"")


def _write_out(data: bytes) -> None:
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise output_failed(error) from error


def output_failed(error: OSError) -> OutputError:
    """The error of a standard output that cannot be written; the rest of it is discarded.

    Raises:
        SystemExit: whoever read it has gone, as `head` does: the program ends as by SIGPIPE.
    """
    # What is still buffered would be written at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        # As an exception, so that unfinished files are deleted on the way out.
        raise SystemExit(Exit.READER_GONE) from error
    return OutputError(f"standard output: {error.strerror or error}")


def refuse_terminal_output() -> None:
    """Refuse to write binary data to a terminal.

    Raises:
        UsageError: standard output is a terminal.
    """
    if sys.stdout.isatty():
        raise UsageError("standard output is a terminal: name a file or use a pipe")


def refuse_terminal_input() -> None:
    """Refuse to read binary data from a terminal.

    Raises:
        UsageError: standard input is a terminal.
    """
    if sys.stdin.isatty():
        raise UsageError("standard input is a terminal: name a file or use a pipe")


def is_terminal() -> bool:
    """Whether standard error is a terminal that can show progress."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def error_console() -> Console:
    """Standard error for rich."""
    from rich.console import Console

    return Console(stderr=True)


def align(rows: Iterable[tuple[str, ...]], right: str = "") -> list[str]:
    """Rows of text as lines with columns two spaces apart.

    ``right`` has a letter for each column, "r" if it is right-aligned; missing letters mean left.
    """
    table = list(rows)
    if not table:
        return []
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    sides = right.ljust(len(widths))
    return [
        "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(row, widths, sides, strict=True)
        ).rstrip()
        for row in table
    ]
