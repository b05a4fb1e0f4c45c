"""Decode regions and previews of a file on demand, without decoding or even reading the rest."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TypeAlias

from lcodec.container import Header
from lcodec.errors import UsageError
from lcodec.library.codec import Codec, Decoded
from lcodec.library.licforms import AnyFile, opened
from lcodec.library.shared import shared_codec
from lcodec.limits import DecoderLimits, chosen
from lcodec.pipeline import sidedata
from lcodec.pipeline.parts import DEFAULT_KEPT
from lcodec.process.failures import own_errors
from lcodec.process.progress import Progress, no_progress
from lcodec.process.startup import suit_threads
from lcodec.process.timing import Stopwatch
from lcodec.region import Region, check_scale
from lcodec.weights import find_model_by_id

AnyRegion: TypeAlias = "Region | Sequence[int]"


class Reader:
    """A ``.lic`` file (a path, a binary file or bytes) whose parts are decoded on demand.

    A context manager, which closes a file that it opened. What was parsed last is kept for the
    next call, up to ``kept`` bytes. ``limits``, or those for ``max_pixels``, apply to each part.
    Not thread-safe.

    Raises:
        UsageError, InputError, FormatError, UnsupportedError: the file cannot be opened.
        WeightsError: no model here has the file's model id.
    """

    def __init__(
        self,
        data: AnyFile,
        *,
        codec: Codec | None = None,
        device: str = "auto",
        max_pixels: int | None = None,
        limits: DecoderLimits | None = None,
        kept: int = DEFAULT_KEPT,
    ) -> None:
        self._limits = chosen(max_pixels, limits)
        self._opening, self._closed = opened(data, self._limits), False
        with own_errors("reading"):
            source = self._opening.__enter__()
        try:
            if codec is None:
                codec = shared_codec(find_model_by_id(source.header.model_id).name, device)
            self.parts = codec.parts(source, kept)
        except BaseException:
            self.close()
            raise
        self.header: Header = source.header

    def __repr__(self) -> str:
        header, state = self.header, ", closed" if self._closed else ""
        return f"<lcodec.Reader {header.width}x{header.height}, quality {header.quality}{state}>"

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if it was opened here."""
        self._closed = True
        self._opening.__exit__(None, None, None)

    @own_errors("decoding")
    def read(
        self,
        region: AnyRegion | None = None,
        scale: int = 1,
        progress: Progress = no_progress,
    ) -> Decoded:
        """Decode a region (left, top, width, height in pixels), at 1/``scale``; all if not given.

        At scale 1 its pixels are those of the whole picture. 2, 4, 8 and 16 are quick previews
        (docs/parts.md): a region then has the pixels of the whole preview from (left, top) //
        scale on that cover it.

        Raises:
            UsageError: the region is not inside the picture, another scale is given, or the reader
                is closed.
            InputError: the part is beyond a limit, or there is not enough memory.
            FormatError, UnsupportedError, MismatchError: as `lcodec.decode`, of what was read.
        """
        if self._closed:
            raise UsageError("the reader is closed")
        header, source = self.header, self.parts.source
        scale = check_scale(scale)
        part = as_region(region, header)
        made = -(-part.width // scale) * -(-part.height // scale)
        self._limits.check_part(self.parts.extent(part, scale), made, scale)
        suit_threads(part.width * part.height)
        watch = Stopwatch()
        metadata = sidedata.read_metadata(source)
        pixels, alpha = self.parts.decode(part, scale, watch, progress)
        picture = sidedata.assemble(pixels, alpha, metadata)
        return Decoded(picture, header, watch.seconds)


def as_region(region: AnyRegion | None, header: Header) -> Region:
    """A region inside a picture, all of it for None.

    Raises:
        UsageError: it is not one.
    """
    if region is None:
        return Region(0, 0, header.width, header.height)
    if not isinstance(region, Region):
        try:
            left, top, width, height = region
        except (TypeError, ValueError):
            raise UsageError(f"a region is left, top, width, height; not {region!r}") from None
        region = Region(left, top, width, height)
    region.check_inside(header)
    return region
