"""The log of a run."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from lcodec.errors import OutputError
from lcodec.process.failures import unwritten


class Log(AbstractContextManager["Log"]):
    """A file to which entries are added, one line of JSON each.

    Raises:
        OutputError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # Unbuffered: a line is one system call, and nothing is left to write at the end.
            self._stream = path.open("ab", buffering=0)
        except OSError as error:
            raise self._not_written(error) from error

    def write(self, entry: dict[str, Any]) -> None:
        """Add an entry.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._stream.write(json.dumps(entry).encode() + b"\n")
        except OSError as error:
            raise self._not_written(error) from error

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def _not_written(self, error: OSError) -> OutputError:
        return unwritten(str(self._path), error)
