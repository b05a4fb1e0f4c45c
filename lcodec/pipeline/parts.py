"""Decode parts of a picture, regions or reduced versions, from only what they depend on."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lcodec.coding.alpha import AlphaRows
from lcodec.container import Alpha, Header, TileSource
from lcodec.nets.blockwise import Span
from lcodec.nets.transforms import PATCH
from lcodec.picture import Samples
from lcodec.pipeline.areas import TileArea, tile_areas
from lcodec.pipeline.overlay import lay_over_part, square_sums
from lcodec.pipeline.pixels import LatentArea, PixelTransform, empty_samples
from lcodec.pipeline.tiles import LatentCoder
from lcodec.process.progress import Progress, no_progress
from lcodec.process.timing import Stopwatch
from lcodec.region import Region

# By scale, the divisor of the channels used: the first channels are the means of blocks and the
# lowest frequencies.
_SHARES = {2: 2, 4: 2, 8: 8, 16: 24}
_FEWEST = 3  # channels, for means of all colours
DEFAULT_KEPT = 1 << 26
"""Bytes of latents that a `PartDecoder` keeps for later calls."""


class _Parsed(NamedTuple):
    """What is known of a tile: latents (m, h, w), and the bitstream of its layer."""

    y: NDArray[np.int16]
    layer: bytes

    @property
    def nbytes(self) -> int:
        return self.y.nbytes + len(self.layer)


class PartDecoder:
    """Decodes parts of one file; keeps the latents of tiles it has parsed, up to ``kept`` bytes.

    ``parsed`` counts the tiles that were parsed, ``synthesised`` the latent positions that went
    through the networks, halos among them.
    """

    def __init__(
        self,
        source: TileSource,
        latents: LatentCoder,
        pixels: PixelTransform,
        kept: int = DEFAULT_KEPT,
    ) -> None:
        self.source = source
        self.parsed = self.synthesised = 0
        self._latents = latents
        self._pixels = pixels
        self._areas = tile_areas(source.header)
        self._room = kept
        self._kept: OrderedDict[tuple[int, int], _Parsed] = OrderedDict()

    def decode(
        self, region: Region, scale: int, watch: Stopwatch, progress: Progress = no_progress
    ) -> tuple[Samples, Samples | None]:
        """Pixels and alpha of a region, at 1/``scale``.

        At scale 1 they are those of the whole picture. At others, pixel (i, j) of the result is the
        one of the whole reduced picture at ``top // scale + i``, ``left // scale + j``.

        Raises:
            FormatError, UnsupportedError, MismatchError: as `lcodec.decode`, as far as was read.
        """
        pixels = self.pixels(region, scale, watch, progress)
        with watch.stage("alpha"):
            return pixels, read_alpha(self.source, region, scale)

    def pixels(
        self, region: Region, scale: int, watch: Stopwatch, progress: Progress = no_progress
    ) -> Samples:
        """The pixels of `decode` alone."""
        header, config = self.source.header, self._pixels.transforms.config
        halo = config.synthesis_halo if scale == 1 else 0
        area = LatentArea.of_pixels(header, region.box, halo)
        channels = None if scale == 1 else max(_FEWEST, -(-config.latent // _SHARES[scale]))
        y, layers = self._gather(area, channels, watch, progress)
        with watch.stage("synthesis"):
            if scale == 1:
                self.synthesised += sum(
                    (r.outer_stop - r.outer_start) * (c.outer_stop - c.outer_start)
                    for r, c in area.blocks(self._pixels.block, halo)
                )
                pixels = self._pixels.synthesise(y, header, progress, area)
            else:
                pixels = self._pixels.preview(y, header, scale, area)
        left, top, right, bottom = region.box
        rows = slice(top // scale, -(-bottom // scale))
        columns = slice(left // scale, -(-right // scale))
        first_row = area.rows.start * PATCH // scale
        first_column = area.columns.start * PATCH // scale
        inner = pixels[
            rows.start - first_row : rows.stop - first_row,
            columns.start - first_column : columns.stop - first_column,
        ]
        inner = np.ascontiguousarray(inner)
        with watch.stage("layers"):
            lay_over_part(inner, header, layers, region, scale)
        return inner

    def extent(self, region: Region, scale: int) -> Header:
        """The header of a picture of just the tiles that a region at 1/``scale`` needs."""
        header = self.source.header
        halo = self._pixels.transforms.config.synthesis_halo if scale == 1 else 0
        area, edge = LatentArea.of_pixels(header, region.box, halo), header.tile_edge

        def side(span: Span, length: int) -> int:
            first, last = span.outer_start * PATCH, min(span.outer_stop * PATCH, length)
            return min(-(-last // edge) * edge, length) - first // edge * edge

        width, height = side(area.columns, header.width), side(area.rows, header.height)
        return replace(header, width=width, height=height)

    def _gather(
        self, area: LatentArea, channels: int | None, watch: Stopwatch, progress: Progress
    ) -> tuple[NDArray[np.int16], dict[int, bytes]]:
        """Latents (M, h, w) of the outer part of an area, or of their first channels.

        With them come the lossless layers of their tiles.
        """
        rows, columns = area.rows, area.columns
        wanted = [tile for tile in self._areas if _meets(tile, area)]
        count = channels or self._pixels.transforms.config.latent
        shape = (rows.outer_stop - rows.outer_start, columns.outer_stop - columns.outer_start)
        y = np.empty((count, *shape), np.int16)
        layers = {}
        for done, tile in enumerate(wanted):
            progress("decoding", done, len(wanted))
            part = self._tile(tile, count, channels, watch)
            down, here = _common(tile.rows, rows)
            across, there = _common(tile.columns, columns)
            y[:, here, there] = part.y[:, down, across]
            layers[tile.number] = part.layer
        progress("decoding", len(wanted), len(wanted))
        return y, layers

    def forget(self, number: int) -> None:
        """Drop the latents of all tiles before that number; they will not be wanted again."""
        for key in [key for key in self._kept if key[0] < number]:
            self._room += self._kept.pop(key).nbytes

    def _tile(self, tile: TileArea, count: int, channels: int | None, watch: Stopwatch) -> _Parsed:
        key = tile.number, count
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        payload = self.source.tile(tile.number)
        self.parsed += 1
        y = self._latents.decode_tile(self.source.header, tile, payload, watch, channels)
        part = _Parsed(np.ascontiguousarray(y), payload.layer)
        while self._kept and part.nbytes > self._room:
            self._room += self._kept.popitem(last=False)[1].nbytes
        if part.nbytes <= self._room:
            self._room -= part.nbytes
            self._kept[key] = part
        return part


def _common(tile: slice, wanted: Span) -> tuple[slice, slice]:
    """The intersection of a tile and of an outer span, counted from the start of each."""
    first = max(tile.start, wanted.outer_start)
    last = min(tile.stop, wanted.outer_stop)
    start = wanted.outer_start
    return slice(first - tile.start, last - tile.start), slice(first - start, last - start)


def _meets(tile: TileArea, area: LatentArea) -> bool:
    pairs = ((tile.rows, area.rows), (tile.columns, area.columns))
    return all(a.start < b.outer_stop and a.stop > b.outer_start for a, b in pairs)


def read_alpha(source: TileSource, region: Region, scale: int) -> Samples | None:
    """Alpha of a region at 1/``scale``, by means; None if the picture has none.

    Raises:
        FormatError, UnsupportedError: damaged as far as it was unpacked, or of another kind.
    """
    header = source.header
    if header.alpha is Alpha.NONE:
        return None
    left, top, right, bottom = region.box
    left, top = left // scale * scale, top // scale * scale
    right = min(-(-right // scale) * scale, header.width)
    bottom = min(-(-bottom // scale) * scale, header.height)
    payload = source.alpha
    plane: Samples = empty_samples(header, bottom - top, right - left)
    if plane.ndim == 3:
        plane = np.ascontiguousarray(plane[..., 0])
    if payload is None:
        plane[...] = np.iinfo(plane.dtype).max
    else:
        reader = AlphaRows(payload, (header.height, header.width), plane.dtype.type)
        reader.skip(top)
        for row in range(top, bottom, PATCH):
            count = min(PATCH, bottom - row)
            plane[row - top : row - top + count] = reader.read(count)[:, left:right]
    return plane if scale == 1 else _reduced(plane, scale)


def _reduced(plane: Samples, scale: int) -> Samples:
    """Means over squares of side ``scale``, cropped at the right and lower edges."""
    high, wide = (np.minimum(scale, side - np.arange(0, side, scale)) for side in plane.shape)
    area = high[:, None] * wide
    means: Samples = ((square_sums(plane, scale) + area // 2) // area).astype(plane.dtype)
    return means
