"""Files whose latents were simply rounded, to compare with."""

from __future__ import annotations

from lcodec.container import Header, write
from lcodec.library.codec import Codec
from lcodec.picture import Picture, Samples
from lcodec.pipeline.latents import Latents, to_symbols
from lcodec.pipeline.symbols import PictureSymbols
from lcodec.pipeline.tally import BitTally
from lcodec.process.timing import Stopwatch


def header_of(codec: Codec, pixels: Samples, quality: int) -> Header:
    return codec._header_of(Picture(pixels))(quality)


def rounded_symbols(codec: Codec, pixels: Samples, quality: int) -> PictureSymbols:
    """What the latents are rounded to."""
    y = codec.stages.pixels.analyse(pixels, quality)
    latents, header = Latents(y, to_symbols(y)), header_of(codec, pixels, quality)
    return codec.stages.latents.quantise(header, latents, Stopwatch())


def without_looks(codec: Codec, pixels: Samples, quality: int) -> bytes:
    """The file if latents were simply rounded."""
    header, symbols = header_of(codec, pixels, quality), rounded_symbols(codec, pixels, quality)
    return write(header, codec.stages.latents.code_tiles(header, symbols, Stopwatch(), BitTally()))
