"""The forms in which a caller may hand over a picture or a ``.lic`` file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import BinaryIO, TypeAlias, TypeVar

import numpy as np
from PIL import Image

from lcodec import container
from lcodec.container import FileReader, LicFile
from lcodec.errors import UsageError
from lcodec.library.decoded import Decoded
from lcodec.library.licforms import AnyFile, as_bytes, is_file, named
from lcodec.limits import DecoderLimits
from lcodec.picture import Picture, Samples, from_array, from_pil, load
from lcodec.process.failures import decodable

AnyPicture: TypeAlias = (
    "Image.Image | Picture | Decoded | Samples | str | os.PathLike[str] | BinaryIO"
)
Form = TypeVar("Form")

_PICTURES = (
    "a path, a binary file, a Pillow image, an array, a lcodec.Picture or what lcodec.decode gives"
)


def as_picture(image: AnyPicture) -> Picture:
    """Convert any form that can be encoded to a picture.

    Raises:
        UsageError: ``image`` has none of these forms, or is an array of another type or shape.
        InputError: an image cannot be converted, or a file cannot be read.
    """
    if isinstance(image, Picture):
        return image
    if isinstance(image, Decoded):
        return image.picture
    if isinstance(image, np.ndarray):
        return from_array(image)
    if isinstance(image, Image.Image):
        with decodable("the image"):
            return from_pil(image)
    if is_file(image):
        return load(image)
    raise UsageError(f"a picture is {_PICTURES}, not {named(image)}")


def as_file(data: AnyFile, limits: DecoderLimits | None = None) -> LicFile:
    """Parse a ``.lic`` file in any form that can be decoded.

    Without ``limits`` those of `DecoderLimits()` apply, except to a `LicFile`, which was read under
    limits already.

    Raises:
        UsageError: ``data`` has none of these forms.
        InputError: the file cannot be read, or is beyond the ``limits``.
        FormatError, UnsupportedError: the file is damaged or of another kind.
    """
    if not isinstance(data, (LicFile, FileReader)):
        return container.read(as_bytes(data, limits), limits=limits)
    if limits is not None:
        limits.check(data.header)
        container.check_extra(data.extra, limits)
    if isinstance(data, LicFile):
        return data
    if limits is None:
        DecoderLimits().check(data.header)  # those of a reader are for parts
    tiles = tuple(data.tile(number) for number in range(data.header.tile_count))
    return LicFile(data.header, tiles, data.extra, data.version, data.alpha)


def several(given: Iterable[Form], what: str) -> Iterable[Form]:
    """The same, if it has parts that may be ``what``.

    Raises:
        UsageError: it has none, or is a path or bytes, whose parts are not meant.
    """
    if isinstance(given, str | bytes | bytearray | memoryview) or not isinstance(given, Iterable):
        raise UsageError(f"several {what} are given as a list, not {named(given)}")
    return given
