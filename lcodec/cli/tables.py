"""Tables on standard output."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

UNBOUNDED = 10_000
"""Width if standard output is not a terminal: whatever reads it needs all columns."""


def rendered(draw: Callable[[Console], None]) -> str:
    """What ``draw`` prints, as text, coloured if standard output is a terminal with colours."""
    from rich.console import Console

    text = io.StringIO()
    terminal = sys.stdout.isatty()
    columns, lines = shutil.get_terminal_size()
    width = columns if terminal else UNBOUNDED
    # With a height, too: rich takes any other size of a dumb terminal for 80 columns.
    draw(Console(file=text, force_terminal=terminal, width=width, height=lines))
    return text.getvalue()
