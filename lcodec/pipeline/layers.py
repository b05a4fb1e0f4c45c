"""Drawn pixels: what costs less without loss is kept so, beside the latents.

Text, icons, plots and windows have few colours and sharp edges. A transform code spends most on
just these, and lossless codes, which copy and predict, least. So each tile is cut into blocks, and
those that are cheaper without loss go into its lossless layer (`lcodec.coding.layer`), while the
networks see a smooth picture there. As layers in mixed raster content (ITU-T T.44), but with the
choice by rate and distortion: the cost of a block to the networks is foretold from its linear
transform, see `Splitter`. On photographs no block is ever cheaper without loss.
"""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lcodec.coding.layer import Layer, Mask, encode_layer, is_available
from lcodec.container import Header
from lcodec.integer.carriers import exact_products
from lcodec.nets.precision import reduced_precision
from lcodec.nets.transforms import PATCH
from lcodec.picture import Samples
from lcodec.picture.pushpull import fill
from lcodec.pipeline.drawn import has_few_colours, new_pixels, round_edges
from lcodec.pipeline.outlines import closed, opened, shrunk
from lcodec.pipeline.overlay import Place, square_sums, tile_place
from lcodec.pipeline.pixels import PixelTransform
from lcodec.pipeline.skipping import skipped_positions
from lcodec.tunes import TuneName, parse_tune
from lcodec.weights.config import ModelConfig

_BITS_PER_OCTAVE: Final = {
    TuneName.PSNR: ([0.0], [3.5]),
    TuneName.VISUAL: ([60.0, 90.0], [6.0, 4.0]),
}
"""Levels, and what a linear latent of 2^n - 1 steps costs there, bits and error together, divided
by n. Measured for tune psnr (3.4 to 3.7 on screens, correlation 0.90 to 0.98). For visual it is 4.6
to 6.2; more is best at levels where one place that is blurred spoils a screen, less where
photographs, at 3.5, would be kept without loss."""
_NEW_PIXEL: Final = (1.5, 3.0, 6.0, 12.0)
"""Bits that a pixel may cost which its neighbours do not foretell; each is tried."""
_WHOLE_NEW_PIXEL: Final = 6.0  # of a whole tile, where not only drawn blocks are kept
_BLOCK_BITS: Final = 2.0  # for the outline of the layer
_EDGE_BITS: Final = 60.0  # of each of its blocks that is beside others: latents are coded, seen
_MOST_NEW: Final = PATCH**2 // 2  # pixels of a block that may be new to its neighbours
_LEAST_GAIN: Final = 0.03  # share of a tile's cost that a layer must save
_LAYER_BITS: Final = 256.0  # that it must save in any case
_PIECE: Final = 16  # blocks, side of what is tried with the networks at once
_STEPS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
"""Steps of colours to round edges to, the same at every level.

How well a step suits the colours of a tile is a matter of chance: were the steps others at the next
level, its picture could be much worse.
"""
_FINENESS: Final = (0.2, 0.5, 1.0)
"""Least, first and largest step that is tried, as shares of the one that is best at high rates."""

Costs = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """A picture as it is coded.

    Attributes:
        rest: what the networks see, of the shape of the picture: smooth below the layers.
        layers: bitstreams by tile number, of the tiles that have a layer.
        shown: what they hold.
    """

    rest: Samples
    layers: dict[int, bytes] = field(default_factory=dict)
    shown: dict[int, Layer] = field(default_factory=dict)

    @property
    def skipped(self) -> dict[int, Mask]:
        """Latent positions (h, w) that are not coded, by tile number."""
        return {number: skipped_positions(layer.kept) for number, layer in self.shown.items()}

    def restore(self, shown: Samples, header: Header) -> None:
        """Lay the layers over what the networks show of `rest`."""
        for number, layer in self.shown.items():
            layer.lay_over(shown[tile_place(header, number)])


class _Parts(NamedTuple):
    """The layer of a tile, its bitstream, and what is left for the networks."""

    layer: Layer
    stream: bytes
    rest: Samples


