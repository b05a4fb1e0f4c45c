"""Reading the heads of pictures, without their pixels."""

from __future__ import annotations

import os
from typing import BinaryIO

from PIL import Image

from lcodec.container import MAX_SIDE
from lcodec.errors import InputError, UsageError
from lcodec.picture.reader import load, size_of
from lcodec.suffixes import WRITE_SUFFIXES


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
        return size_of(source)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{source if name is None else name}: {reason}") from error


def is_whole(source: str | os.PathLike[str] | BinaryIO) -> bool:
    """Whether all pixels of a picture, at a path or in a seekable stream, can be read."""
    try:
        load(source, max_pixels=MAX_SIDE**2, metadata=False)
    except InputError:
        return False
    return True


def format_of_suffix(suffix: str) -> str:
    """Pillow's name of the format that `lcodec.picture.save` writes for a suffix.

    Raises:
        UsageError: unknown suffix.
    """
    suffix = suffix.lower()
    if suffix not in WRITE_SUFFIXES:
        known = " ".join(sorted(WRITE_SUFFIXES))
        raise UsageError(f"unknown picture format `{suffix}`; known formats: {known}")
    Image.init()
    return Image.registered_extensions()[suffix]
