"""The user's data folder. Standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lcodec.errors import OutputError


def data_folder() -> Path:
    """``$XDG_DATA_HOME``, or ``~/.local/share``; on Windows ``%LOCALAPPDATA%`` before that.

    Raises:
        OutputError: none of them is known.
    """
    chosen = os.environ.get("XDG_DATA_HOME", "")
    if not os.path.isabs(chosen):  # the specification says to ignore relative ones
        chosen = os.environ.get("LOCALAPPDATA", "") if sys.platform == "win32" else ""
    if chosen:
        return Path(chosen)
    try:
        return Path.home() / ".local" / "share"
    except RuntimeError as error:
        raise OutputError("the user has no home folder; XDG_DATA_HOME may name one") from error
