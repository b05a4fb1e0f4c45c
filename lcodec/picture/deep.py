"""16-bit colour samples from files that Pillow opens as 8-bit pictures.

Pillow has no mode for them: its unpackers take the high byte of each sample. Reading the same
file again as if its samples had the other byte order gives the low bytes. So Pillow's well-tested
decoders do all the work, and refuse what they always refuse.
"""

from __future__ import annotations

import sys
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lcodec.picture.limit import no_pillow_limit
from lcodec.picture.samples import scaled
from lcodec.picture.sources import file_of, is_fresh

_NATIVE = "L" if sys.byteorder == "little" else "B"
_OTHER = {"L": "B", "B": "L", "N": "B" if _NATIVE == "L" else "L"}


def raw_modes(image: Image.Image) -> set[str]:
    """The sample layouts of a file not yet loaded, by Pillow's names; empty if loaded."""
    return {str(_arguments(tile)[0]) for tile in getattr(image, "tile", ())}


def load_deep(image: Image.Image) -> NDArray[np.uint16] | None:
    """Load a PNG or PPM image; its samples (H, W, 2 to 4) if it has 16-bit ones.

    The last of two or four is alpha. None if Pillow's image has all bits.
    """
    samples = None
    if image.format in ("PNG", "PPM") and is_fresh(image) and image.tell() == 0:
        if image.format == "PPM":
            samples = _portable(image)
            if samples is not None:
                return samples  # complete, and loading with Pillow would be slow
        else:
            samples = _from_layout(image)
    image.load()
    return samples


def samples_behind(image: Image.Image, pixels: NDArray[np.uint8]) -> NDArray[np.uint16] | None:
    """The 16-bit samples in the file of a loaded PNG, if ``pixels`` are still their high bytes."""
    with file_of(image) as stream:
        if stream is None or image.format != "PNG" or image.size[::-1] != pixels.shape[:2]:
            return None
        try:
            stream.seek(0)
            with no_pillow_limit(), Image.open(stream, formats=["PNG"]) as other:
                samples = load_deep(other) if other.size == image.size else None
        except Exception:  # of many kinds: it may be another file by now
            return None
    if samples is None or samples.shape != pixels.shape or ((samples >> 8) != pixels).any():
        return None
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
    if name not in ("RGB", "RGBA"):
        return None
    low = _again(image, f"{name};16{_OTHER[order]}")
    return _join(_again(image, f"{name};16{order}"), low)


def _again(image: Image.Image, layout: str) -> NDArray[np.uint8]:
    """Pixels of the image's file, decoded as if its samples had another layout."""
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


def _join(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint16]:
    joined: NDArray[np.uint16] = high.astype(np.uint16) << np.uint16(8) | low
    return joined


def _arguments(tile: Any) -> tuple[Any, ...]:
    return tile[3] if isinstance(tile[3], tuple) else (tile[3],)
