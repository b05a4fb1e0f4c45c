"""16-bit colour samples out of files that Pillow opens as 8-bit pictures.

Pillow has no mode for them: its unpackers take the high byte of each sample. Reading the same
file once more as if its samples were of the other byte order gives the low bytes. So Pillow's
decoders, which are well tried, do all the work; a library that holds such samples itself would
bring tens of megabytes of further decoders (imagecodecs, OpenCV), or is slow (pypng).
"""

from __future__ import annotations

import sys
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lcodec.picture.limit import no_pillow_limit

_NATIVE = "L" if sys.byteorder == "little" else "B"
_OTHER = {"L": "B", "B": "L", "N": "B" if _NATIVE == "L" else "L"}
_FULL = 65535


def raw_modes(image: Image.Image) -> set[str]:
    """The sample layouts of a file not yet loaded, as Pillow names them; empty for others."""
    return {str(_arguments(tile)[0]) for tile in getattr(image, "tile", ())}


def load_deep(image: Image.Image) -> NDArray[np.uint16] | None:
    """Load an image; its samples (H, W, 2 to 4) if the file has 16-bit ones that Pillow reduces.

    The last of two or four is alpha, not multiplied into the others. None if Pillow holds all
    there is, or if the layout is one that cannot be had whole.
    """
    samples = None
    if getattr(image, "fp", None) is not None and image.tell() == 0:
        if image.format == "PPM":
            samples = _portable(image)
            if samples is not None:
                return samples  # the file holds nothing else, and Pillow would take its time
        else:
            samples = _from_layout(image)
    image.load()
    return samples


def _from_layout(image: Image.Image) -> NDArray[np.uint16] | None:
    layouts = raw_modes(image)
    name, _, order = next(iter(layouts), "").partition(";16")
    if len(layouts) != 1 or order not in _OTHER:
        return None
    if name == "LA":
        # As four samples of 8 bits: all bytes at once.
        parts = _again(image, "RGBA")
        return _join(parts[..., 0::2], parts[..., 1::2])
    if name not in ("RGB", "RGBA", "RGBa", "RGBX"):
        return None
    plain = "RGBA" if name == "RGBa" else name
    low = _again(image, f"{plain};16{_OTHER[order]}")
    samples = _join(_again(image, f"{plain};16{order}"), low)
    return _divided(samples) if name == "RGBa" else samples


def _again(image: Image.Image, layout: str) -> NDArray[np.uint8]:
    """Pixels of the image's file, decoded as if its samples were of another layout."""
    stream = cast(BinaryIO, cast(Any, image).fp)
    position = stream.tell()
    try:
        stream.seek(0)
        with no_pillow_limit():
            other = cast(Any, Image.open(stream, formats=[str(image.format)]))
            other.tile = [_with_layout(tile, layout) for tile in other.tile]
            other.load()
        return np.asarray(other)
    finally:
        stream.seek(position)


def _with_layout(tile: Any, layout: str) -> tuple[Any, ...]:
    arguments = tile[3]
    changed = (layout, *arguments[1:]) if isinstance(arguments, tuple) else layout
    if hasattr(tile, "_replace"):
        return cast(tuple[Any, ...], tile._replace(args=changed))
    return (*tile[:3], changed)


def _portable(image: Image.Image) -> NDArray[np.uint16] | None:
    """Samples of a binary PPM file with more than 255 levels, scaled to 65535."""
    (tile,) = cast(Any, image).tile
    largest = _arguments(tile)[-1]
    if image.mode != "RGB" or tile[0] != "ppm" or largest < 256:
        return None
    stream = cast(BinaryIO, cast(Any, image).fp)
    stream.seek(tile[2])
    count = image.width * image.height * 3
    data = stream.read(2 * count)
    if len(data) < 2 * count:
        raise OSError("image file is truncated")
    samples = np.frombuffer(data, dtype=">u2").reshape(image.height, image.width, 3)
    return scaled(samples.astype(np.uint16), largest)


def scaled(samples: NDArray[np.uint16], largest: int) -> NDArray[np.uint16]:
    """Samples of 0..largest as 0..65535, rounded; larger ones count as largest."""
    if largest == _FULL:
        return samples
    wide = np.minimum(samples, largest).astype(np.uint32)
    return ((wide * _FULL + largest // 2) // largest).astype(np.uint16)


def _divided(samples: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Colours that alpha was multiplied into, without it."""
    alpha = samples[..., 3:].astype(np.uint64)
    colours = (samples[..., :3] * np.uint64(_FULL) + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([np.minimum(colours, _FULL), alpha], axis=2).astype(np.uint16)


def _join(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint16]:
    joined: NDArray[np.uint16] = high.astype(np.uint16) << np.uint16(8) | low
    return joined


def _arguments(tile: Any) -> tuple[Any, ...]:
    return tile[3] if isinstance(tile[3], tuple) else (tile[3],)
