"""From a Pillow image of any mode to 8-bit gray or RGB pixels, with notes on what was lost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from lcodec.errors import InputError
from lcodec.imageio.picture import Picture

_EXIF_IFD = 0x8769
_DEEP_GRAY = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")

# EXIF orientation tag values 2..8 (EXIF 2.32, tag 0x0112): how to bring the picture upright.
_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def from_pil(image: Image.Image) -> Picture:
    """Pixels and notes of a Pillow image of any mode, its EXIF orientation applied.

    Bilevel and gray modes give gray, everything else RGB. Alpha is dropped, not blended; 16-bit
    samples are rounded to 8; of several frames the first (current) one is taken.

    Raises:
        InputError: samples of an unknown range (floating point, 32-bit) or a Lab picture.
        OSError and others: whatever Pillow raises while it decodes a damaged file.
    """
    storage = _storage(image)
    frames = int(getattr(image, "n_frames", 1))
    image.load()
    pixels, notes = _convert(image, storage)
    if frames > 1:
        notes.append(f"only the first of {frames} frames is kept")
    orientation, metadata = _metadata(image)
    if orientation in _UPRIGHT:
        pixels = _UPRIGHT[orientation](pixels)
        notes.append("EXIF orientation applied")
    return Picture(pixels, (*notes, *metadata))


def _convert(image: Image.Image, storage: str) -> tuple[NDArray[np.uint8], list[str]]:
    """Pixels (H, W) or (H, W, 3) of a loaded image, and notes on depth, alpha and colour."""
    if image.mode in _DEEP_GRAY:
        # 12-bit TIFF samples come unscaled.
        pixels = _reduce(image, 4095 if "I;12" in storage else 65535)
        return pixels, ["16-bit samples reduced to 8 bits", *_alpha_notes(image)]
    if image.mode in ("F", "LAB"):
        kind = "floating-point samples" if image.mode == "F" else "the Lab colour space"
        raise InputError(f"{kind}: not supported")
    notes = ["16-bit samples reduced to 8 bits"] if ";16" in storage else []
    notes += _alpha_notes(image)
    if image.mode == "CMYK":
        notes.append("CMYK converted to RGB without a colour profile")
    if image.mode in ("1", "L", "LA", "La"):
        return _array(image if image.mode == "L" else image.convert("L")), notes
    if "LA;16" in storage:
        # Pillow widens 16-bit gray with alpha to RGBA; the three colours are equal.
        return _array(image.getchannel(0)), notes
    return _array(image if image.mode == "RGB" else image.convert("RGB")), notes


def _array(image: Image.Image) -> NDArray[np.uint8]:
    return np.array(image, dtype=np.uint8)


def _reduce(image: Image.Image, full: int) -> NDArray[np.uint8]:
    """Gray samples in 0..full rounded to 0..255."""
    samples = np.asarray(image).astype(np.int64)
    if samples.size and (samples.min() < 0 or samples.max() > full):
        raise InputError("gray samples of more than 16 bits, or negative ones: not supported")
    return ((samples * 255 + full // 2) // full).astype(np.uint8)


def _storage(image: Image.Image) -> str:
    """The sample layouts of the file as Pillow names them (";16" where it reduces 16 bits)."""
    layouts = []
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        layouts += [str(argument) for argument in arguments if isinstance(argument, str)]
        if tile[0] in ("ppm", "ppm_plain"):
            # PPM: the arguments end with the greatest sample value.
            layouts += ["RGB;16" for a in arguments if isinstance(a, int) and a > 255]
    return " ".join(layouts)


def _alpha_notes(image: Image.Image) -> list[str]:
    if image.mode in _ALPHA:
        lowest = image.getchannel(image.getbands()[-1]).getextrema()[0]
        return ["opaque alpha channel dropped" if lowest == 255 else "alpha channel dropped"]
    return ["transparent colour dropped"] if "transparency" in image.info else []


def _metadata(image: Image.Image) -> tuple[int, list[str]]:
    """EXIF orientation (1 if there is none) and notes on the metadata that pixels cannot hold."""
    notes: list[str] = []
    orientation = 1
    try:
        exif = image.getexif()
        orientation = int(exif.get(ExifTags.Base.Orientation, 1))
        if "exif" in image.info or "Raw profile type exif" in image.info or _EXIF_IFD in exif:
            notes.append("EXIF dropped")
    except Exception:
        # Pillow's EXIF parser raises many kinds; damaged metadata must not cost the picture.
        notes.append("unreadable EXIF dropped")
    if image.info.get("icc_profile"):
        notes.append("ICC profile dropped")
    if image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"):
        notes.append("XMP dropped")
    return orientation, notes
