"""Encode and decode pictures that do not fit into memory, strip by strip.

The files are those of `Codec.encode`, and the pixels those of `Codec.decode`. Memory grows with the
width of the picture, not with its height.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import wraps
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lcodec import container
from lcodec.coding.alpha import AlphaRows
from lcodec.container import Alpha, Header, TilePayload, TileSource
from lcodec.container.writer import BinaryWriter
from lcodec.effort import EFFORT_MIN
from lcodec.errors import InputError
from lcodec.library.codec import Codec
from lcodec.limits import DecoderLimits, as_whole
from lcodec.nets.transforms import PATCH
from lcodec.picture import Samples
from lcodec.picture.rowfiles import Written
from lcodec.picture.rows import Rows
from lcodec.pipeline import sidedata
from lcodec.pipeline.areas import tile_areas
from lcodec.pipeline.layers import Splitter
from lcodec.pipeline.looks import analyse_with_looks, looks_halo
from lcodec.pipeline.pixels import LatentArea
from lcodec.pipeline.tally import BitTally
from lcodec.process.failures import own_errors
from lcodec.process.progress import Progress, no_progress
from lcodec.process.startup import suit_threads
from lcodec.process.timing import Stopwatch
from lcodec.region import Region

_HELD = 1 << 26  # bytes of a file that are held in memory


@dataclass
class Window:
    """The rows of a picture that are held, from ``start`` on; others are gone or still to come."""

    rows: Rows
    start: int = 0

    def __post_init__(self) -> None:
        shape = (0, self.rows.width) if self.rows.channels == 1 else (0, self.rows.width, 3)
        self._dtype = np.uint8 if self.rows.bit_depth == 8 else np.uint16
        self._held: Samples = np.zeros(shape, self._dtype)
        self._shape = shape[1:]

    def move(self, start: int, stop: int) -> Samples:
        """Move to the rows ``[start, stop)``, neither of which may go back, and return them.

        Raises:
            InputError: the picture has too few rows, or rows of the wrong shape or type.
        """
        kept = self._held[start - self.start :]
        bands, have = [kept], self.start + len(self._held)
        while have < stop:
            band = next(self.rows.bands, None)
            if band is None:
                raise InputError(f"{have} rows in place of {self.rows.height}")
            if band.shape[1:] != self._shape or band.dtype != self._dtype:
                raise InputError(f"rows of {band.dtype} {band.shape} in place of {self._shape}")
            bands.append(band)
            have += len(band)
        # A single copy; what was held before is released.
        whole = np.empty((have - start, *self._shape), self._dtype)
        at = 0
        for band in bands:
            whole[at : at + len(band)] = band
            at += len(band)
        self._held, self.start = whole, start
        return self._held[: stop - start]


@dataclass(frozen=True)
class StripsEncoded:
    """What was written: bytes of the file, and of its metadata with its framing."""

    size: int
    metadata_bytes: int


_Made = TypeVar("_Made")


def _as_own_errors(
    doing: str,
) -> Callable[[Callable[..., Iterator[_Made]]], Callable[..., Iterator[_Made]]]:
    """`own_errors` for generators, which run after the function has returned."""

    def wrap(function: Callable[..., Iterator[_Made]]) -> Callable[..., Iterator[_Made]]:
        @wraps(function)
        def run(*given: object) -> Iterator[_Made]:
            with own_errors(doing):
                yield from function(*given)

        return run

    return wrap


def encode_strips(
    codec: Codec,
    rows: Rows,
    stream: BinaryWriter,
    quality: int | None = None,
    *,
    effort: int = 0,
    strip: bool = False,
    progress: Progress = no_progress,
) -> StripsEncoded:
    """Encode a picture as its rows arrive, with effort 0 or -1.

    Nothing is written before all of it is encoded; until then, a file of more than 64 MiB is
    in the folder for temporary files.

    Raises:
        UsageError: quality or effort are out of range, or the rows are not a picture.
        InputError: the rows cannot be read, the picture is too thin to be decoded within
            `DecoderLimits`, or there is not enough memory.
    """
    again = as_whole("effort", effort, EFFORT_MIN, 0) == 0
    header = codec.strip_header(rows, quality)
    metadata = () if strip else sidedata.metadata_sections(rows.metadata)
    tiles = _encoded(codec, rows, header, again, progress)
    # Only after the last tile is it known which version of the format the file needs, and not every
    # stream can be rewritten.
    with tempfile.SpooledTemporaryFile(_HELD) as made:
        size = container.write_seekable(made, header, tiles, metadata)
        made.seek(0)
        shutil.copyfileobj(made, stream)
    return StripsEncoded(size, sum(section.size for section in metadata))


class _SplitRows:
    """Rows split into lossless layers, by tile number, and what the networks see: `bands`."""

    def __init__(self, splitter: Splitter, rows: Rows, header: Header) -> None:
        self.layers: dict[int, bytes] = {}
        self.skipped: dict[int, NDArray[np.bool_]] = {}
        self.bands = self._split(splitter, rows, header)

    def _split(self, splitter: Splitter, rows: Rows, header: Header) -> Iterator[Samples]:
        window = Window(rows)
        for first in range(0, header.tile_count, header.tiles_x):
            _, top, _, bottom = header.tile_box(first)
            band = window.move(top, bottom)
            split = splitter.split(band, replace(header, height=bottom - top))
            self.layers |= {first + number: data for number, data in split.layers.items()}
            self.skipped |= {first + number: mask for number, mask in split.skipped.items()}
            rest = split.rest
            del band, split  # before the next is made
            yield rest


@_as_own_errors("encoding")
def _encoded(
    codec: Codec, rows: Rows, header: Header, again: bool, progress: Progress
) -> Iterator[TilePayload]:
    layers: dict[int, bytes] = {}
    skipped: dict[int, NDArray[np.bool_]] = {}
    if codec.stages.splitter is not None:
        split = _SplitRows(codec.stages.splitter, rows, header)
        rows, layers, skipped = replace(rows, bands=split.bands), split.layers, split.skipped
    window, watch = Window(rows), Stopwatch()
    halo = looks_halo(codec.stages.pixels)
    areas = tile_areas(header)
    for number, tile in enumerate(areas):
        progress("encoding", number, len(areas))
        area = LatentArea.of_pixels(header, header.tile_box(number), halo)
        if number % header.tiles_x == 0:
            bottom = min(area.rows.outer_stop * PATCH, header.height)
            held = window.move(area.rows.outer_start * PATCH, bottom)
        columns = slice(area.columns.outer_start * PATCH, area.columns.outer_stop * PATCH)
        latents = analyse_with_looks(
            codec.stages.pixels, held[:, columns], header, area=area, again=again
        )
        own = skipped.pop(number, None)
        payload = codec.stages.latents.code_tile(header, tile, latents, watch, BitTally(), own)
        yield replace(payload, layer=layers.pop(number, b""))
    progress("encoding", len(areas), len(areas))


def decode_strips(
    codec: Codec,
    source: TileSource,
    progress: Progress = no_progress,
    *,
    limits: DecoderLimits | None = None,
) -> Written:
    """A picture whose bands are decoded as they are asked for.

    The ``limits`` apply to a row of tiles.

    Raises:
        InputError: beyond a limit, or there is not enough memory.
        FormatError, UnsupportedError, WeightsError, MismatchError: as `Codec.decode`, the first
            and last of them when a band is asked for.
    """
    header = source.header
    (limits or DecoderLimits()).check_strip(header)
    suit_threads(header.width * min(header.height, header.tile_edge))
    channels = header.channels + (header.alpha is not Alpha.NONE)
    bands = _decoded(codec, source, progress)
    metadata = sidedata.read_metadata(source)
    codec.check(header)
    return Written(header.height, header.width, channels, header.bit_depth, bands, metadata)


@_as_own_errors("decoding")
def _decoded(codec: Codec, source: TileSource, progress: Progress) -> Iterator[Samples]:
    header, config = source.header, codec.loaded.transforms.config
    edge = header.tile_edge // PATCH
    reach = -(-config.synthesis_halo // edge)  # of the halo, in tiles
    kept = 2 * reach * (header.tiles_x + 1) + 2  # from the first tile of a halo to the last
    parts = codec.parts(source, kept=kept * config.latent * edge**2 * 2)
    alpha = _alpha_rows(source)
    watch = Stopwatch()
    dtype = np.uint8 if header.bit_depth == 8 else np.uint16
    channels = header.channels + (header.alpha is not Alpha.NONE)
    for number in range(header.tile_count):
        progress("decoding", number, header.tile_count)
        left, top, right, bottom = header.tile_box(number)
        parts.forget(number - reach * (header.tiles_x + 1))
        if left == 0:
            band = np.empty((bottom - top, header.width, channels), dtype)
        part = parts.pixels(Region(left, top, right - left, bottom - top), 1, watch)
        band[:, left:right, : header.channels] = part if part.ndim == 3 else part[..., None]
        if right == header.width:
            if alpha is not None:
                band[..., -1] = alpha.read(bottom - top)
            elif header.alpha is Alpha.OPAQUE:
                band[..., -1] = np.iinfo(dtype).max
            if header.alpha is Alpha.PLANE:
                band[band[..., -1] == 0] = 0
            yield band
    progress("decoding", header.tile_count, header.tile_count)


def _alpha_rows(source: TileSource) -> AlphaRows | None:
    header, payload = source.header, source.alpha
    if payload is None:
        return None
    dtype = np.uint8 if header.bit_depth == 8 else np.uint16
    return AlphaRows(payload, (header.height, header.width), dtype)
