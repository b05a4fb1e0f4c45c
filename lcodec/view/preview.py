"""A picture as a screen shows it, whole or small."""

from __future__ import annotations

import io

from PIL import Image

from lcodec.library.licforms import AnyBytes, AnyFile, opened
from lcodec.limits import DecoderLimits
from lcodec.picture.screen import on_screen
from lcodec.region import SCALES


def salvaged(data: AnyBytes, *, device: str = "auto", max_pixels: int) -> Image.Image:
    """What is left of the picture of a damaged file, lost tiles gray, as `shown`.

    Raises:
        LcodecError: as `lcodec.library.salvage.salvage`.
    """
    from lcodec.library.salvage import salvage

    return on_screen(salvage(data, device=device, max_pixels=max_pixels).decoded.picture)


def shown(data: AnyFile, *, scale: int = 1, device: str = "auto", max_pixels: int) -> Image.Image:
    """The picture of a ``.lic`` file in 8-bit sRGB, over gray where it is transparent.

    With ``scale`` above 1 it is a quick preview at 1/``scale`` of the size.

    Raises:
        LcodecError: as `lcodec.decode`.
    """
    from lcodec.library.shared import decode  # only now: pages appear before torch is loaded

    return on_screen(decode(data, scale=scale, device=device, max_pixels=max_pixels).picture)


def preview(data: AnyFile, side: int, *, device: str = "auto", max_pixels: int) -> Image.Image:
    """The same, reduced to at most ``side`` x ``side`` pixels; smaller pictures keep their size.

    For larger ones a quick preview is decoded, the smallest that is not below that size, and no
    more of the file is read than that takes.

    Raises:
        LcodecError: as `lcodec.decode`; the limit is that of the whole picture.
    """
    limits = DecoderLimits.for_pixels(max_pixels)
    with opened(data, limits) as file:
        header = file.header
        limits.check(header)
        longest = max(header.width, header.height)
        scale = max((scale for scale in SCALES if longest >= scale * side), default=1)
        image = shown(file, scale=scale, device=device, max_pixels=max_pixels)
    sides = header.width, header.height
    size = [max(1, round(length * min(1, side / longest))) for length in sides]
    # The last pixels of a preview may extend beyond the picture.
    box = (0, 0, header.width / scale, header.height / scale)
    return image.resize((size[0], size[1]), Image.Resampling.LANCZOS, box, reducing_gap=3.0)


def png(image: Image.Image) -> bytes:
    """A PNG file of an image, written quickly."""
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()
