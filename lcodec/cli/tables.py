"""Tables on standard output."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

REPORT_WIDTH = 110
"""Width if standard output is not a terminal."""


def rendered(draw: Callable[[Console], None]) -> str:
    """What ``draw`` prints, as text, coloured if standard output is a terminal with colours."""
    from rich.console import Console

    text = io.StringIO()
    terminal = sys.stdout.isatty()
    width = os.get_terminal_size(sys.stdout.fileno()).columns if terminal else REPORT_WIDTH
    draw(Console(file=text, force_terminal=terminal, width=width))
    return text.getvalue()
