"""The outcome of each file of a batch, and totals over all of them."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from lcodec.batch.location import Location, unreadable
from lcodec.batch.url import State, Url
from lcodec.container import is_mostly_metadata
from lcodec.errors import InputError, LcodecError

UNREADABLE = "cannot be read"
"""The reason of a planned file that will fail."""


_TIME_UNITS = (100, 1_000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000)
"""Nanoseconds in which file systems count: NTFS 100, exFAT 10 ms, HFS+ 1 s, FAT 2 s, ..."""


class Status(StrEnum):
    """What happened to a file, or in a dry run would happen."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    PLANNED = "planned"


@dataclass(frozen=True)
class Stamp:
    """Size in bytes and modification time of a source; a different stamp means it has changed.

    A store may know no time, or also a version (``source_etag``), or not even the size.
    """

    source_bytes: int | None
    source_mtime_ns: int | None
    source_etag: str | None = None

    @classmethod
    def of(cls, location: Location) -> Stamp:
        """The stamp of a file as it is now.

        Raises:
            InputError: it cannot be read, or is not a file but a folder or a pipe, say.
        """
        try:
            state = location.stat()
        except OSError as error:
            raise unreadable(location, error) from error
        if isinstance(state, State):
            if state.is_dir:
                raise InputError(f"{location}: is a folder")
            return cls.of_state(state)
        if not stat.S_ISREG(state.st_mode):
            folder = stat.S_ISDIR(state.st_mode)
            raise InputError(
                f"{location}: is {'a folder' if folder else 'neither file nor folder'}"
            )
        return cls(state.st_size, state.st_mtime_ns)

    def differs(self, other: Stamp) -> bool:
        """Whether a file changed between two stamps, by what both of them have.

        Equal versions mean equal files; without versions, size and time must be equal.
        """
        if None not in (self.source_etag, other.source_etag):
            return self.source_etag != other.source_etag
        return any(
            one is not None and another is not None and one != another
            for one, another in (
                (self.source_bytes, other.source_bytes),
                (self.source_mtime_ns, other.source_mtime_ns),
            )
        )

    def is_newer(self, made_ns: int | None, *, by_itself: bool) -> bool:
        """Whether the file changed after its output was made, which has the time ``made_ns``.

        Unless the output got that ``by_itself``, in a store, it may be the file's own time, as far
        as the output's file system can keep it.
        """
        changed = self.source_mtime_ns
        if made_ns is None or changed is None or changed <= made_ns:
            return False
        return by_itself or all(changed - changed % unit != made_ns for unit in _TIME_UNITS)

    @classmethod
    def of_state(cls, state: State) -> Stamp:
        """The stamp of a file in a store."""
        return cls(state.st_size, state.st_mtime_ns, state.etag)


def version(output: Location) -> str | None:
    """The version of an output in a store; None if the store has none, or on this machine."""
    if not isinstance(output, Url):
        return None
    try:
        return output.stat().etag
    except OSError:
        return None


