"""Workers that process shards: every picture is coded, everything else copied."""

from __future__ import annotations

import copy
import io
import tarfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from lcodec import container
from lcodec.batch.location import at_hand, write
from lcodec.batch.options import DecodeOptions, EncodeOptions, Options
from lcodec.batch.report import Stamp, explain, version
from lcodec.batch.shards import Member, content, members_of, opened
from lcodec.batch.work import (
    SMALL_PIXELS,
    TOGETHER,
    Bundle,
    Made,
    Result,
    Task,
    Unusable,
    Worker,
    attempt_one,
    in_patches,
)
from lcodec.batch.workers import (
    DecodeWorker,
    EncodeWorker,
    keep_time,
    read_picture,
    refuse_change,
)
from lcodec.errors import LcodecError
from lcodec.picture import Picture, save
from lcodec.process.failures import lacks_memory
from lcodec.suffixes import LIC, READ_SUFFIXES

if TYPE_CHECKING:
    from lcodec.library.codec import Decoded
    from lcodec.pipeline.encoder import Encoded


@dataclass(frozen=True)
class ShardRecipe:
    """Workers for shards."""

    options: Options

    def open(self) -> Worker:
        """A worker that loads its model for the first picture."""
        if isinstance(self.options, EncodeOptions):
            return ShardWorker(self.options, ShardEncoder(self.options))
        return ShardWorker(self.options, ShardDecoder(self.options))


def layout(options: Options) -> tuple[Collection[str], str]:
    """Suffixes of the members to process, and the suffix of their outputs."""
    if isinstance(options, EncodeOptions):
        return READ_SUFFIXES, LIC
    return (LIC,), options.suffix


@dataclass(frozen=True)
class Coded:
    """The result for a member: its data, bytes of the ``.lic`` file, pixels, notes, metadata."""

    data: bytes
    lic_bytes: int
    pixels: int
    notes: tuple[str, ...] = ()
    metadata_bytes: int | None = None


Become = Coded | Exception


class ShardEncoder:
    """Pictures in memory to ``.lic`` files in memory."""

    def __init__(self, options: EncodeOptions) -> None:
        self._options = options
        self.worker = EncodeWorker(options)

    def code(self, files: Iterable[tuple[str, bytes]]) -> list[Become]:
        """Code files, small ones of equal size together; a file that fails gives an exception."""
        out: list[Become | None] = []
        small: dict[tuple[int, int], list[tuple[int, Picture]]] = {}
        for name, data in files:
            out.append(None)
            try:
                picture = read_picture(io.BytesIO(data), name, self._options)
                pixels = picture.width * picture.height
                if self.worker.is_quicker_together and pixels <= SMALL_PIXELS:
                    size = in_patches(picture.width, picture.height)
                    small.setdefault(size, []).append((len(out) - 1, picture))
                else:
                    out[-1] = _coded(picture, self.worker.encode(picture))
            except Exception as error:
                out[-1] = _of_one(error)
        for same in small.values():
            places, pictures = zip(*same, strict=True)
            for place, one in zip(places, self._code_small(pictures), strict=True):
                out[place] = one
        return [one for one in out if one is not None]

    def _code_small(self, pictures: Collection[Picture]) -> list[Become]:
        try:
            coded = self.worker.encode_many(list(pictures))
        except Exception as error:
            _of_one(error)
            return [self._code_one(picture) for picture in pictures]
        return [_coded(picture, one) for picture, one in zip(pictures, coded, strict=True)]

    def _code_one(self, picture: Picture) -> Become:
        try:
            return _coded(picture, self.worker.encode(picture))
        except Exception as error:
            return _of_one(error)


def _is_small(data: bytes) -> bool:
    try:
        return container.read_head(io.BytesIO(data)).header.pixels <= SMALL_PIXELS
    except LcodecError:
        return False  # decoding it says why


class ShardDecoder:
    """``.lic`` files in memory to pictures in memory."""

    def __init__(self, options: DecodeOptions) -> None:
        self._options = options
        self.worker = DecodeWorker(options)

    def code(self, files: Iterable[tuple[str, bytes]]) -> list[Become]:
        """Decode files, small ones together; a file that fails gives an exception."""
        given = list(files)
        together: dict[int, Decoded] = {}
        with suppress(Exception):  # each by itself shows which of them it was
            small = [number for number, (_, data) in enumerate(given) if _is_small(data)]
            if len(small) > 1:
                decoded = self.worker.decode_many([given[number][1] for number in small])
                together = dict(zip(small, decoded, strict=True))
        return [
            self._code_one(name, data, together.pop(number, None))
            for number, (name, data) in enumerate(given)
        ]

    def _code_one(self, name: str, data: bytes, decoded: Decoded | None) -> Become:
        try:
            decoded = decoded or self.worker.decode(data, name)
            stream = io.BytesIO()
            notes = save(decoded.picture, stream, suffix=self._options.suffix, name=name)
        except Exception as error:
            return _of_one(error)
        pixels = decoded.header.width * decoded.header.height
        return Coded(stream.getvalue(), len(data), pixels, notes)


@dataclass
class _Tally:
    """Totals over a shard."""

    pictures: int = 0
    pixels: int = 0
    lic_bytes: int = 0
    metadata_bytes: int | None = None
    spoilt: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, one: Coded) -> None:
        self.pictures += 1
        self.pixels += one.pixels
        self.lic_bytes += one.lic_bytes
        self.notes.update(one.notes)
        if one.metadata_bytes is not None:
            self.metadata_bytes = (self.metadata_bytes or 0) + one.metadata_bytes

    def lines(self) -> tuple[str, ...]:
        return tuple(
            note if count == 1 else f"{note} ({count} pictures)"
            for note, count in self.notes.items()
        )


class ShardWorker:
    """Shards to shards.

    A picture that cannot be coded stays in the shard unchanged and is named in ``spoilt``; the
    rest of the shard is not affected.
    """

    def __init__(self, options: Options, coder: ShardEncoder | ShardDecoder) -> None:
        self._options = options
        self.coder = coder

    def make(self, task: Task) -> Made:
        """Make a shard, which appears whole or not at all.

        Raises:
            Unusable: a model cannot be loaded.
            InputError: the shard cannot be read, is damaged, or changed while being read.
            OutputError: the output cannot be written.
        """
        stamp, name = Stamp.of(task.source), str(task.source)
        inputs, suffix = layout(self._options)
        tally = _Tally()
        with at_hand(task.source) as stream, opened(stream, name) as tar:
            members = members_of(tar, stream, name, inputs, suffix)
            with write(task.output, overwrite=task.replace) as out:
                self._write(tar, members, name, out, tally)
                refuse_change(task.source, stamp)
        if self._options.preserve:
            keep_time(task.output, stamp)
        return Made(
            None,
            None,
            tally.lic_bytes,
            stamp,
            tally.lines(),
            output_etag=version(task.output),
            pictures=tally.pictures,
            total_pixels=tally.pixels,
            spoilt=tuple(tally.spoilt),
            metadata_bytes=tally.metadata_bytes,
        )

    def make_many(self, tasks: Bundle) -> list[Result]:
        """Make shards one by one."""
        return [attempt_one(self, task) for task in tasks]

    def _write(
        self,
        tar: tarfile.TarFile,
        members: list[Member],
        name: str,
        out: BinaryIO,
        tally: _Tally,
    ) -> None:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
            for window in _windows(members):
                # One window at a time, so that few pictures are in memory as pixels.
                files = ((m.name, content(tar, m, name)) for m in window if m.output is not None)
                became = iter(self.coder.code(files))
                for member in window:
                    one = next(became) if member.output is not None else None
                    if isinstance(one, Coded):
                        tally.add(one)
                        _add(made, member.info, member.output or "", one.data)
                        continue
                    if one is not None:
                        tally.spoilt.append(explain(one)[0])
                    if member.info.isfile() or member.info.islnk():
                        _add(made, member.info, member.name, content(tar, member, name))
                    else:
                        made.addfile(member.info)


def _windows(members: list[Member]) -> Iterator[list[Member]]:
    """Members in order, in groups with as many pictures as are encoded together."""
    window: list[Member] = []
    pictures = 0
    for member in members:
        window.append(member)
        pictures += member.output is not None
        if pictures == TOGETHER:
            yield window
            window, pictures = [], 0
    if window:
        yield window


def _add(made: tarfile.TarFile, like: tarfile.TarInfo, name: str, data: bytes) -> None:
    """Add a file with the times and owner of another."""
    info = copy.copy(like)
    info.name, info.size, info.type, info.linkname = name, len(data), tarfile.REGTYPE, ""
    info.pax_headers = {k: v for k, v in like.pax_headers.items() if not k.startswith(_OWN)}
    made.addfile(info, io.BytesIO(data))


_OWN = ("path", "size", "linkpath", "mtime", "uid", "gid", "uname", "gname", "GNU.sparse.")
"""Headers that tarfile creates itself where needed, and those of holes, which are filled."""


def _coded(picture: Picture, encoded: Encoded) -> Coded:
    data, notes = encoded.data, encoded.notes
    pixels, metadata = picture.width * picture.height, container.metadata_bytes(data)
    return Coded(data, len(data), pixels, notes, metadata)


def _of_one(error: Exception) -> Exception:
    """The error if it concerns a single picture; others are raised."""
    if isinstance(error, Unusable) or lacks_memory(error):
        raise error
    return error
