"""Looks at what a picture of any size decodes to, piece by piece; see `lcodec.nets.looks`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lcodec.container import Header
from lcodec.integer.carriers import exact_products, own_settings
from lcodec.nets.blockwise import Span
from lcodec.nets.looks import Show, moves_for_eyes, moves_for_pixels
from lcodec.nets.precision import reduced_precision
from lcodec.nets.worth import counts_what_is_seen
from lcodec.picture import Samples
from lcodec.pipeline.areas import NEAR, tiles_within
from lcodec.pipeline.latents import Latents, to_symbols
from lcodec.pipeline.pixels import AnalysisStarts, LatentArea, PixelTransform, patches
from lcodec.process.progress import Progress, no_progress


def looks_halo(transform: PixelTransform) -> int:
    """Latent positions on each side on whose pixels `analyse_with_looks` depends."""
    config = transform.transforms.config
    return config.analysis_halo + config.synthesis_halo + NEAR


def analyse_with_looks(
    transform: PixelTransform,
    pixels: Samples,
    header: Header,
    starts: AnalysisStarts | None = None,
    progress: Progress = no_progress,
    area: LatentArea | None = None,
    again: bool = True,
) -> Latents:
    """The latents of a picture or of an ``area`` of it.

    y as from `PixelTransform.analyse`; rounded to what shows the picture best by the looks of the
    tune, the first one alone unless ``again``. ``pixels`` are those of the outer part of the area,
    which consists of whole tiles.
    """
    area = area or LatentArea.whole(header)
    look = _Look(transform, pixels, header, area, progress)
    seen = again and counts_what_is_seen(transform.tune, (header.height, header.width))
    looked = area.grown(NEAR) if seen else area
    around = looked.grown(transform.transforms.config.synthesis_halo)
    y = transform.analyse(pixels, header.quality, starts, progress, around)
    moved = look.at_pixels(to_symbols(y), around, looked)
    if seen:
        moved = look.at_what_is_seen(moved, looked)
    return Latents(y[area.inner(around)], moved)


@dataclass(frozen=True)
class _Look:
    """A look at a picture, of which ``pixels`` are those of the outer part of ``area``."""

    transform: PixelTransform
    pixels: Samples
    header: Header
    area: LatentArea
    progress: Progress

    @exact_products()
    def at_pixels(
        self, symbols: NDArray[np.int16], known: LatentArea, wanted: LatentArea
    ) -> NDArray[np.int16]:
        """The ``wanted`` symbols, moved; ``symbols`` are the ``known`` ones, unmoved."""
        transforms = self.transform.transforms
        moved = symbols[wanted.inner(known)].copy()
        around = wanted.seen_in(known)
        blocks = list(around.blocks(self.transform.block, transforms.config.synthesis_halo))
        for number, (r, c) in enumerate(blocks):
            self.progress("first look", number, len(blocks))
            part = symbols[:, around.rows.inside(r), around.columns.inside(c)]
            shown = self._shown(self.transform.latents(part), r, c)
            moves = moves_for_pixels(transforms, self._target(r, c), shown, self._level)
            _move(moved[_own(r, c, wanted)], moves)
        self.progress("first look", len(blocks), len(blocks))
        return moved

    @own_settings()
    def at_what_is_seen(self, symbols: NDArray[np.int16], known: LatentArea) -> NDArray[np.int16]:
        """The symbols of the area, moved; ``symbols`` are the ``known`` ones."""
        transform, area = self.transform, self.area
        moved = symbols[area.inner(known)].copy()
        around = area.seen_in(known)
        spans = [
            (around.rows.span(rows, NEAR), around.columns.span(columns, NEAR))
            for tile in tiles_within(self.header, *area.wanted)
            for rows, columns in tile.pieces()
        ]
        for number, (r, c) in enumerate(spans):
            self.progress("second look", number, len(spans))
            part = symbols[:, around.rows.inside(r), around.columns.inside(c)]
            target, show, own = self._piece(part, r, c)
            moves = moves_for_eyes(
                transform.transforms,
                transform.tune,
                target,
                show,
                own,
                self._level,
                gray=self.header.channels == 1,
            )
            _move(moved[_own(r, c, area)], moves)
        self.progress("second look", len(spans), len(spans))
        return moved

    @property
    def _level(self) -> Tensor:
        return self.transform.quality(self.header.quality)

    def _piece(self, symbols: NDArray[np.int16], r: Span, c: Span) -> tuple[Tensor, Show, Tensor]:
        """The pixels wanted of a block, how its symbols show, and these.

        ``symbols`` are those of its outer part; around the block they stay.
        """
        around = self.transform.latents(symbols)

        def show(own: Tensor) -> Tensor:
            latents = around.clone()
            latents[:, :, r.inner, c.inner] = own
            return self._shown(latents, r, c)

        return self._target(r, c), show, around[:, :, r.inner, c.inner]

    def _target(self, r: Span, c: Span) -> Tensor:
        """The pixels of a block, as they should be."""
        place = (
            patches(slice(span.start - whole.outer_start, span.stop - whole.outer_start))
            for span, whole in ((r, self.area.rows), (c, self.area.columns))
        )
        return self.transform.load(self.pixels, *place)

    def _shown(self, latents: Tensor, r: Span, c: Span) -> Tensor:
        """The pixels of a block as they are decoded from the latents of its outer part."""
        with reduced_precision(self.transform.device):
            shown = self.transform.transforms.show(latents, self._level)
        shown = shown[:, :, patches(r.inner), patches(c.inner)]
        if self.header.channels == 1:
            shown = shown.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        return shown


def _own(r: Span, c: Span, wanted: LatentArea) -> tuple[slice, slice, slice]:
    """The inner part of a block in an array (M, h, w) of what is wanted of ``wanted``."""
    rows, columns = wanted.rows, wanted.columns
    return (
        slice(None),
        slice(r.start - rows.start, r.stop - rows.start),
        slice(c.start - columns.start, c.stop - columns.start),
    )


def _move(symbols: NDArray[np.int16], moves: Tensor) -> None:
    """Move ``symbols`` (M, h, w) in place by ``moves`` (1, M, h, w), within what can be coded."""
    symbols[...] = to_symbols(symbols + moves[0].cpu().numpy())
