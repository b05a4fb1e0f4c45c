"""What is done with one file of a batch, in whatever process."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lcodec import container
from lcodec.atomic import atomic_write
from lcodec.batch.options import DecodeOptions, EncodeOptions, Options
from lcodec.batch.report import Stamp, explain
from lcodec.edge import without_temporary_folder
from lcodec.errors import InputError, LcodecError, OutputError
from lcodec.limits import DecoderLimits
from lcodec.picture import Picture, load, save
from lcodec.weights import find_model_by_id

if TYPE_CHECKING:
    from lcodec.codec import Codec


@dataclass(frozen=True)
class Task:
    """A file to make; ``replace`` allows that it exists."""

    source: Path
    output: Path
    replace: bool = False


@dataclass(frozen=True)
class Made:
    """A file that was made; fields as those of `lcodec.batch.report.Outcome`."""

    width: int
    height: int
    bytes: int
    stamp: Stamp
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


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
    return [_attempt_one(worker, task) for task in tasks]


def _attempt_one(worker: Worker, task: Task) -> Result:
    start = time.perf_counter()
    try:
        made = worker.make(task)
    except Exception as error:  # a file must not take the rest of the batch with it
        return _failed(error)
    return replace(made, seconds=time.perf_counter() - start)


def _failed(error: Exception) -> Failed:
    if isinstance(error, Unusable):
        cause = error.__cause__
        assert isinstance(cause, LcodecError)
        return Failed(*explain(cause), fatal=cause)
    return Failed(*explain(error), alone=_lacks_memory(error))


def _lacks_memory(error: Exception) -> bool:
    # torch raises a RuntimeError on the CPU and a class of its own on a GPU.
    return isinstance(error, MemoryError) or "memory" in str(error).lower()


@dataclass(frozen=True)
class CodecRecipe:
    """Workers that encode or decode with the released models."""

    options: Options

    def open(self) -> Worker:
        """A worker whose model is loaded with its first file."""
        if isinstance(self.options, EncodeOptions):
            return EncodeWorker(self.options)
        return DecodeWorker(self.options)


@dataclass(frozen=True)
class _Source:
    """A picture between reading and writing."""

    task: Task
    stamp: Stamp
    picture: Picture

    @classmethod
    def read(cls, task: Task, options: EncodeOptions) -> _Source:
        stamp = Stamp.of(task.source)
        _refuse_lic(task.source)
        picture = load(task.source, metadata=not options.strip, max_pixels=options.max_pixels)
        return cls(task, stamp, picture)

    def write(self, data: bytes, *, preserve: bool) -> Made:
        _refuse_change(self.task.source, self.stamp)
        _make_folder(self.task.output.parent)
        with atomic_write(self.task.output, overwrite=self.task.replace) as stream:
            stream.write(data)
        if preserve:
            _keep_time(self.task.output, self.stamp)
        picture = self.picture
        return Made(picture.width, picture.height, len(data), self.stamp, picture.notes)


class EncodeWorker:
    """Pictures to ``.lic`` files."""

    def __init__(self, options: EncodeOptions) -> None:
        self.options = options
        self._codec: Codec | None = None

    def make(self, task: Task) -> Made:
        """Encode one picture.

        Raises:
            Unusable: the model cannot be loaded.
            InputError, OutputError: as `lcodec.picture`, or the picture changed meanwhile.
        """
        source = _Source.read(task, self.options)
        options = self.options
        data = self._loaded().encode(
            source.picture, options.quality, target=options.target, effort=options.effort
        )
        return source.write(data, preserve=options.preserve)

    def make_many(self, tasks: Bundle) -> list[Result]:
        """Encode pictures together; seconds are equal shares. Raises what befalls all of them.

        Targets and effort are for each picture alone.
        """
        if self.options.target is not None or self.options.effort:
            return [_attempt_one(self, task) for task in tasks]
        start = time.perf_counter()
        results: dict[Task, Result] = {}
        sources = []
        for task in tasks:
            try:
                sources.append(_Source.read(task, self.options))
            except Exception as error:
                results[task] = _failed(error)
        pictures = [source.picture for source in sources]
        encoded = self._loaded().encode_many(pictures, self.options.quality) if pictures else []
        for source, one in zip(sources, encoded, strict=True):
            try:
                results[source.task] = source.write(one.data, preserve=self.options.preserve)
            except Exception as error:
                results[source.task] = _failed(error)
        share = (time.perf_counter() - start) / len(tasks)
        return [
            replace(result, seconds=share) if isinstance(result, Made) else result
            for result in map(results.__getitem__, tasks)
        ]

    def _loaded(self) -> Codec:
        if self._codec is None:
            self._codec = _load(self.options.model, self.options.device)
        return self._codec


class DecodeWorker:
    """``.lic`` files to pictures; each file says which model it needs."""

    def __init__(self, options: DecodeOptions) -> None:
        self.options = options
        self._model = ""
        self._codec: Codec | None = None

    def make(self, task: Task) -> Made:
        """Decode one file.

        Raises:
            Unusable: a model that is there cannot be loaded.
            InputError, OutputError, FormatError, UnsupportedError, WeightsError, MismatchError: as
                `lcodec.codec.Codec.decode` and `lcodec.picture.save`.
        """
        stamp = Stamp.of(task.source)
        limits = DecoderLimits.for_pixels(self.options.max_pixels)
        try:
            with task.source.open("rb") as stream:
                data = container.load(stream, limits)
            file = container.read(data, limits=limits)
            decoded = self._loaded(find_model_by_id(file.header.model_id).name).decode(file)
        except OSError as error:
            raise _unreadable(task.source, error) from error
        except LcodecError as error:
            raise type(error)(f"{task.source}: {error}") from error
        _refuse_change(task.source, stamp)
        _make_folder(task.output.parent)
        notes = save(decoded.picture, task.output, overwrite=task.replace)
        if self.options.preserve:
            _keep_time(task.output, stamp)
        return Made(file.header.width, file.header.height, len(data), stamp, notes)

    def make_many(self, tasks: Bundle) -> list[Result]:
        """Decode files one by one."""
        return [_attempt_one(self, task) for task in tasks]

    def _loaded(self, model: str) -> Codec:
        if self._codec is None or model != self._model:
            self._codec = None  # two at once would take twice the memory
            self._codec = _load(model, self.options.device)
            self._model = model
        return self._codec


def _load(model: str, device: str) -> Codec:
    try:
        from lcodec.codec import Codec  # only now: batches without work need no torch

        return Codec(model=model, device=device)
    except LcodecError as error:
        raise Unusable from error
    except FileNotFoundError as error:
        known = without_temporary_folder(error)
        if known is None:
            raise
        raise Unusable from known


def _unreadable(source: Path, error: OSError) -> InputError:
    return InputError(f"{source}: cannot be read: {error.strerror or error}")


def _refuse_change(source: Path, stamp: Stamp) -> None:
    if Stamp.of(source) != stamp:
        raise InputError(f"{source}: changed while it was being read")


def _refuse_lic(source: Path) -> None:
    try:
        with source.open("rb") as stream:
            head = stream.read(len(container.SIGNATURE))
    except OSError as error:
        raise _unreadable(source, error) from error
    if head == container.SIGNATURE:
        raise InputError(f"{source}: is a .lic file already; `--decode` gives the picture")


def _keep_time(output: Path, stamp: Stamp) -> None:
    try:
        os.utime(output, ns=(stamp.source_mtime_ns, stamp.source_mtime_ns))
    except OSError as error:
        raise OutputError(
            f"{output}: cannot get another time: {error.strerror or error}"
        ) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror or error}") from error
