"""Writing pictures to files and standard output."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lcodec.errors import OutputError, UsageError
from lcodec.imageio.atomic import atomic_write
from lcodec.imageio.picture import Picture, check_pixels

# Suffix -> Pillow format and its options: lossless where the format can, else close to it.
_JPEG: tuple[str, dict[str, Any]] = ("JPEG", {"quality": 95, "subsampling": 0})
_WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".bmp": ("BMP", {}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
    ".ppm": ("PPM", {}),
    ".pgm": ("PPM", {}),
    ".pnm": ("PPM", {}),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
}
WRITE_SUFFIXES = frozenset(_WRITERS)
"""Lower-case suffixes `save` knows."""


def save(
    picture: Picture | NDArray[np.uint8],
    path: str | os.PathLike[str],
    *,
    suffix: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a picture, in the format of the path's suffix, atomically (see `atomic_write`).

    ``"-"`` is standard output, in the format of ``suffix`` (default ``".png"``); ``suffix`` also
    overrules that of a path. All formats are lossless but JPEG (quality 95, 4:4:4). Metadata is
    not written.

    Raises:
        UsageError: unknown suffix, an array that is not pixels, a colour picture as ``.pgm``,
            or a terminal as standard output.
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    pixels = check_pixels(picture.pixels if isinstance(picture, Picture) else picture)
    to_stdout = os.fspath(path) == "-"
    wanted = suffix or (".png" if to_stdout else Path(path).suffix)
    wanted = wanted.lower()
    if wanted not in _WRITERS:
        known = " ".join(sorted(WRITE_SUFFIXES))
        raise UsageError(f"{path}: unknown picture format `{wanted}`, known are: {known}")
    if wanted == ".pgm" and pixels.ndim == 3:
        raise UsageError(f"{path}: a .pgm file holds gray only and the picture has colours")
    if wanted == ".ppm" and pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    if to_stdout:
        _save_stdout(pixels, wanted)
        return
    with atomic_write(path, overwrite=overwrite) as stream:
        _encode(pixels, wanted, stream, str(path))


def _save_stdout(pixels: NDArray[np.uint8], suffix: str) -> None:
    if sys.stdout.isatty():
        raise UsageError("standard output is a terminal, a picture is not written to it")
    buffer = io.BytesIO()
    _encode(pixels, suffix, buffer, "standard output")
    try:
        sys.stdout.buffer.write(buffer.getbuffer())
        sys.stdout.buffer.flush()
    except OSError as error:
        raise OutputError(f"standard output: {error.strerror or error}") from error


def _encode(pixels: NDArray[np.uint8], suffix: str, stream: BinaryIO, name: str) -> None:
    writer, options = _WRITERS[suffix]
    try:
        Image.fromarray(pixels).save(stream, format=writer, **options)
    except Exception as error:
        # Pillow raises several kinds, for instance when a side is too long for the format.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OutputError(f"{name}: cannot be written: {reason}") from error
