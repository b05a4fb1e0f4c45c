"""Tables on standard output."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Sequence
from itertools import accumulate
from textwrap import wrap
from typing import TYPE_CHECKING

from lcodec.cli import console

if TYPE_CHECKING:
    from rich.console import Console

UNBOUNDED = 10_000
"""Width if standard output is not a terminal: whatever reads it needs all columns."""

_GAP = 2  # spaces between columns, as `console.align` has them
_INDENT = 4  # of the further lines of a row
_ROOM = 20  # least width for which a text is wrapped


def rendered(draw: Callable[[Console], None]) -> str:
    """What ``draw`` prints, as text, coloured if standard output is a terminal with colours."""
    from rich.console import Console

    text = io.StringIO()
    terminal = sys.stdout.isatty()
    # With a height, too: rich takes any other size of a dumb terminal for 80 columns.
    lines = shutil.get_terminal_size().lines
    draw(Console(file=text, force_terminal=terminal, width=_width(), height=lines))
    return text.getvalue()


def fitted(rows: Sequence[tuple[str, ...]], right: str = "", indent: int = 0) -> list[str]:
    """Rows of text as lines, aligned as by `console.align`, none wider than the terminal.

    Where there is no room for whole rows, their last cells are wrapped, or else go into further
    lines. Words that are wider still, such as paths, stay whole.
    """
    lines = [line for row in _fitted(rows, right, _width() - indent) for line in row]
    return [" " * indent + line for line in lines]


def _fitted(rows: Sequence[tuple[str, ...]], right: str, width: int) -> list[list[str]]:
    """The lines of each row."""
    lines = console.align(rows, right)
    if not lines or max(map(len, lines)) <= width:
        return [[line] for line in lines]
    ends = list(accumulate(max(map(len, cells)) + _GAP for cells in zip(*rows, strict=True)))
    start = ends[-2] if len(ends) > 1 else 0
    word = max(len(word) for row in rows for word in [*row[-1].split(), ""])
    if not start or start + max(word, _ROOM) <= width:
        return [_wrapped(line, start, width) for line in lines]
    first = max(1, sum(end - _GAP <= width for end in ends[:-1]))
    heads = console.align([row[:first] for row in rows], right[:first])
    rests = _fitted([row[first:] for row in rows], right[first:], width - _INDENT)
    return [
        [head, *(" " * _INDENT + line for line in rest if line)]
        for head, rest in zip(heads, rests, strict=True)
    ]


def _wrapped(line: str, start: int, width: int) -> list[str]:
    """A line whose last cell begins at ``start``, wrapped in its column."""
    room = max(1, width - start)
    texts = wrap(line[start:], room, break_long_words=False, break_on_hyphens=False)
    head, *more = texts or [""]
    return [(line[:start] + head).rstrip(), *(" " * start + text for text in more)]


def _width() -> int:
    """Columns of standard output."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBOUNDED
