"""What differs between encoding and decoding when existing outputs are judged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol

from lcodec import container
from lcodec.batch.location import Location, open_at, unreadable
from lcodec.batch.options import DecodeOptions, EncodeOptions, Options, other_model
from lcodec.batch.plan import Job
from lcodec.container import METADATA, LicFile
from lcodec.errors import FormatError, InputError, LcodecError
from lcodec.kinds import HEAD_SIZE
from lcodec.limits import UNDECODED
from lcodec.picture import format_of_suffix, is_whole, probe, upright_size
from lcodec.process.failures import own_errors
from lcodec.weights import require_model, stated_id

Size = tuple[int, int]
"""Width and height."""


class Action(StrEnum):
    """What to do for a job."""

    MAKE = "make"
    SKIP = "skip"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Finding:
    """What exists in place of an output; ``action`` is for an unchanged source.

    ``bytes`` is the size of the ``.lic`` file if a batch may have made this output, with any
    options; None otherwise. ``size`` is that of its picture, if known.
    """

    action: Action
    reason: str
    bytes: int | None = None
    size: Size | None = None


class Direction(Protocol):
    """What differs between encoding and decoding when outputs are checked."""

    def size(self, source: Location) -> Size | None:
        """Width and height of the picture in a source, None if it holds several.

        Raises:
            InputError, FormatError, UnsupportedError: it holds none.
        """

    def find(self, job: Job, size: Size | None) -> Finding:
        """Judge an existing output file, given the size of the picture.

        Raises:
            OSError: it cannot be read.
        """


def direction_of(options: Options) -> Encoding | Decoding:
    """How to check outputs made with these options."""
    if isinstance(options, EncodeOptions):
        return Encoding(options)
    return Decoding(options)


class Encoding:
    """Outputs are ``.lic`` files."""

    def __init__(self, options: EncodeOptions) -> None:
        self._quality = options.quality
        self._target = options.target
        self._model = require_model(options.model)
        self._model_id = stated_id(self._model)
        self._strip = options.strip

    def size(self, source: Location) -> Size:
        """See `Direction`."""
        try:
            with open_at(source) as stream:
                return upright_size(stream, str(source))
        except OSError as error:
            raise unreadable(source, error) from error

    def find(self, job: Job, size: Size | None) -> Finding:
        """See `Direction`."""
        with open_at(job.output) as stream:
            return self.judge(stream, size)

    def judge(self, stream: BinaryIO, size: Size | None) -> Finding:
        """Judge what exists in place of a ``.lic`` file."""
        start = stream.read(HEAD_SIZE)
        if not container.may_be_lic(start):
            return Finding(Action.REFUSE, "not a .lic file")
        try:
            file, coded = _read(stream, start)
        except FormatError:
            return Finding(Action.MAKE, "damaged" if start else "empty")
        except LcodecError as error:
            return Finding(Action.REFUSE, f"but {error}")
        header = file.header
        # An orientation stored after the pixels may have turned the picture.
        if size is not None and sorted((header.width, header.height)) != sorted(size):
            reason = f"holds a picture of {header.width}x{header.height}, not {size[0]}x{size[1]}"
        elif self._target is not None and self._target.is_exceeded(
            coded, header.width * header.height
        ):
            reason = f"has {coded} bytes, more than {self._target}"
        elif self._model_id is not None and header.model_id.hex() != self._model_id:
            reason = f"made with {other_model(header.model_id, self._model)}"
        elif self._quality is not None and header.quality != self._quality:
            reason = f"made with quality {header.quality}, not {self._quality}"
        elif self._strip and any(section.type in METADATA for section in file.extra):
            reason = "made without --strip"
        else:
            return Finding(Action.SKIP, "", coded, (header.width, header.height))
        return Finding(Action.REFUSE, reason, coded)


class Decoding:
    """Outputs are pictures."""

    def __init__(self, options: DecodeOptions) -> None:
        self._format = format_of_suffix(options.suffix)

    def size(self, source: Location) -> Size:
        """See `Direction`."""
        try:
            with open_at(source) as stream:
                return self.size_of(stream)
        except OSError as error:
            raise unreadable(source, error) from error

    def size_of(self, stream: BinaryIO) -> Size:
        """Width and height of the picture in a ``.lic`` file, whose every byte is checked."""
        header = _read(stream)[0].header
        return header.width, header.height

    def find(self, job: Job, size: Size | None) -> Finding:
        """See `Direction`."""
        coded = job.source.stat().st_size
        with open_at(job.output) as stream:
            return self.judge(stream, coded, size)

    def judge(self, stream: BinaryIO, coded: int | None, size: Size | None) -> Finding:
        """Judge what exists in place of a picture decoded from a file of ``coded`` bytes."""
        if not stream.read(1):
            return Finding(Action.MAKE, "empty")
        try:
            width, height, kind = probe(stream)
        except InputError:
            return Finding(Action.REFUSE, "not a picture")
        if kind != self._format:
            return Finding(Action.REFUSE, f"a picture of another format ({kind})", coded)
        if size is not None and (width, height) != size:
            reason = f"a picture of {width}x{height}, not {size[0]}x{size[1]}"
            return Finding(Action.REFUSE, reason, coded)
        if not is_whole(stream):
            return Finding(Action.MAKE, "damaged")
        return Finding(Action.SKIP, "", coded)


def _read(stream: BinaryIO, start: bytes = b"") -> tuple[LicFile, int]:
    """A file, with every byte checked whatever the picture size, and its size in bytes."""
    with own_errors("reading"):
        data = container.load(stream, UNDECODED, start)
        return container.read(data, limits=UNDECODED), len(data)
