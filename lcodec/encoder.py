"""From one picture to a file: analyse at a quality, choose the symbols, code them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lcodec import container
from lcodec.container import Header, TilePayload
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
        return self._assemble(header, tiles, tally)

    def _assemble(self, header: Header, tiles: list[TilePayload], tally: BitTally) -> Encoded:
        data = container.write(header, tiles)
        return Encoded(data, header.quality, tally.bits_y, tally.bits_z, self.watch.seconds)

    @staticmethod
    def encode_many(encoders: Sequence[Encoder], quality: int) -> list[Encoded]:
        """The files of several pictures, the same as one by one.

        Pictures of equal size, counted in patches of 16 pixels, go through the entropy network
        together, which saves most of the time of small ones. All encoders must come from the
        same codec. The timings of coding are equal shares.
        """
        if not encoders:
            return []
        headers = [encoder.header(quality) for encoder in encoders]
        symbols = [encoder.symbols(quality) for encoder in encoders]
        tallies = [BitTally() for _ in encoders]
        watch = Stopwatch()
        latents = encoders[0]._latents
        tiles = latents.encode_many(headers, symbols, watch, tallies)
        encoded = []
        for encoder, header, own, tally in zip(encoders, headers, tiles, tallies, strict=True):
            for stage, seconds in watch.seconds.items():
                own_seconds = encoder.watch.seconds.get(stage, 0.0)
                encoder.watch.seconds[stage] = own_seconds + seconds / len(encoders)
            encoded.append(encoder._assemble(header, own, tally))
        return encoded
