"""From one picture to a file: analyse at a quality, choose the symbols, code them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lcodec import container
from lcodec.container import Header
from lcodec.latents import BitTally, LatentCoder, PictureSymbols
from lcodec.pixels import PixelTransform
from lcodec.timing import Stopwatch


@dataclass(frozen=True)
class Encoded:
    """A file, and what is known about it."""

    data: bytes
    quality: int
    estimated_bits_y: float
    estimated_bits_z: float
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """What is encoded: uint8 pixels (H, W) or (H, W, 3), and the header of the file.

    The header's quality is replaced by the one encoded at.
    """

    pixels: NDArray[np.uint8]
    header: Header


class Encoder:
    """Encodes one picture, at one quality or at several."""

    def __init__(self, pixels: PixelTransform, latents: LatentCoder, source: Source) -> None:
        self.source = source
        self.watch = Stopwatch()
        self._pixels = pixels
        self._latents = latents

    def header(self, quality: int) -> Header:
        """The header of the file at ``quality``."""
        return replace(self.source.header, quality=int(quality))

    def symbols(self, quality: int) -> PictureSymbols:
        """What is coded at ``quality``."""
        with self.watch.stage("analysis"):
            y = self._pixels.analyse(self.source.pixels, quality)
        return self._latents.quantise(self.header(quality), y, self.watch)

    def encode(self, quality: int) -> Encoded:
        """The file at ``quality`` in 0..100."""
        return self.write(quality, self.symbols(quality))

    def write(self, quality: int, symbols: PictureSymbols) -> Encoded:
        """The file that holds ``symbols``; they must have been chosen for ``quality``."""
        header, tally = self.header(quality), BitTally()
        tiles = self._latents.encode(header, symbols, self.watch, tally)
        data = container.write(header, tiles)
        return Encoded(data, quality, tally.bits_y, tally.bits_z, self.watch.seconds)
