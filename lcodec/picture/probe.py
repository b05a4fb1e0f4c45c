"""The heads of pictures, without their pixels."""

from __future__ import annotations

import os

from PIL import Image

from lcodec.container import MAX_SIDE
from lcodec.errors import InputError, UsageError
from lcodec.picture.reader import load, size_of
from lcodec.suffixes import WRITE_SUFFIXES


def probe(path: str | os.PathLike[str]) -> tuple[int, int, str]:
    """Width and height of a picture as stored, and its format as Pillow names it.

    The EXIF orientation is not applied, because it may stand behind the pixels.

    Raises:
        InputError: the file cannot be read, or its head is not that of a picture.
    """
    try:
        with open(path, "rb") as stream:
            return size_of(stream)
    except Exception as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from error


def is_whole(path: str | os.PathLike[str]) -> bool:
    """Whether all pixels of a picture can be read."""
    try:
        load(path, max_pixels=MAX_SIDE**2, metadata=False)
    except InputError:
        return False
    return True


def format_of_suffix(suffix: str) -> str:
    """The format, as Pillow names it, of the pictures `lcodec.picture.save` writes under a suffix.

    Raises:
        UsageError: unknown suffix.
    """
    suffix = suffix.lower()
    if suffix not in WRITE_SUFFIXES:
        known = " ".join(sorted(WRITE_SUFFIXES))
        raise UsageError(f"unknown picture format `{suffix}`, known are: {known}")
    Image.init()
    return Image.registered_extensions()[suffix]
