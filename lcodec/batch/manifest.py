"""The manifest of a batch: a line of JSON for each file, written when the file is finished."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from lcodec.batch.location import Location
from lcodec.batch.report import Outcome, Stamp, Status
from lcodec.batch.url import Url
from lcodec.errors import OutputError
from lcodec.process.atomic import descriptor_of
from lcodec.process.failures import unwritten

Record = dict[str, Any]
_START = b'{"source": '
_LONGEST = 1 << 20  # bytes of a line; file names are far shorter
_STAMP = [field.name for field in fields(Stamp)]


class Manifest:
    """A manifest, continued or new.

    The lines of earlier runs are read first, to learn which outputs are known. Of several lines
    for one output the last one that tells of its making counts: a refusal or a failure leaves the
    output as it was. Every line is written at once and in one piece.

    Pipes, devices and what is open already (``/dev/stdout``) are only written to.

    Damaged lines are ignored, and mentioned in ``notes``. A partial last line, left by a kill or a
    power cut, is cut off when writing begins.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Read the existing file, and open it for writing unless ``read_only``.

        Raises:
            OutputError: the file cannot be read or written, or is not a manifest.
        """
        self.path = path
        self._known: dict[str, Record] = {}
        self._failed: set[str] = set()  # outputs whose last line says so
        self._cut: int | None = None  # start of a partial last line
        self._damaged = 0
        self._stream: BinaryIO | None = None
        try:
            # Pipes and devices have no earlier lines, and may never end.
            if path.is_file() or path.is_dir():
                with path.open("rb") as stream:
                    self._read(stream)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise OutputError(f"{path}: cannot be read: {error.strerror or error}") from error
        if not read_only:
            self._open()

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings about the file."""
        if not self._damaged:
            return ()
        lines = "1 damaged line" if self._damaged == 1 else f"{self._damaged} damaged lines"
        return (f"{lines} dropped",)

    def _read(self, stream: BinaryIO) -> None:
        end, usable = 0, False
        for line in iter(lambda: stream.readline(_LONGEST), b""):
            start, end = end, end + len(line)
            record = _parse(line)
            usable = usable or record is not None or (not start and line.startswith(_START))
            if record is not None:
                self._learn(record)
            elif not line.endswith(b"\n") and len(line) < _LONGEST:
                self._cut = start
                # A kill may leave a partial line, which needs no warning.
                self._damaged += not line.startswith(_START)
            else:
                self._damaged += 1
        if end and not usable:
            raise OutputError(f"{self.path}: exists and is not a manifest")

    def _learn(self, record: Record) -> None:
        output = record.get("output")
        if output is None:
            return
        key = _key(output)
        self._failed.discard(key)
        match record["status"]:
            case Status.DONE:
                self._known[key] = record
            case Status.SKIPPED:
                self._known.setdefault(key, record)  # it tells less than that of the making
            case _:
                self._failed.add(key)

    def known(self, output: Location) -> Record | None:
        """The record of an output that is finished according to the manifest."""
        return self._known.get(_key(output))

    def known_stamp(self, output: Location) -> Stamp | None:
        """The stamp of the source of a finished output when it was read."""
        record = self.known(output)
        told = [] if record is None else [record.get(name) for name in _STAMP]
        return None if all(value is None for value in told) else Stamp(*told)

    def write(self, outcome: Outcome) -> None:
        """Append a line, unless the file was finished before and its last line says so.

        Raises:
            OutputError: it cannot be written.
        """
        if outcome.status is Status.SKIPPED and self._says_finished(outcome.output):
            return
        assert self._stream is not None, "the manifest was opened for reading"
        try:
            self._stream.write(json.dumps(outcome.to_dict()).encode("ascii") + b"\n")
        except OSError as error:
            raise self._not_written(error) from error

    def _says_finished(self, output: Location | None) -> bool:
        if output is None:
            return False
        return self.known(output) is not None and _key(output) not in self._failed

    def _open(self) -> None:
        try:
            if self._cut is not None:
                os.truncate(self.path, self._cut)
            # Unbuffered: a line is one system call.
            descriptor = descriptor_of(self.path)
            opened = self.path if descriptor is None else os.dup(descriptor)
            self._stream = open(opened, "ab", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise self._not_written(error) from error

    def _not_written(self, error: OSError) -> OutputError:
        return unwritten(str(self.path), error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.close()


def _parse(line: bytes) -> Record | None:
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and _is_sound(record) else None


def _is_sound(record: Record) -> bool:
    """Whether all used fields of a record have the right type."""
    figures = [record.get(name, 0) for name in ("source_bytes", "source_mtime_ns", "bytes")]
    versions = [record.get(name, "") for name in ("source_etag", "output_etag")]
    return (
        isinstance(record.get("source"), str)
        and record.get("status") in [status.value for status in Status]
        and isinstance(record.get("output"), str | None)
        and isinstance(record.get("settings", {}), dict)
        and all(isinstance(value, int) and not isinstance(value, bool) for value in figures)
        and all(isinstance(value, str) for value in versions)
    )


def _key(output: str | Location) -> str:
    # URLs are text; no path that a batch writes to contains "://", because paths are normalised.
    if isinstance(output, Url) or "://" in str(output):
        return str(output)
    return os.path.abspath(output)
