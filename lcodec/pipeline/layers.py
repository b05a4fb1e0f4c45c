"""Drawn pixels: what costs less without loss is kept so, beside the latents.

Text, icons, plots and windows have few colours and sharp edges. A transform code spends most on
just these, and lossless codes, which copy and predict, least. So each tile is cut into blocks, and
those that are cheaper without loss go into its lossless layer (`lcodec.coding.layer`), while the
networks see a smooth picture there. As layers in mixed raster content (ITU-T T.44), but with the
choice by rate and distortion: the cost of a block to the networks is foretold from its linear
transform, see `Splitter`. On photographs no block is ever cheaper without loss.
"""

from __future__ import annotations

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
from lcodec.nets.transforms import PATCH
from lcodec.picture import Samples
from lcodec.pipeline.fill import fill
from lcodec.pipeline.overlay import Place, tile_place
from lcodec.pipeline.pixels import PixelTransform
from lcodec.pipeline.skipping import skipped_positions
from lcodec.tunes import TuneName, parse_tune
from lcodec.weights.config import ModelConfig

_BITS_PER_OCTAVE: Final = {TuneName.PSNR: 3.0, TuneName.VISUAL: 4.0}
"""What a linear latent of 2^n - 1 steps costs, bits and error together, divided by n: measured on
screens and photographs at five levels, 2.7 to 4.3 with a correlation of 0.85 to 0.98."""
_NEW_PIXEL: Final = (1.5, 3.0, 6.0, 12.0)
"""Bits that a pixel may cost which its neighbours do not foretell; each is tried."""
_WHOLE_NEW_PIXEL: Final = 6.0  # of a whole tile, where not only drawn blocks are kept
_BLOCK_BITS: Final = 2.0  # for the outline of the layer
_MOST_NEW: Final = PATCH**2 // 2  # pixels of a block that may be new to its neighbours
_LEAST_GAIN: Final = 0.03  # share of a tile's cost that a layer must save
_LAYER_BITS: Final = 256.0  # that it must save in any case
_FEW_COLOURS: Final = 256
_FEW_GRAYS: Final = 32
_FINENESS: Final = (0.25, 0.5, 1.0)
"""Steps of colours that are tried, as shares of the one that is best at high rates."""

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
        self._octave = _BITS_PER_OCTAVE[parse_tune(config.tune)]
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
        new = new_pixels(tile)
        drawn, few = new <= _MOST_NEW, has_few_colours(tile)
        if not few and not drawn.any():
            return None
        quality = self._transform.quality(level)
        worth = float(self._reference.at(quality))
        costs = self._network_cost(tile, quality, worth if few else 0.0)
        search = _Search(tile, costs, worth)
        finest, middle, coarsest = search.steps
        for bits in _NEW_PIXEL:
            gains = costs - bits * new - _BLOCK_BITS
            outline = drawn & (gains > 0.0)
            # Nothing is packed of photographs, where hardly a block would gain.
            if float(gains[outline].sum()) > search.least_gain:
                search.attempt(outline, middle)
        if few or float((costs - _WHOLE_NEW_PIXEL * new).sum()) > search.least_gain:
            search.attempt(np.ones_like(drawn), middle)
        if search.layer is not None:
            blocks = search.blocks
            for step in (coarsest, finest, 1):
                search.attempt(blocks, step)
        return search.layer

    def _network_cost(self, tile: Samples, quality: Tensor, worth: float) -> Costs:
        """Bits of each block (h / 16, w / 16) to the networks, its error counted as bits.

        Proportional to the logarithms of what the linear branch of the analysis makes of it. If a
        ``worth`` is given, what no linear latent carries counts as an error, too: the networks
        mend much of that in photographs, and none in checkerboards of single pixels.
        """
        h, w = -(-tile.shape[0] // PATCH), -(-tile.shape[1] // PATCH)
        transforms = self._transform.transforms
        pixels = self._transform.load(tile, slice(0, h * PATCH), slice(0, w * PATCH))
        with torch.inference_mode():
            patches = F.pixel_unshuffle(pixels - 0.5, PATCH)
            latents = transforms.analysis.linear(patches)
            missing = (patches - transforms.synthesis.linear(latents)).square().sum(1)[0]
            steps = latents[0] * transforms.gains(quality)[0][:, None, None]
            octaves = torch.log2(1.0 + steps.abs()).sum(0)
            costs = self._octave * octaves + worth * 255.0**2 / 3.0 * missing
        found: Costs = costs.cpu().numpy().astype(np.float64)
        return found


class _Search:
    """The cheapest of the layers attempted for a tile; none is if all cost more than the networks.

    ``costs`` are those of the networks, by block; ``worth`` is the bits that a squared error of a
    pixel of one level counts as.
    """

    def __init__(self, tile: Samples, costs: Costs, worth: float) -> None:
        self._tile, self._costs, self._worth = tile, costs, worth
        whole = float(costs.sum())
        self.least_gain = max(_LAYER_BITS, _LEAST_GAIN * whole)
        self._least = whole - self.least_gain
        self._rounded: dict[int, Samples] = {}
        self._tried: set[tuple[bytes, int]] = set()
        self.layer: Layer | None = None
        self.blocks = np.zeros(costs.shape, np.bool_)
        # At high rates, a step of sqrt(26 / worth) is best for samples that each need their bits.
        self.steps = [max(1, round(share * math.sqrt(26.0 / worth))) for share in _FINENESS]

    def attempt(self, blocks: Mask, step: int) -> None:
        """Try a layer of such blocks, colours of edges rounded to multiples of ``step``."""
        key = blocks.tobytes(), step
        if key in self._tried or not blocks.any():
            return
        self._tried.add(key)
        if step not in self._rounded:
            self._rounded[step] = round_edges(self._tile, step)
        pixels = self._rounded[step]
        kept = np.kron(blocks, np.ones((PATCH, PATCH), np.bool_))
        kept = kept[: self._tile.shape[0], : self._tile.shape[1]]
        off = (pixels[kept].astype(np.float64) - self._tile[kept]) ** 2
        error = float(off.sum()) / (off.shape[1] if off.ndim == 2 else 1)
        size = 8.0 * len(encode_layer(pixels, kept, fast=True))
        cost = size + self._worth * error + float(self._costs[~blocks].sum())
        if cost < self._least:
            self._least, self.blocks, self.layer = cost, blocks, Layer(pixels, kept)


def round_edges(tile: Samples, step: int) -> Samples:
    """The tile with colours rounded to multiples of ``step`` on edges of strong contrast.

    That is where no neighbour has the same colour, and one differs by two steps or more. Flat
    areas and gradients stay as they are; edges, whose smoothed colours make text expensive, lose
    some.
    """
    if step == 1:
        return tile
    colours = tile.astype(np.int16)
    least = np.full(tile.shape[:2], 255, np.int16)
    most = np.zeros(tile.shape[:2], np.int16)
    for axis in (0, 1):
        apart = np.abs(np.diff(colours, axis=axis))
        if apart.ndim == 3:
            apart = apart.max(2)
        one, other = (slice(None),) * axis + (slice(1, None),), (slice(None),) * axis + (slice(-1),)
        for place in (one, other):
            np.minimum(least[place], apart, out=least[place])
            np.maximum(most[place], apart, out=most[place])
    edges = (least > 0) & (most >= 2 * step)
    rounded = (tile[edges].astype(np.int32) + step // 2) // step * step
    found = tile.copy()
    found[edges] = rounded.clip(0, 255)
    return found


def new_pixels(tile: Samples) -> NDArray[np.int64]:
    """How many pixels of each block (h / 16, w / 16), rounded up, are new.

    Others repeat the pixel to their left or the one above, or are as both and the one between
    them foretell in a plane. What lies beyond the picture is not new.
    """
    near = np.pad(_as_numbers(tile), ((1, 0), (1, 0)), mode="edge")
    here, left, above, between = near[1:, 1:], near[1:, :-1], near[:-1, 1:], near[:-1, :-1]
    new = (here != left) & (here != above) & (left + above - between != here)
    below, beside = (-side % PATCH for side in new.shape)
    padded = np.pad(new, ((0, below), (0, beside)))
    h, w = (side // PATCH for side in padded.shape)
    counts: NDArray[np.int64] = padded.reshape(h, PATCH, w, PATCH).sum((1, 3), dtype=np.int64)
    return counts


def has_few_colours(tile: Samples) -> bool:
    """Whether a tile has a palette: at most 256 colours, or 32 grays, as no photograph has."""
    gray = tile.ndim == 2 or not np.ptp(tile, axis=2).any()
    numbers = _as_numbers(tile).ravel()
    sampled = numbers[:: 1 + numbers.size // 4096]
    most = _FEW_GRAYS if gray else _FEW_COLOURS
    return all(np.unique(part).size <= most for part in (sampled, numbers))


def _as_numbers(tile: Samples) -> NDArray[np.int32]:
    """Each pixel (h, w) as one number; sums of three do not reach from one colour into the next."""
    whole = tile.astype(np.int32)
    if tile.ndim == 2:
        return whole
    numbers: NDArray[np.int32] = (whole << np.array((22, 11, 0), np.int32)).sum(2, dtype=np.int32)
    return numbers


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
