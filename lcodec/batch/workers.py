"""Workers that encode or decode with the released models."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from lcodec import container
from lcodec.batch.location import Location, open_at, unreadable, write
from lcodec.batch.options import DecodeOptions, EncodeOptions, Options
from lcodec.batch.report import Stamp, version
from lcodec.batch.url import Url
from lcodec.batch.work import (
    Bundle,
    Made,
    Result,
    Task,
    Unusable,
    Worker,
    as_result,
    attempt_one,
    failed,
    in_equal_shares,
)
from lcodec.errors import InputError, LcodecError, OutputError
from lcodec.kinds import HEAD_SIZE
from lcodec.limits import DecoderLimits
from lcodec.picture import Picture, load, save
from lcodec.process.failures import without_temporary_folder
from lcodec.process.outputs import set_time
from lcodec.process.streams import read_fully
from lcodec.weights import find_model_by_id

if TYPE_CHECKING:
    from lcodec.library.codec import Codec, Decoded
    from lcodec.pipeline.encoder import Encoded

FETCHED = 64 << 20
"""Most bytes of a file in a store that are fetched whole to read a picture."""


@dataclass(frozen=True)
class CodecRecipe:
    """Workers for single pictures and ``.lic`` files."""

    options: Options

    def open(self) -> Worker:
        """A worker that loads its model for the first file."""
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
        with _readable(task.source) as stream:
            return cls(task, stamp, read_picture(stream, str(task.source), options))

    def write(self, encoded: Encoded, *, preserve: bool) -> Made:
        refuse_change(self.task.source, self.stamp)
        output, picture, data = self.task.output, self.picture, encoded.data
        with write(output, overwrite=self.task.replace) as stream:
            stream.write(data)
        if preserve:
            keep_time(output, self.stamp)
        return Made(
            picture.width,
            picture.height,
            len(data),
            self.stamp,
            encoded.notes,
            output_etag=version(output),
            metadata_bytes=container.metadata_bytes(data),
        )


def read_picture(stream: BinaryIO, name: str, options: EncodeOptions) -> Picture:
    """The picture in a file that can seek.

    Raises:
        InputError: it is not a picture, or it is a ``.lic`` file.
    """
    if container.is_lic(stream.read(HEAD_SIZE)):
        raise InputError(f"{name}: is a .lic file already; use `--decode`")
    stream.seek(0)
    return load(stream, metadata=not options.strip, max_pixels=options.max_pixels, name=name)


class EncodeWorker:
    """Pictures to ``.lic`` files."""

    def __init__(self, options: EncodeOptions) -> None:
        self.options = options
        self._codec: Codec | None = None

    def make(self, task: Task) -> Made:
        """Encode one picture.

        Raises:
            Unusable: the model cannot be loaded.
            InputError, OutputError: as `lcodec.picture`, or the picture changed while being read.
        """
        source = _Source.read(task, self.options)
        return source.write(self.encode(source.picture), preserve=self.options.preserve)

    def make_many(self, tasks: Bundle) -> list[Result]:
        """Encode pictures together; seconds are equal shares. Raises errors that affect all."""
        if not self.is_quicker_together:
            return [attempt_one(self, task) for task in tasks]
        start = time.perf_counter()
        results: dict[Task, Result] = {}
        sources = []
        for task in tasks:
            try:
                sources.append(_Source.read(task, self.options))
            except Exception as error:
                results[task] = failed(error)
        encoded = self.encode_many([source.picture for source in sources])
        for source, one in zip(sources, encoded, strict=True):
            write = partial(source.write, one, preserve=self.options.preserve)
            results[source.task] = as_result(write)
        return in_equal_shares([results[task] for task in tasks], start)

    @property
    def is_quicker_together(self) -> bool:
        """Whether small pictures are faster together; targets and search are per picture."""
        return self.options.target is None and self.options.effort <= 0

    def encode(self, picture: Picture) -> Encoded:
        """A ``.lic`` file with the options of the batch."""
        options = self.options
        return self._loaded().encode_detailed(
            picture, options.quality, target=options.target, effort=options.effort
        )

    def encode_many(self, pictures: Sequence[Picture]) -> list[Encoded]:
        """The same files as by `encode`; only if `is_quicker_together`."""
        if not pictures:
            return []
        options = self.options
        return self._loaded().encode_many(pictures, options.quality, effort=options.effort)

    def _loaded(self) -> Codec:
        if self._codec is None:
            self._codec = _load(self.options.model, self.options.device)
        return self._codec


@dataclass(frozen=True)
class _Coded:
    """A ``.lic`` file that was read."""

    task: Task
    stamp: Stamp
    data: bytes | bytearray

    @classmethod
    def read(cls, task: Task, limits: DecoderLimits) -> _Coded:
        stamp = Stamp.of(task.source)
        try:
            with open_at(task.source) as stream:
                return cls(task, stamp, container.load(stream, limits))
        except OSError as error:
            raise unreadable(task.source, error) from error
        except LcodecError as error:
            raise type(error)(f"{task.source}: {error}") from error

    def write(self, decoded: Decoded, options: DecodeOptions) -> Made:
        refuse_change(self.task.source, self.stamp)
        output, header = self.task.output, decoded.header
        with write(output, overwrite=self.task.replace) as stream:
            notes = save(decoded.picture, stream, suffix=output.suffix, name=str(output))
        if options.preserve:
            keep_time(output, self.stamp)
        return Made(
            header.width,
            header.height,
            len(self.data),
            self.stamp,
            notes,
            output_etag=version(output),
        )


class DecodeWorker:
    """``.lic`` files to pictures; each file says which model it needs."""

    def __init__(self, options: DecodeOptions) -> None:
        self.options = options
        self._limits = DecoderLimits.for_pixels(options.max_pixels)
        self._model = ""
        self._codec: Codec | None = None

    def make(self, task: Task) -> Made:
        """Decode one file.

        Raises:
            Unusable: an existing model cannot be loaded.
            InputError, OutputError, FormatError, UnsupportedError, WeightsError, MismatchError: as
                `lcodec.library.codec.Codec.decode` and `lcodec.picture.save`.
        """
        coded = _Coded.read(task, self._limits)
        return coded.write(self.decode(coded.data, str(task.source)), self.options)

    def make_many(self, tasks: Bundle) -> list[Result]:
        """Decode files together; seconds are equal shares. Raises errors that affect any."""
        start = time.perf_counter()
        coded = [_Coded.read(task, self._limits) for task in tasks]
        pictures = self.decode_many([one.data for one in coded])
        results = [
            as_result(partial(one.write, decoded, self.options))
            for one, decoded in zip(coded, pictures, strict=True)
        ]
        return in_equal_shares(results, start)

    def decode_many(self, files: Sequence[bytes | bytearray]) -> list[Decoded]:
        """The pictures in some small files.

        Raises:
            FormatError, UnsupportedError, InputError, WeightsError, MismatchError: at least one of
                them cannot be decoded, or not with the model of the first.
        """
        read = [container.read(data, limits=self._limits) for data in files]
        return self._loaded(find_model_by_id(read[0].header.model_id).name).decode_many(read)

    def decode(self, data: bytes | bytearray, name: str) -> Decoded:
        """The picture in a ``.lic`` file; raises as `make`, with its name in the messages."""
        try:
            file = container.read(data, limits=self._limits)
            return self._loaded(find_model_by_id(file.header.model_id).name).decode(file)
        except LcodecError as error:
            raise type(error)(f"{name}: {error}") from error

    def _loaded(self, model: str) -> Codec:
        if self._codec is None or model != self._model:
            self._codec = None  # two would take twice the memory
            self._codec = _load(model, self.options.device)
            self._model = model
        return self._codec


def _load(model: str, device: str) -> Codec:
    try:
        # Only now: batches without work need no torch.
        from lcodec.library.codec import Codec

        return Codec(model=model, device=device)
    except LcodecError as error:
        raise Unusable from error
    except FileNotFoundError as error:
        known = without_temporary_folder(error)
        if known is None:
            raise
        raise Unusable from known


@contextmanager
def _readable(source: Location) -> Iterator[BinaryIO]:
    """A picture opened for reading in any order; one in a store is fetched whole unless large."""
    try:
        with open_at(source) as stream:
            if isinstance(source, Url) and len(data := read_fully(stream.read, FETCHED)) < FETCHED:
                yield io.BytesIO(data)
                return
            stream.seek(0)
            yield stream
    except OSError as error:
        raise unreadable(source, error) from error


def refuse_change(source: Location, stamp: Stamp) -> None:
    """Make sure that a source has not changed.

    Raises:
        InputError: it has.
    """
    if Stamp.of(source) != stamp:
        raise InputError(f"{source}: changed while it was being read")


def keep_time(output: Location, stamp: Stamp) -> None:
    """Give an output the time of its source.

    Raises:
        OutputError: the source, in a store, has no time, or the time cannot be set.
    """
    time_ns = stamp.source_mtime_ns
    if isinstance(output, Url) or time_ns is None:
        raise OutputError(
            f"{output}: cannot be given the time of its source: one of them is in a store"
        )
    set_time(output, time_ns)
