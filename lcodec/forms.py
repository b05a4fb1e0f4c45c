"""The forms in which a caller may hand over a picture or a ``.lic`` file."""

from __future__ import annotations

import io
import operator
import os
from typing import BinaryIO, TypeAlias, TypeGuard

import numpy as np
from PIL import Image

from lcodec import container
from lcodec.container import Buffer, FileReader, LicFile
from lcodec.errors import InputError, UsageError
from lcodec.limits import DecoderLimits
from lcodec.picture import Picture, Samples, from_array, from_pil, load

AnyPicture: TypeAlias = "Image.Image | Picture | Samples | str | os.PathLike[str] | BinaryIO"
AnyFile: TypeAlias = "Buffer | LicFile | FileReader | str | os.PathLike[str] | BinaryIO"

_PICTURES = "a path, a binary file, a Pillow image, an array or a lcodec.Picture"
_FILES = "bytes, a path or a binary file"


def as_picture(image: AnyPicture) -> Picture:
    """Convert any form that can be encoded to a picture.

    Raises:
        UsageError: ``image`` has none of these forms, or is an array of another type or shape.
        InputError: an image cannot be converted, or a file cannot be read.
    """
    if isinstance(image, Picture):
        return image
    if isinstance(image, np.ndarray):
        return from_array(image)
    if isinstance(image, Image.Image):
        return from_pil(image)
    if is_file(image):
        return load(image)
    raise UsageError(f"a picture is {_PICTURES}, not {named(image)}")


def as_file(data: AnyFile, limits: DecoderLimits | None = None) -> LicFile:
    """Parse a ``.lic`` file in any form that can be decoded.

    Raises:
        UsageError: ``data`` has none of these forms.
        InputError: the file cannot be read, or is beyond the ``limits``.
        FormatError, UnsupportedError: the file is damaged or of another kind.
    """
    if isinstance(data, LicFile):
        return data
    if isinstance(data, FileReader):
        (limits or DecoderLimits()).check(data.header)
        tiles = tuple(data.tile(number) for number in range(data.header.tile_count))
        return LicFile(data.header, tiles, data.extra, data.version, data.alpha)
    if isinstance(data, (bytes, bytearray, memoryview)):
        return container.read(data, limits=limits)
    if not is_file(data):
        raise UsageError(f"a .lic file is {_FILES}, not {named(data)}")
    return container.read(content(data, limits), limits=limits)


def as_whole(name: str, value: int, largest: int) -> int:
    """``value`` as an int, numpy's included; raises UsageError unless in 0..``largest``."""
    try:
        number = operator.index(value)
    except TypeError:
        raise UsageError(f"{name} must be a whole number, not {value!r}") from None
    if not 0 <= number <= largest:
        raise UsageError(f"{name} must lie in 0..{largest}: {number}")
    return number


def content(source: str | os.PathLike[str] | BinaryIO, limits: DecoderLimits | None) -> bytearray:
    """The bytes of a ``.lic`` file; raises InputError if it cannot be read, or as `load`."""
    try:
        if isinstance(source, (str, os.PathLike)):
            with open(source, "rb") as stream:
                return container.load(stream, limits)
        return container.load(source, limits)
    except (OSError, ValueError, TypeError) as error:
        name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else "the file"
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{name}: no such file") from None
        reason = error.strerror if isinstance(error, OSError) else None
        raise InputError(f"{name}: cannot be read: {reason or error}") from error


def is_file(value: object) -> TypeGuard[str | os.PathLike[str] | BinaryIO]:
    """Whether a value is a path or an open binary file."""
    if isinstance(value, (str, os.PathLike)):
        return True
    return hasattr(value, "read") and not isinstance(value, io.TextIOBase)


def named(value: object) -> str:
    """What messages call a value of the wrong type."""
    return "None" if value is None else f"a {type(value).__name__}"