class Splitter:
    """Splits pictures for the networks of one model."""

    def __init__(self, transform: PixelTransform, config: ModelConfig) -> None:
        self._transform = transform
        levels, octave = _BITS_PER_OCTAVE[parse_tune(config.tune)]
        self._levels, self._octave = np.array(levels), np.array(octave)
        self._reference = config.factors.reference

    def split(self, picture: Samples, header: Header) -> Split:
        """Choose the layers of a picture (H, W) or (H, W, 3) at the level of its header.

        Pictures of 16 bits have none.
        """
        if picture.dtype != np.uint8 or not is_available():
            return Split(picture)
        places = [tile_place(header, number) for number in range(header.tile_count)]

        def work(place: Place) -> _Parts | None:
            layer = self.choose(picture[place], header.quality)
            if layer is None:
                return None
            rest = fill(picture[place], layer.kept)
            return _Parts(layer, encode_layer(layer.pixels, layer.kept), rest)

        found = Split(picture)
        # Nearly all of the time goes to packing, which runs beside other threads.
        with ThreadPoolExecutor(min(len(places), torch.get_num_threads())) as pool:
            for number, parts in enumerate(pool.map(work, places)):
                if parts is None:
                    continue
                if found.rest is picture:
                    found = Split(picture.copy())
                found.rest[places[number]] = parts.rest
                found.shown[number] = parts.layer
                found.layers[number] = parts.stream
        return found

    def choose(self, tile: Samples, level: int) -> Layer | None:
        """The layer of a tile (h, w) or (h, w, 3) that costs least; None if none is worth it."""
        new, few = new_pixels(tile), has_few_colours(tile)
        if not few and not (new <= _MOST_NEW).any():
            return None
        quality = self._transform.quality(level)
        worth = float(self._reference.at(quality))
        costs = self._network_cost(
            tile, quality, float(np.interp(level, self._levels, self._octave))
        )
        found = _Search(tile, costs, worth).cheapest(new)
        if few and (found is None or not found.kept.all()):
            # No latent foretells what the networks make of patterns of single pixels.
            costs = costs / 2 + worth * self._network_error(tile, quality)
            search = _Search(tile, costs, worth)
            search.attempt(np.ones_like(search.blocks), search.step)
            found = search.cheapest(new)
        return found

    @exact_products()
    def _network_cost(self, tile: Samples, quality: Tensor, octave: float) -> Costs:
        """Bits of each block (h / 16, w / 16) to the networks, its error counted as bits.

        Proportional to the logarithms of what the linear branch of the analysis makes of it, of
        means only what neighbours do not foretell: flat areas cost the networks next to nothing.
        """
        h, w = -(-tile.shape[0] // PATCH), -(-tile.shape[1] // PATCH)
        transforms = self._transform.transforms
        pixels = self._transform.load(tile, slice(0, h * PATCH), slice(0, w * PATCH))
        latents = transforms.analysis.linear(F.pixel_unshuffle(pixels - 0.5, PATCH))
        steps = latents[0] * transforms.gains(quality)[0][:, None, None]
        for channel in transforms.synthesis.channels_of_means():
            steps[channel] = unforetold(steps[channel])
        costs = octave * torch.log2(1.0 + steps.abs()).sum(0)
        found: Costs = costs.cpu().numpy().astype(np.float64)
        return found

    @exact_products()
    def _network_error(self, tile: Samples, quality: Tensor) -> Costs:
        """Squared error of each block (h / 16, w / 16) in levels, about as the networks show it.

        The sum over pixels of the mean over colours. Pieces are coded alone, without a look.
        """
        transforms = self._transform.transforms
        found = np.zeros([-(-side // PATCH) for side in tile.shape[:2]])
        for top, left in itertools.product(*(range(0, side, _PIECE) for side in found.shape)):
            here = found[top : top + _PIECE, left : left + _PIECE]
            rows, columns = (
                slice(PATCH * start, PATCH * (start + count))
                for start, count in zip((top, left), here.shape, strict=True)
            )
            pixels = self._transform.load(tile, rows, columns)
            with reduced_precision(self._transform.device):
                y = transforms.analyse(pixels, quality).float().round()
                shown = transforms.show(y, quality)
            off = (shown - pixels).square().mean(1, keepdim=True)
            here[...] = F.avg_pool2d(off, PATCH)[0, 0].cpu().numpy() * (PATCH * 255.0) ** 2
        return found


def unforetold(plane: Tensor) -> Tensor:
    """A plane (h, w) less what the values to the left, above and between foretell of each.

    That is the median of the first, the second, and their sum less the third (LOCO-I); on the
    upper edge it is the value to the left, on the left edge the one above.
    """
    left, above, between = plane[1:, :-1], plane[:-1, 1:], plane[:-1, :-1]
    found = plane.clone()
    found[0, 1:] -= plane[0, :-1]
    found[1:, 0] -= plane[:-1, 0]
    found[1:, 1:] -= torch.stack((left, above, left + above - between)).median(0).values
    return found


class _Rounded(NamedTuple):
    """A tile with its edges rounded, and the squared error of each block, of all colours a mean."""

    pixels: Samples
    errors: Costs

    @classmethod
    def of(cls, tile: Samples, step: int) -> _Rounded:
        pixels = round_edges(tile, step)
        off = (pixels.astype(np.int32) - tile) ** 2
        return cls(
            pixels, square_sums(off if off.ndim == 2 else off.sum(2), PATCH) / off[0, 0].size
        )


class _Search:
    """The cheapest of the layers attempted for a tile; none is if all cost more than the networks.

    ``costs`` are those of the networks, by block; ``worth`` is the bits that a squared error of a
    pixel of one level counts as.
    """

    def __init__(self, tile: Samples, costs: Costs, worth: float) -> None:
        self._tile, self._costs, self._worth = tile, costs, worth
        whole = float(costs.sum())
        self._least_gain = max(_LAYER_BITS, _LEAST_GAIN * whole)
        self._least = whole - self._least_gain
        self._rounded: dict[int, _Rounded] = {}
        self._tried: set[tuple[bytes, int]] = set()
        self.layer: Layer | None = None
        self.blocks = np.zeros(costs.shape, np.bool_)
        # At high rates, a step of sqrt(26 / worth) is best for samples that each need their bits.
        best = math.sqrt(26.0 / worth)
        least, first, largest = (share * best for share in _FINENESS)
        self.step = min(_STEPS, key=lambda step: abs(math.log(step / first)))
        self._others = [step for step in _STEPS if step == 1 or least <= step <= largest]

    def cheapest(self, new: NDArray[np.int64]) -> Layer | None:
        """The best of what was attempted and of outlines by the `new_pixels` of each block."""
        drawn = new <= _MOST_NEW
        for bits in _NEW_PIXEL:
            gains = self._costs - bits * new - _BLOCK_BITS
            outline = drawn & (gains > 0.0)
            # Nothing is packed of photographs, where hardly a block would gain.
            if float(gains[outline].sum()) > self._least_gain:
                self.attempt(outline, self.step)
        if float((self._costs - _WHOLE_NEW_PIXEL * new).sum()) > self._least_gain:
            self.attempt(np.ones_like(drawn), self.step)
        if self.layer is not None:
            self.attempt(opened(self.blocks), self.step)
            self.attempt(closed(self.blocks, drawn), self.step)
            blocks = self.blocks
            for step in reversed(self._others):
                self.attempt(blocks, step)
        return self.layer

    def attempt(self, blocks: Mask, step: int) -> None:
        """Try a layer of such blocks, colours of edges rounded by `round_edges`."""
        key = blocks.tobytes(), step
        if key in self._tried or not blocks.any():
            return
        self._tried.add(key)
        if step not in self._rounded:
            self._rounded[step] = _Rounded.of(self._tile, step)
        pixels, errors = self._rounded[step]
        kept = np.kron(blocks, np.ones((PATCH, PATCH), np.bool_))
        kept = kept[: self._tile.shape[0], : self._tile.shape[1]]
        size = 8.0 * len(encode_layer(pixels, kept, fast=True))
        cost = size + self._worth * float(errors[blocks].sum()) + float(self._costs[~blocks].sum())
        cost += _EDGE_BITS * int((blocks & ~shrunk(blocks)).sum())
        if cost < self._least:
            self._least, self.blocks, self.layer = cost, blocks, Layer(pixels, kept)


class Splits:
    """The splits of one picture; that of the level asked for last is kept.

    Without a ``splitter`` there are no layers, and all is left to the networks. ``found`` tells
    whether any level so far had a layer.
    """

    def __init__(self, splitter: Splitter | None, picture: Samples) -> None:
        self.found = False
        self._splitter, self._picture = splitter, picture
        self._last: tuple[Header, Split] | None = None

    def at(self, header: Header) -> Split:
        """The split at the level of a header."""
        if self._splitter is None:
            return Split(self._picture)
        if self._last is None or self._last[0] != header:
            self._last = header, self._splitter.split(self._picture, header)
            self.found |= bool(self._last[1].layers)
        return self._last[1]
