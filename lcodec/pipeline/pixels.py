"""Pixels to latents and back over pictures of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lcodec.container import Header
from lcodec.nets.blockwise import Span, blocks
from lcodec.nets.transforms import PATCH, AnalysisStart, Transforms
from lcodec.picture import Samples
from lcodec.progress import Progress, no_progress

BLOCK = 96  # latent positions per block side: 1536 pixels


class AnalysisStarts:
    """The starts of the analysis of one picture's blocks, as far as they fit into ``limit`` bytes.

    At the released sizes they take 16 bytes a pixel.
    """

    def __init__(self, limit: int = 1 << 29) -> None:
        self._room = limit
        self._kept: dict[tuple[int, int], AnalysisStart] = {}

    def get(self, block: tuple[int, int]) -> AnalysisStart | None:
        """What was kept for a block, if it was."""
        return self._kept.get(block)

    def keep(self, block: tuple[int, int], start: AnalysisStart) -> None:
        """Keep it if there is room."""
        size = sum(tensor.nbytes for tensor in start)
        if size <= self._room:
            self._room -= size
            self._kept[block] = start


def patches(rows: Span, columns: Span) -> tuple[slice, slice]:
    """The pixels of the outer part of a block of latents."""
    return (
        slice(rows.outer_start * PATCH, rows.outer_stop * PATCH),
        slice(columns.outer_start * PATCH, columns.outer_stop * PATCH),
    )


class PixelTransform:
    """Runs analysis and synthesis block by block.

    ``quality_of`` says which quality the networks are to be given at a level of a file.
    """

    def __init__(
        self,
        transforms: Transforms,
        device: torch.device,
        block: int = BLOCK,
        quality_of: Callable[[float], float] = float,
    ) -> None:
        self.transforms = transforms
        self.device = device
        self.block = block
        self._quality_of = quality_of

    def _quality(self, level: int) -> Tensor:
        return torch.tensor([self._quality_of(level)], device=self.device)

    def load(self, pixels: Samples, rows: slice, columns: slice) -> Tensor:
        """Pixels of a block of latents, edges repeated beyond the picture: (1, 3, H, W) floats."""
        part = pixels[rows, columns]
        below = rows.stop - rows.start - part.shape[0]
        right = columns.stop - columns.start - part.shape[1]
        tensor = torch.from_numpy(part.astype(np.float32)).to(self.device)
        tensor = tensor[None] if tensor.dim() == 2 else tensor.permute(2, 0, 1)
        tensor = tensor[None] / float(np.iinfo(pixels.dtype).max)
        tensor = F.pad(tensor, (0, right, 0, below), mode="replicate")
        tensor = tensor.expand(-1, 3, -1, -1)
        return tensor.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def analyse(
        self,
        pixels: Samples,
        quality: int,
        starts: AnalysisStarts | None = None,
        progress: Progress = no_progress,
    ) -> NDArray[np.float32]:
        """y in steps, not rounded: (M, ceil(H / 16), ceil(W / 16)).

        ``starts`` remembers, for the next quality of the same picture, what does not depend on it.
        """
        h, w = -(-pixels.shape[0] // PATCH), -(-pixels.shape[1] // PATCH)
        y = np.empty((self.transforms.config.latent, h, w), dtype=np.float32)
        level = self._quality(quality)
        pieces = list(blocks(h, w, self.block, self.transforms.config.analysis_halo))
        for number, (r, c) in enumerate(pieces):
            progress("analysis", number, len(pieces))
            start = None if starts is None else starts.get((r.start, c.start))
            if start is None:
                start = self.transforms.analysis.begin(self.load(pixels, *patches(r, c)))
                if starts is not None:
                    starts.keep((r.start, c.start), start)
            out = self.transforms.finish_analysis(start, level)[0]
            y[:, r.start : r.stop, c.start : c.stop] = out[:, r.inner, c.inner].cpu().numpy()
        progress("analysis", len(pieces), len(pieces))
        return y

    @torch.inference_mode()
    def synthesise(
        self, y: NDArray[np.int16], header: Header, progress: Progress = no_progress
    ) -> Samples:
        """Pixels (H, W) or (H, W, 3), uint8 or uint16, from integer latents (M, h, w)."""
        shape = (header.height, header.width)
        dtype = np.uint8 if header.bit_depth == 8 else np.uint16
        pixels: Samples = np.empty((*shape, 3) if header.channels == 3 else shape, dtype=dtype)
        level = self._quality(header.quality)
        h, w = y.shape[1:]
        pieces = list(blocks(h, w, self.block, self.transforms.config.synthesis_halo))
        for number, (r, c) in enumerate(pieces):
            progress("synthesis", number, len(pieces))
            part = y[:, r.outer_start : r.outer_stop, c.outer_start : c.outer_stop]
            latents = torch.from_numpy(part.astype(np.float32))[None].to(self.device)
            latents = latents.contiguous(memory_format=torch.channels_last)
            out = self.transforms.synthesise(latents, level)[0]
            rows = slice(r.inner.start * PATCH, r.inner.stop * PATCH)
            columns = slice(c.inner.start * PATCH, c.inner.stop * PATCH)
            self._store(pixels, out[:, rows, columns], r.start * PATCH, c.start * PATCH)
        progress("synthesis", len(pieces), len(pieces))
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
