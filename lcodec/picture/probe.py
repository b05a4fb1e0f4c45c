"""Reading the heads of pictures, without their pixels."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import BinaryIO

from lcodec.container import MAX_SIDE
from lcodec.errors import InputError, reason_of
from lcodec.picture import tiffcarry
from lcodec.picture.ifd import Reader
from lcodec.picture.metadata import keep, of_info
from lcodec.picture.reader import load, open_image, size_of
from lcodec.picture.sources import carried_of
from lcodec.process.streams import steady


def probe(
    source: str | os.PathLike[str] | BinaryIO, name: str | None = None
) -> tuple[int, int, str]:
    """Width and height of a picture as stored, and its format as Pillow names it.

    The source is a path or a seekable stream; ``name`` is its name in errors. The EXIF orientation
    is not applied, because it may be stored after the pixels.

    Raises:
        InputError: the file cannot be read, or its head is not that of a picture.
    """
    try:
        if isinstance(source, str | os.PathLike):
            with open(source, "rb") as stream:
                return size_of(stream)
        return size_of(steady(source))
    except Exception as error:
        raise InputError(f"{source if name is None else name}: {reason_of(error)}") from error


def upright_size(stream: BinaryIO, name: str | None = None) -> tuple[int, int]:
    """Width and height of a picture once it is upright, as far as is told before its pixels.

    Raises:
        InputError: as `probe`.
    """
    width, height, kind = probe(stream, name)
    with suppress(Exception):  # damaged metadata must not affect the rest
        if width != height and _is_on_its_side(steady(stream), kind):
            return height, width
    return width, height


def _is_on_its_side(stream: BinaryIO, kind: str) -> bool:
    stream.seek(0)
    if kind == "TIFF":
        found = tiffcarry.carried(Reader(stream))
    else:
        with open_image(stream) as image:
            # The whole of a PNG or GIF file would be read for the rest.
            found = of_info(image.info) if kind in ("PNG", "GIF") else carried_of(image)
    return keep(found, 3, converted=True).orientation >= 5


def is_whole(source: str | os.PathLike[str] | BinaryIO) -> bool:
    """Whether all pixels of a picture, at a path or in a seekable stream, can be read."""
    try:
        load(source, max_pixels=MAX_SIDE**2, metadata=False)
    except InputError:
        return False
    return True
