"""Pixels to latents and back over pictures of any size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lcodec.container import Header
from lcodec.integer.carriers import exact_products
from lcodec.limits import BLOCK
from lcodec.nets.blockwise import Span
from lcodec.nets.precision import reduced_precision
from lcodec.nets.transforms import PATCH, AnalysisStart, Transforms
from lcodec.nets.tune import Tune, find_tune
from lcodec.picture import Samples
from lcodec.process.progress import Progress, no_progress
from lcodec.tunes import TuneName


@dataclass(frozen=True)
class LatentArea:
    """A rectangle of latents that is wanted, and around it the latents it depends on."""

    rows: Span
    columns: Span

    @classmethod
    def whole(cls, header: Header) -> LatentArea:
        """All of a picture."""
        return cls.of_pixels(header, (0, 0, header.width, header.height), 0)

    @classmethod
    def of_pixels(cls, header: Header, box: tuple[int, int, int, int], halo: int) -> LatentArea:
        """The latents behind the pixels of ``box`` (left, top, right, bottom), with a halo."""
        left, top, right, bottom = box
        return cls(
            Span.around(top // PATCH, -(-bottom // PATCH), -(-header.height // PATCH), halo),
            Span.around(left // PATCH, -(-right // PATCH), -(-header.width // PATCH), halo),
        )

    def grown(self, halo: int) -> LatentArea:
        """An area with ``halo`` more on each side, as far as available."""
        return LatentArea(self.rows.grown(halo), self.columns.grown(halo))

    def seen_in(self, other: LatentArea) -> LatentArea:
        """The same part, if what ``other`` wants is all that is available."""
        return LatentArea(self.rows.seen_in(other.rows), self.columns.seen_in(other.columns))

    @property
    def wanted(self) -> tuple[slice, slice]:
        """Rows and columns that are wanted, in positions of the whole picture."""
        return slice(self.rows.start, self.rows.stop), slice(self.columns.start, self.columns.stop)

    def inner(self, whole: LatentArea) -> tuple[slice, slice, slice]:
        """What is wanted here in an array (M, h, w) of what is wanted of ``whole``."""
        return slice(None), self.rows.within(whole.rows), self.columns.within(whole.columns)

    def blocks(self, block: int, halo: int) -> Iterator[tuple[Span, Span]]:
        """All pairs of row and column spans, in positions of the whole picture."""
        for rows in self.rows.spans(block, halo):
            for columns in self.columns.spans(block, halo):
                yield rows, columns

    def pixel_shape(self, header: Header) -> tuple[int, int]:
        """Height and width in pixels of the inner part, inside the picture."""
        bottom = min(self.rows.stop * PATCH, header.height)
        right = min(self.columns.stop * PATCH, header.width)
        return bottom - self.rows.start * PATCH, right - self.columns.start * PATCH


def empty_samples(header: Header, height: int, width: int) -> Samples:
    """An uninitialised array for pixels of the type that a header states."""
    dtype = np.uint8 if header.bit_depth == 8 else np.uint16
    shape = (height, width, 3) if header.channels == 3 else (height, width)
    pixels: Samples = np.empty(shape, dtype=dtype)
    return pixels


class AnalysisStarts:
    """A cache for the starts of the analysis of one picture's blocks, up to ``limit`` bytes.

    At the released sizes they take 18 bytes per pixel, 12 with bfloat16.
    """

    def __init__(self, limit: int = 1 << 29) -> None:
        self._room = limit
        self._kept: dict[tuple[int, int], AnalysisStart] = {}

    def get(self, block: tuple[int, int]) -> AnalysisStart | None:
        """The start kept for a block, if any."""
        return self._kept.get(block)

    def keep(self, block: tuple[int, int], start: AnalysisStart) -> None:
        """Keep the start of a block if there is room."""
        size = sum(tensor.nbytes for tensor in start)
        if size <= self._room:
            self._room -= size
            self._kept[block] = start


def patches(positions: slice) -> slice:
    """The pixels of latent positions along an axis."""
    return slice(positions.start * PATCH, positions.stop * PATCH)


class PixelTransform:
    """Runs analysis and synthesis block by block.

    ``quality_of`` maps a level of a file to the quality that the networks take; ``tune`` is what
    the networks were trained for.
    """

    def __init__(
        self,
        transforms: Transforms,
        device: torch.device,
        block: int = BLOCK,
        quality_of: Callable[[float], float] = float,
        tune: Tune | None = None,
    ) -> None:
        self.transforms = transforms
        self.tune = tune or find_tune(TuneName.PSNR)
        self.device = device
        self.block = block
        self._quality_of = quality_of

    def quality(self, level: int) -> Tensor:
        """The networks' quality (1,) at a level of a file."""
        return torch.tensor([self._quality_of(level)], dtype=torch.float32, device=self.device)

    def load(self, pixels: Samples, rows: slice, columns: slice) -> Tensor:
        """Pixels of a block (1, 3, H, W) in [0, 1], with edges repeated beyond the picture."""
        part = pixels[rows, columns]
        below = rows.stop - rows.start - part.shape[0]
        right = columns.stop - columns.start - part.shape[1]
        tensor = torch.from_numpy(part.astype(np.float32)).to(self.device)
        tensor = tensor[None] if tensor.dim() == 2 else tensor.permute(2, 0, 1)
        tensor = tensor[None] / float(np.iinfo(pixels.dtype).max)
        tensor = F.pad(tensor, (0, right, 0, below), mode="replicate")
        tensor = tensor.expand(-1, 3, -1, -1)
        return tensor.contiguous(memory_format=torch.channels_last)

    def latents(self, symbols: NDArray[np.int16]) -> Tensor:
        """Symbols (M, h, w) as the synthesis takes them (1, M, h, w)."""
        latents = torch.from_numpy(symbols.astype(np.float32))[None].to(self.device)
        return latents.contiguous(memory_format=torch.channels_last)

    @exact_products()
    def analyse(
        self,
        pixels: Samples,
        quality: int,
        starts: AnalysisStarts | None = None,
        progress: Progress = no_progress,
        area: LatentArea | None = None,
    ) -> NDArray[np.float32]:
        """y in steps, not rounded: (M, ceil(H / 16), ceil(W / 16)).

        Where bfloat16 is fast, the network's products are bfloat16. What a file costs and shows
        changes by hundredths of a percent, and no decoder depends on it.

        With ``area``, only that part of a picture is analysed: ``pixels`` are those of its outer
        part, y is that of its inner part.

        ``starts`` keeps what does not depend on the quality, for other qualities of the picture.
        """
        h, w = -(-pixels.shape[0] // PATCH), -(-pixels.shape[1] // PATCH)
        area = area or LatentArea(Span(0, h, 0, h), Span(0, w, 0, w))
        rows, columns = area.rows, area.columns
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        y = np.empty((self.transforms.config.latent, *shape), dtype=np.float32)
        level = self.quality(quality)
        pieces = list(area.blocks(self.block, self.transforms.config.analysis_halo))
        for number, (r, c) in enumerate(pieces):
            progress("analysis", number, len(pieces))
            start = None if starts is None else starts.get((r.start, c.start))
            with reduced_precision(self.device):
                if start is None:
                    place = patches(rows.inside(r)), patches(columns.inside(c))
                    start = self.transforms.analysis.begin(self.load(pixels, *place))
                    if starts is not None:
                        starts.keep((r.start, c.start), start)
                out = self.transforms.finish_analysis(start, level)[0]
            top, left = r.start - rows.start, c.start - columns.start
            part = out[:, r.inner, c.inner].cpu().numpy()
            y[:, top : top + part.shape[1], left : left + part.shape[2]] = part
        progress("analysis", len(pieces), len(pieces))
        return y

    @exact_products()
    def synthesise(
        self,
        y: NDArray[np.int16],
        header: Header,
        progress: Progress = no_progress,
        area: LatentArea | None = None,
    ) -> Samples:
        """Pixels (H, W) or (H, W, 3), uint8 or uint16, from integer latents (M, h, w).

        With ``area``, only that part of a picture is synthesised: ``y`` has the latents of its
        outer part, the pixels are those of its inner part, up to the edges of the picture.
        """
        area = area or LatentArea.whole(header)
        pixels: Samples = empty_samples(header, *area.pixel_shape(header))
        level = self.quality(header.quality)
        pieces = list(area.blocks(self.block, self.transforms.config.synthesis_halo))
        for number, (r, c) in enumerate(pieces):
            progress("synthesis", number, len(pieces))
            part = y[:, area.rows.inside(r), area.columns.inside(c)]
            out = self.transforms.synthesise(self.latents(part), level)[0]
            rows = slice(r.inner.start * PATCH, r.inner.stop * PATCH)
            columns = slice(c.inner.start * PATCH, c.inner.stop * PATCH)
            top, left = r.start - area.rows.start, c.start - area.columns.start
            self._store(pixels, out[:, rows, columns], top * PATCH, left * PATCH)
        progress("synthesis", len(pieces), len(pieces))
        return pixels

    @exact_products()
    def preview(
        self, y: NDArray[np.int16], header: Header, scale: int, area: LatentArea
    ) -> Samples:
        """Pixels at 1/``scale`` (2, 4, 8 or 16) from the first channels y (m, h, w) of an area.

        Means of ``scale`` by ``scale`` pixels of what the linear branch alone would show; those at
        the right and lower edges include pixels beyond the picture. The products are exact, so a
        pixel does not depend on the area around it.
        """
        side = PATCH // scale
        shape = (-(-length // scale) for length in area.pixel_shape(header))
        pixels: Samples = empty_samples(header, *shape)
        reduced = self.transforms.synthesis.reduced_linear(scale)[:, : y.shape[0]]
        gains = self.transforms.gains.inverse(self.quality(header.quality))[0, : y.shape[0]]
        weight = reduced * gains
        if header.channels == 1:
            weight = weight.view(3, side**2, -1).mean(0)
        weight, unit = _whole(weight)
        rows = max(1, self.block // 2)  # numbers of float64 take twice the memory
        for top in range(0, y.shape[1], rows):
            part = torch.from_numpy(y[:, top : top + rows].astype(np.float64))
            flat = ((weight @ part.to(self.device).flatten(1)) * unit + 0.5).float()
            out = F.pixel_shuffle(flat.view(1, -1, *part.shape[1:]), side)[0]
            self._store(pixels, out, top * side, 0)
        return pixels

    def _store(self, pixels: Samples, block: Tensor, top: int, left: int) -> None:
        if pixels.ndim == 2:
            block = block.mean(dim=0, keepdim=True)
        full = float(np.iinfo(pixels.dtype).max)
        levels = torch.round(block.clamp(0.0, 1.0) * full).to(torch.int32)
        image = levels.permute(1, 2, 0).cpu().numpy()
        target: Any = pixels[top : top + image.shape[0], left : left + image.shape[1]]
        image = image[: target.shape[0], : target.shape[1]]
        target[...] = image[:, :, 0] if pixels.ndim == 2 else image


def _whole(weight: Tensor) -> tuple[Tensor, float]:
    """A matrix (n, m) in whole multiples of a unit, in float64, and the unit.

    It is as fine as it can be for sums of the products with m int16 to stay below 2^53, where
    float64 is exact, in whatever order they are computed.
    """
    _, exponent = math.frexp(float(weight.abs().max()))
    unit = math.ldexp(1.0, exponent + 15 + weight.shape[1].bit_length() - 53)
    return torch.round(weight.double() / unit), unit
