"""HEIC and other HEIF pictures, through the package pillow-heif, which is an extra.

Its plugin for Pillow reduces samples to 8 bits, so it is asked directly.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, BinaryIO

import numpy as np

from lcodec.errors import InputError
from lcodec.picture import colour
from lcodec.picture.carried import Carried
from lcodec.picture.metadata import of_info
from lcodec.picture.picture import Samples
from lcodec.picture.samples import divided, full_range

_PREMULTIPLIED = ("RGBa", "La")


def size(stream: BinaryIO) -> tuple[int, int]:
    """Width and height as shown; raises whatever the package does."""
    width, height = _primary(_opened(stream)).size
    return int(width), int(height)


def read(stream: BinaryIO) -> tuple[Samples, Samples | None, Carried]:
    """Pixels (H, W) or (H, W, 3), alpha (H, W), and metadata of the primary picture.

    Turned as the file says. Samples of 9 to 16 bits become 16. Raises InputError for other
    samples, and whatever the package does for damaged files.
    """
    file = _opened(stream)
    image = _primary(file)
    samples = np.asarray(image)
    mode, _, depth = str(image.mode).partition(";")
    if samples.dtype not in (np.uint8, np.uint16) or samples.ndim not in (2, 3):
        raise InputError(f"samples of the kind {image.mode}: not supported")
    bits = int(depth) if depth.isdigit() else 8 * samples.dtype.itemsize
    samples = full_range(samples, bits)
    pixels, alpha = samples, None
    if samples.ndim == 3 and samples.shape[2] in (1, 2, 4):
        channels = samples.shape[2]
        alpha = None if channels == 1 else samples[..., -1]
        pixels = samples[..., :3] if channels == 4 else samples[..., 0]
    if alpha is not None and mode in _PREMULTIPLIED:
        pixels = divided(pixels, alpha)
    carried = _carried(image.info, gray=pixels.ndim == 2)
    carried.frames = len(file)
    return pixels, alpha, carried


def _opened(stream: BinaryIO) -> Any:
    package = import_module("pillow_heif")
    stream.seek(0)
    return package.open_heif(stream, convert_hdr_to_8bit=False, hdr_to_16bit=False)


def _primary(file: Any) -> Any:
    return file[file.primary_index]


def _carried(info: dict[str, Any], gray: bool) -> Carried:
    out = of_info(info)
    out.orientation = 1  # as the file has been turned already, whatever EXIF says
    points = info.get("nclx_profile")
    if points and not out.icc:
        figures = (points["color_primaries"], points["transfer_characteristics"])
        space = colour.of_code_points(*figures, gray=gray)
        out.set_space(space)
    if any("gainmap" in str(name).lower() for name in info.get("aux") or ()):
        out.lost.append("gain map")
    if info.get("depth_images"):
        out.lost.append("depth map")
    return out
