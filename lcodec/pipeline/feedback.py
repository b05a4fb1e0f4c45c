"""Feedback: what the decoded picture lacks goes back into the latents before they are coded.

The analysis is a network for all pictures, and its latents miss a picture by more than rounding
explains. So the picture is decoded once while it is encoded, and latents that are off by more than
half a step, as seen in the error of the pixels, move by one (`Transforms.moves`). Files get smaller
at equal quality (docs/effort.md); nothing changes for decoders.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcodec.container import Header
from lcodec.nets.precision import reduced_precision
from lcodec.picture import Samples
from lcodec.pipeline.latents import Latents, to_symbols
from lcodec.pipeline.pixels import AnalysisStarts, LatentArea, PixelTransform, patches
from lcodec.progress import Progress, no_progress


def feedback_halo(transform: PixelTransform) -> int:
    """Latent positions on each side on whose pixels `analyse_with_feedback` depends."""
    config = transform.transforms.config
    return config.analysis_halo + config.synthesis_halo


def analyse_with_feedback(
    transform: PixelTransform,
    pixels: Samples,
    header: Header,
    starts: AnalysisStarts | None = None,
    progress: Progress = no_progress,
    area: LatentArea | None = None,
) -> Latents:
    """The latents of a picture or of an ``area`` of it.

    y as from `PixelTransform.analyse`; rounded to what shows the picture best by one look.
    """
    area = area or LatentArea.whole(header)
    halo = transform.transforms.config.synthesis_halo
    around = LatentArea(area.rows.grown(halo), area.columns.grown(halo))
    y = transform.analyse(pixels, header.quality, starts, progress, around)
    known = LatentArea(area.rows.seen_in(around.rows), area.columns.seen_in(around.columns))
    symbols = to_symbols(y)
    own = slice(None), area.rows.within(around.rows), area.columns.within(around.columns)
    moved = symbols[own].copy()
    pieces = list(known.blocks(transform.block, halo))
    for number, (r, c) in enumerate(pieces):
        progress("feedback", number, len(pieces))
        place = (
            patches(slice(span.start - whole.outer_start, span.stop - whole.outer_start))
            for span, whole in ((r, area.rows), (c, area.columns))
        )
        target = transform.load(pixels, *place)
        part = symbols[:, known.rows.inside(r), known.columns.inside(c)]
        moves = _moves(transform, part, (r.inner, c.inner), target, header)
        top, left = r.start - area.rows.start, c.start - area.columns.start
        here = moved[:, top : top + moves.shape[1], left : left + moves.shape[2]]
        here[...] = to_symbols(here + moves)
    progress("feedback", len(pieces), len(pieces))
    return Latents(y[own], moved)


@torch.inference_mode()
def _moves(
    transform: PixelTransform,
    symbols: NDArray[np.int16],
    inner: tuple[slice, slice],
    target: Tensor,
    header: Header,
) -> NDArray[np.float32]:
    """How the inner part of ``symbols`` (M, h, w) should move to show ``target`` better."""
    level = transform.quality(header.quality)
    with reduced_precision(transform.device):
        shown = transform.transforms.show(transform.latents(symbols), level)
    shown = shown[:, :, *(patches(part) for part in inner)]
    if header.channels == 1:
        shown = shown.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    found: NDArray[np.float32] = transform.transforms.moves(target, shown, level)[0].cpu().numpy()
    return found