@dataclass(frozen=True)
class Outcome:
    """The outcome of one file.

    Attributes:
        source: the file or shard, or a folder that could not be read.
        output: its output, None for a folder.
        status: done, skipped (finished before), failed, or planned (in a dry run).
        error: why it failed, one line; ``code`` is the exit status that the single-file command
            would have.
        reason: why a planned file has to be made.
        width, height: size of the picture in pixels.
        bytes: size of the ``.lic`` file, or of all those in a shard.
        pictures: number of pictures of a shard that were encoded or decoded, None for a file.
        total_pixels: pixels of all of them, None for a file.
        spoilt: why pictures of a shard were left unchanged; the command then ends with status 1.
        seconds: time taken.
        attempts: number of attempts; 0 if skipped.
        notes: what the output does not hold of the source.
        stamp: the stamp of the source when it was read.
        settings: options the output was made with (`lcodec.batch.options.settings`).
        output_etag: the version of the output, if a store has one.
        metadata_bytes: those of ``bytes`` that are metadata, None if nothing was encoded.
    """

    source: Location
    output: Location | None
    status: Status
    error: str | None = None
    code: int = 0
    reason: str | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    pictures: int | None = None
    total_pixels: int | None = None
    spoilt: tuple[str, ...] = ()
    seconds: float = 0.0
    attempts: int = 0
    notes: tuple[str, ...] = ()
    stamp: Stamp | None = None
    settings: dict[str, Any] | None = None
    output_etag: str | None = None
    metadata_bytes: int | None = None

    @property
    def pixels(self) -> int:
        """Pixels of the picture, or of all pictures of a shard; 0 if unknown."""
        if self.total_pixels is not None:
            return self.total_pixels
        return (self.width or 0) * (self.height or 0)

    @property
    def bpp(self) -> float | None:
        """Bits per pixel of the ``.lic`` file, None if a size is unknown."""
        return 8 * self.bytes / self.pixels if self.bytes is not None and self.pixels else None

    @property
    def is_mostly_metadata(self) -> bool:
        """Whether half of what was encoded or more is metadata."""
        return is_mostly_metadata(self.metadata_bytes or 0, self.bytes or 0)

    @property
    def growth(self) -> int:
        """Bytes that an encoded picture has more than its source; 0 or less if it has none."""
        before = None if self.stamp is None else self.stamp.source_bytes
        if self.metadata_bytes is None or self.pictures is not None or before is None:
            return 0
        return (self.bytes or 0) - before

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; unknown ones are left out."""
        record: dict[str, Any] = asdict(self) | {
            "source": str(self.source),
            "output": None if self.output is None else str(self.output),
            "status": self.status.value,
            "bpp": self.bpp,
            "notes": list(self.notes),
            "spoilt": list(self.spoilt) or None,
        }
        record |= record.pop("stamp") or {}
        return {key: value for key, value in record.items() if value is not None}


def failure(
    source: Location, output: Location | None, error: Exception, attempts: int = 0
) -> Outcome:
    """The outcome of a file that failed with ``error``."""
    message, code = explain(error)
    return Outcome(source, output, Status.FAILED, error=message, code=code, attempts=attempts)


def explain(error: Exception) -> tuple[str, int]:
    """One line for an exception, apart from line ends in names of files, and its exit status."""
    if isinstance(error, LcodecError):
        return str(error), error.exit_code
    message = f"unexpected {type(error).__name__}: {error}"
    return " ".join(message.split()), LcodecError.exit_code


@dataclass
class Report:
    """Totals over all outcomes so far; only failures are kept individually.

    ``planned`` counts the files that a dry run would make, and ``unreadable`` those among them that
    will fail. ``mostly_metadata`` counts the files of which half or more is metadata;
    ``most_metadata`` is the one with the most of it. ``grown`` and ``most_growth`` are the same for
    files that are larger than their sources.
    """

    done: int = 0
    skipped: int = 0
    planned: int = 0
    unreadable: int = 0
    pictures: int = 0
    failures: list[Outcome] = field(default_factory=list)
    spoilt: list[Outcome] = field(default_factory=list)
    mostly_metadata: int = 0
    most_metadata: Outcome | None = None
    grown: int = 0
    most_growth: Outcome | None = None
    bytes: int = 0
    pixels: int = 0
    source_bytes: int | None = 0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome; bytes, pixels and pictures only of what this run made."""
        if outcome.spoilt:
            self.spoilt.append(outcome)
        match outcome.status:
            case Status.DONE:
                self.done += 1
                self.bytes += outcome.bytes or 0
                self.pixels += outcome.pixels
                self.pictures += outcome.pictures or 0
                self._count_source(outcome)
                if outcome.is_mostly_metadata:
                    self._count_metadata(outcome)
                if outcome.growth > 0:
                    self._count_growth(outcome)
            case Status.SKIPPED:
                self.skipped += 1
            case Status.PLANNED:
                self.planned += 1
                self.unreadable += outcome.reason == UNREADABLE
            case Status.FAILED:
                self.failures.append(outcome)

    def _count_metadata(self, outcome: Outcome) -> None:
        self.mostly_metadata += 1
        # Whatever order the outcomes come in.
        self.most_metadata = _most(self.most_metadata, outcome, lambda one: one.metadata_bytes or 0)

    def _count_growth(self, outcome: Outcome) -> None:
        self.grown += 1
        self.most_growth = _most(self.most_growth, outcome, lambda one: one.growth)

    def _count_source(self, outcome: Outcome) -> None:
        """Add the size of a source; shards and unknown sizes have nothing to compare with."""
        size = outcome.stamp.source_bytes if outcome.stamp else None
        known = None if outcome.pictures is not None else size
        self.source_bytes = (
            None if known is None or self.source_bytes is None else self.source_bytes + known
        )

    @property
    def total(self) -> int:
        """Number of outcomes."""
        return self.done + self.skipped + self.planned + len(self.failures)


def _most(before: Outcome | None, new: Outcome, of: Callable[[Outcome], int]) -> Outcome:
    """The outcome with more bytes of some kind; of equals, the same whatever came first."""
    listed = [new] if before is None else [before, new]
    return max(listed, key=lambda one: (of(one), str(one.output)))
