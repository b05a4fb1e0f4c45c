"""Telling kinds of files apart by their first bytes, for helpful messages."""

from __future__ import annotations

import os

from lcodec.cli.paths import read_input
from lcodec.container import SIGNATURE
from lcodec.errors import FormatError, InputError

HEAD_SIZE = 16

_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"qoif", "a QOI picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"P5", "a PGM picture"),
    (b"P6", "a PPM picture"),
)
_BRANDS = {
    b"avif": "an AVIF picture",
    b"heic": "a HEIC picture",
    b"heix": "a HEIC picture",
    b"mif1": "a HEIF picture",
}


def picture_kind(head: bytes) -> str | None:
    """The kind of picture that starts with ``head``, in words, or None."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    return next((words for start, words in _STARTS if head.startswith(start)), None)


def refuse_picture(data: bytes) -> None:
    """Reject a picture where a ``.lic`` file is needed.

    Raises:
        FormatError: it is one.
    """
    kind = picture_kind(data)
    if kind is not None:
        raise FormatError(f"not a .lic file but {kind}; did you mean `lcodec encode`?")


def refuse_lic(data: bytes) -> None:
    """Reject a ``.lic`` file where a picture is needed.

    Raises:
        InputError: it is one.
    """
    if data.startswith(SIGNATURE):
        raise InputError("is a .lic file already; did you mean `lcodec decode`?")


def peek(source: str) -> bytes:
    """The first bytes of a regular file; none of other files, where reading would lose them.

    Raises:
        InputError: the file cannot be read.
    """
    return read_input(source, HEAD_SIZE) if os.path.isfile(source) else b""
