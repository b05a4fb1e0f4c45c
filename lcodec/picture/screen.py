"""Pictures as a screen shows them: 8 bits, sRGB, opaque."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageCms

from lcodec.picture.convert import reduced_to_bytes
from lcodec.picture.picture import Picture

if TYPE_CHECKING:
    from lcodec.region import Region

GREY = (128, 128, 128)
"""Seen through transparent parts."""


def on_screen(picture: Picture, region: Region | None = None, reduction: int = 1) -> Image.Image:
    """An RGB image of a picture or of a region of it, upright, without alpha.

    16 bits are rounded to 8, colours with a profile become sRGB, alpha is blended with gray.
    ``reduction`` n averages each square of n x n pixels to one.
    """
    part = picture if region is None else cropped(picture, region)
    image = Image.fromarray(reduced_to_bytes(part.pixels))
    profile = part.metadata.icc
    shown = _in_srgb(image, profile) if profile else image.convert("RGB")
    if part.alpha is not None:
        alpha = Image.fromarray(reduced_to_bytes(part.alpha))
        shown = Image.composite(shown, Image.new("RGB", shown.size, GREY), alpha)
    return shown.reduce(reduction) if reduction > 1 else shown


def cropped(picture: Picture, region: Region) -> Picture:
    """The part of a picture inside ``region``, with its metadata."""
    rows = slice(region.top, region.top + region.height)
    columns = slice(region.left, region.left + region.width)
    alpha = None if picture.alpha is None else picture.alpha[rows, columns]
    pixels = np.ascontiguousarray(picture.pixels[rows, columns])
    return Picture(pixels, alpha=alpha, metadata=picture.metadata)


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The image converted to sRGB; unchanged if the profile is sRGB or unusable."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" not in ImageCms.getProfileDescription(own).lower():
            mode = "L" if profile[16:20] == b"GRAY" else "RGB"
            converted = ImageCms.profileToProfile(
                image.convert(mode), own, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            return converted or image.convert("RGB")
    except (ImageCms.PyCMSError, OSError):
        pass
    return image.convert("RGB")
