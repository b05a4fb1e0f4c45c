"""The lossless layer of a tile: pixels that are kept exactly (docs/FORMAT.md, "MIXED").

It is WebP lossless (RFC 9649), which has what drawn pictures need: palettes, copies of what came
before, prediction from neighbours. Pixels outside the layer are transparent in it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from lcodec.container.tile import LAYER_HEADER, check_layer_size
from lcodec.errors import FormatError, UnsupportedError
from lcodec.picture.limit import no_pillow_limit

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_ALPHA: Final = 0x10  # in the last byte of the header
_CHUNK: Final = 20  # bytes before the bitstream in a WebP file

# Methods and qualities of libwebp. The quick one guesses which transforms are best, as does the
# slow one, which takes three times as long and looks further for copies; the slowest tries all of
# them and takes sixty times as long. The one that only predicts tells whether to doubt the guess.
_QUICK: Final = (1, 50)
_PREDICTED: Final = (0, 100)
_SLOW: Final = (4, 100)
_SLOWEST: Final = (6, 100)
_DOUBTFUL: Final = 1.4  # times the size of the best guess, if that of prediction alone is below it

_TRIED: Final = 48  # ways in which a layer that is cut off might continue
_COMPARED: Final = 8
_FEWEST: Final = 3  # of them that are possible
_LEAST: Final = 256  # bytes: of less, wrong continuations agree by chance
_SPREAD: Final = 51  # odd, so that all bytes have their turn


@dataclass(frozen=True)
class Layer:
    """Pixels (h, w) or (h, w, 3) of a tile, and where they count, (h, w)."""

    pixels: Bytes
    kept: Mask

    def lay_over(self, shown: Bytes) -> None:
        """Replace pixels of ``shown``, of the same shape, by those of the layer."""
        shown[self.kept] = self.pixels[self.kept]


def is_available() -> bool:
    """Whether the installed Pillow has WebP, as its own packages do."""
    return bool(features.check("webp"))


def encode_layer(pixels: Bytes, kept: Mask, *, fast: bool = False) -> bytes:
    """The bitstream of the pixels (h, w) or (h, w, 3) where ``kept`` (h, w).

    ``fast`` takes a third of the time or much less; it is up to 60 % larger on drawn pictures.
    """
    image = _image(pixels, kept)
    predicted = _pack(image, *_PREDICTED)
    best = min(predicted, _pack(image, *_QUICK), key=len)
    if fast:
        return best
    best = min(best, _pack(image, *_SLOW), key=len)
    if len(predicted) < _DOUBTFUL * len(best):
        best = min(best, _pack(image, *_SLOWEST), key=len)
    return best


def _image(pixels: Bytes, kept: Mask) -> Image.Image:
    colours = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    if kept.all():
        return Image.fromarray(np.ascontiguousarray(colours))
    opaque = np.where(kept, np.uint8(255), np.uint8(0))
    return Image.fromarray(np.dstack([colours, opaque]))


def _pack(image: Image.Image, method: int, quality: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", lossless=True, quality=quality, method=method)
    data = stream.getvalue()
    if data[12:16] != b"VP8L":
        raise AssertionError("WebP lossless without metadata begins with its bitstream")
    size = int.from_bytes(data[16:_CHUNK], "little")
    return data[_CHUNK : _CHUNK + size]


def decode_layer(data: bytes, shape: tuple[int, ...]) -> Layer:
    """The layer that a bitstream holds; ``shape`` is that of the pixels, (h, w) or (h, w, 3).

    Raises:
        FormatError: damaged, not of this size, or with pixels that count by halves.
        UnsupportedError: the installed Pillow has no WebP.
    """
    _check(data, shape)
    odd = len(data) % 2  # chunks are even
    samples = _unpack(data + bytes(odd))
    # libwebp reads on behind the end of a truncated bitstream. What is there must not matter.
    if not np.array_equal(samples, _unpack(data + b"\xff" * (2 - odd))):
        raise FormatError("truncated lossless layer")
    return _layer_of(samples, shape)


def arrived_layer(data: bytes, shape: tuple[int, ...]) -> Layer:
    """What the beginning of a bitstream tells: the upper rows, and below them nothing is kept.

    A row that is nearly complete may have a few wrong pixels.

    Raises:
        FormatError: damaged, not of this size, or too short to tell anything.
        UnsupportedError: the installed Pillow has no WebP.
    """
    _check(data, shape)
    if len(data) < _LEAST:
        raise FormatError("truncated lossless layer")
    found: list[Bytes] = []
    more = 1 + len(data) % 2 + 2 * shape[0] * shape[1]
    for number in range(_TRIED):
        # Rows that have arrived are the same whatever comes next; that may be impossible, too.
        first, then = number * _SPREAD % 256, (number % 2) * number * _SPREAD % 256
        try:
            found.append(_unpack(data + bytes((first,)) + bytes((then,)) * more))
        except FormatError:
            continue
        if len(found) == _COMPARED:
            break
    if len(found) < _FEWEST:
        raise FormatError("truncated lossless layer")
    alike = np.logical_and.reduce([(found[0] == other).all((1, 2)) for other in found[1:]])
    # All alike: there is not even the code of the pixels yet, or it is complete.
    rows = 0 if alike.all() else int(np.argmin(alike))
    if not rows:
        return decode_layer(data, shape)
    upper = found[0].copy()
    upper[rows:] = 0
    return _layer_of(upper, shape)


def _check(data: bytes, shape: tuple[int, ...]) -> None:
    if not is_available():
        raise UnsupportedError("the file has lossless layers, and this Pillow has no WebP")
    check_layer_size(data, shape[1], shape[0])


def _layer_of(samples: Bytes, shape: tuple[int, ...]) -> Layer:
    """The layer that samples (h, w, 4) are; raises FormatError."""
    alpha = samples[..., 3]
    if ((alpha != 0) & (alpha != 255)).any():
        raise FormatError("damaged lossless layer: some pixels are neither in it nor outside")
    return Layer(samples[..., :3] if len(shape) == 3 else samples[..., 1], alpha == 255)


def _unpack(data: bytes) -> Bytes:
    """Samples (h, w, 4) of a bitstream of an even number of bytes; raises FormatError."""
    # RFC 9649: the bit for alpha is a hint and should not matter. To Pillow it does.
    head, last = data[: LAYER_HEADER - 1], data[LAYER_HEADER - 1]
    data = head + bytes((last | _ALPHA,)) + data[LAYER_HEADER:]
    chunk = b"VP8L" + len(data).to_bytes(4, "little") + data
    file = b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk
    try:
        with no_pillow_limit(), Image.open(io.BytesIO(file), formats=["WEBP"]) as image:
            return np.asarray(image)
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise FormatError(f"damaged lossless layer: {error}") from None
