"""The tasks and results of workers, in whatever process they run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from lcodec.batch.location import Location
from lcodec.batch.report import Stamp, explain
from lcodec.errors import DiskFullError, LcodecError
from lcodec.format import PATCH
from lcodec.process.failures import lacks_memory


@dataclass(frozen=True)
class Task:
    """A file to make; ``replace`` allows it to exist."""

    source: Location
    output: Location
    replace: bool = False


@dataclass(frozen=True)
class Made:
    """A file that was made; fields as in `lcodec.batch.report.Outcome`."""

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
        error, code: as in `lcodec.batch.report.Outcome`.
        alone: it may succeed when nothing else uses memory.
        fatal: every other file would fail, too; the batch ends.
    """

    error: str
    code: int
    alone: bool = False
    fatal: LcodecError | None = None


SMALL_PIXELS = 256 * 256
"""Pictures up to this size are encoded faster together."""
TOGETHER = 16
"""Most tasks in a bundle: its results are lost if its process dies."""

Result = Made | Failed
Bundle = tuple[Task, ...]
"""Tasks that one worker does together."""


class Worker(Protocol):
    """Makes one file after another."""

    def make(self, task: Task) -> Made:
        """Make a file; any exception except `Unusable` concerns this file alone."""

    def make_many(self, tasks: Bundle) -> list[Result]:
        """Make several files at once; an exception means that none was made."""


class Recipe(Protocol):
    """How to create a `Worker` in any process; must be picklable."""

    def open(self) -> Worker:
        """A new worker."""


class Unusable(Exception):
    """The worker cannot make anything; the cause says why."""


def attempt(worker: Worker, tasks: Bundle) -> list[Result]:
    """Let a worker make files; failures become results.

    If making them together fails, they are made one by one.
    """
    if len(tasks) > 1:
        with contextlib.suppress(Exception):
            return worker.make_many(tasks)
    return [attempt_one(worker, task) for task in tasks]


def attempt_one(worker: Worker, task: Task) -> Result:
    """Let a worker make one file."""
    start = time.perf_counter()
    return in_equal_shares([as_result(partial(worker.make, task))], start)[0]


def as_result(make: Callable[[], Made]) -> Result:
    """What ``make`` gives, or its exception as a result: one file must not end the batch."""
    try:
        return make()
    except Exception as error:
        return failed(error)


def in_equal_shares(results: Sequence[Result], start: float) -> list[Result]:
    """Results of work done together since ``start``, each with its share of the seconds."""
    share = (time.perf_counter() - start) / len(results)
    return [
        replace(result, seconds=share) if isinstance(result, Made) else result for result in results
    ]


def in_patches(width: int, height: int) -> tuple[int, int]:
    """A size in patches, the positions of the networks."""
    return -(-width // PATCH), -(-height // PATCH)


def failed(error: Exception) -> Failed:
    """An exception as a result."""
    if isinstance(error, Unusable):
        cause = error.__cause__
        assert isinstance(cause, LcodecError)
        return Failed(*explain(cause), fatal=cause)
    fatal = error if isinstance(error, DiskFullError) else None
    return Failed(*explain(error), alone=lacks_memory(error), fatal=fatal)
