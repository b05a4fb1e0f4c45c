"""The JSON part of a run folder, which takes nothing but the standard library to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lcodec.errors import InputError

INFO_FILE = "run.json"


def load_info(folder: Path) -> dict[str, Any]:
    """The JSON part of a run folder.

    Raises:
        InputError: the folder is not a run, or the file is damaged.
    """
    path = folder / INFO_FILE
    if not path.is_file():
        raise InputError(f"{folder} is not a run folder: {INFO_FILE} is missing")
    try:
        info = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        info = None
    if not isinstance(info, dict):
        raise InputError(f"{path}: is damaged: not an object of JSON")
    return info


def has_averages_alone(info: dict[str, Any]) -> bool:
    """Whether a run folder has nothing but averaged weights: a mean of runs, or portable ones."""
    files = info.get("files")
    return isinstance(files, dict) and files.keys() == {"average"}
