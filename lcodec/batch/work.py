"""What workers are given and what they give back, in whatever process they are."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import Protocol

from lcodec.batch.location import Location
from lcodec.batch.report import Stamp, explain
from lcodec.errors import LcodecError


@dataclass(frozen=True)
class Task:
    """A file to make; ``replace`` allows that it exists."""

    source: Location
    output: Location
    replace: bool = False


@dataclass(frozen=True)
class Made:
    """A file that was made; fields as those of `lcodec.batch.report.Outcome`."""

    width: int | None
    height: int | None
    bytes: int
    stamp: Stamp
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    output_etag: str | None = None
    pictures: int | None = None
    total_pixels: int | None = None
    spoilt: tuple[str, ...] = ()
    metadata_bytes: int | None = None


@dataclass(frozen=True)
class Failed:
    """Why a file was not made.

    Attributes:
        error, code: as those of `lcodec.batch.report.Outcome`.
        alone: it may go well when nothing else takes memory.
        fatal: set if no other file would fare better; it ends the batch.
    """

    error: str
    code: int
    alone: bool = False
    fatal: LcodecError | None = None


SMALL_PIXELS = 256 * 256
"""Pictures up to this size gain by being encoded together."""
TOGETHER = 16
"""So many at most: what a bundle has done is lost if its process dies."""

Result = Made | Failed
Bundle = tuple[Task, ...]
"""Tasks that one worker does together."""


class Worker(Protocol):
    """Makes one file after the other."""

    def make(self, task: Task) -> Made:
        """Make a file; any exception concerns this file alone, but `Unusable`."""

    def make_many(self, tasks: Bundle) -> list[Result]:
        """Make several files at once; an exception means that none has been made."""


class Recipe(Protocol):
    """How to get a `Worker` in any process; has to be picklable."""

    def open(self) -> Worker:
        """A new worker."""


class Unusable(Exception):
    """The worker can make nothing at all; the cause says why."""


def attempt(worker: Worker, tasks: Bundle) -> list[Result]:
    """Let a worker make files; what goes wrong becomes a result.

    If making them together goes wrong altogether, they are made one by one.
    """
    if len(tasks) > 1:
        with contextlib.suppress(Exception):
            return worker.make_many(tasks)
    return [attempt_one(worker, task) for task in tasks]


def attempt_one(worker: Worker, task: Task) -> Result:
    """Let a worker make one file."""
    start = time.perf_counter()
    try:
        made = worker.make(task)
    except Exception as error:  # a file must not take the rest of the batch with it
        return failed(error)
    return replace(made, seconds=time.perf_counter() - start)


def failed(error: Exception) -> Failed:
    """An exception as a result."""
    if isinstance(error, Unusable):
        cause = error.__cause__
        assert isinstance(cause, LcodecError)
        return Failed(*explain(cause), fatal=cause)
    return Failed(*explain(error), alone=lacks_memory(error))


def lacks_memory(error: Exception) -> bool:
    """Whether an error says that memory is short."""
    # torch raises a RuntimeError on the CPU and a class of its own on a GPU.
    return isinstance(error, MemoryError) or "memory" in str(error).lower()
