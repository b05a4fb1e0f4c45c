"""Reading pictures from files and streams."""

from __future__ import annotations

import io
import os
import struct
from contextlib import suppress
from importlib import import_module
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from lcodec import suffixes
from lcodec.container import DEFAULT_MAX_PIXELS, is_lic
from lcodec.errors import InputError
from lcodec.kinds import HEAD_SIZE, PNG, TIFF, is_heif, unread_kind, way_out
from lcodec.picture import heifread, pngread, tiffcarry, tiffread
from lcodec.picture.carried import Carried
from lcodec.picture.convert import Decoded, finished, from_pil, from_tiff
from lcodec.picture.ifd import Reader
from lcodec.picture.limit import no_pillow_limit
from lcodec.picture.picture import Picture
from lcodec.process.failures import decodable, own_errors, readable
from lcodec.process.streams import steady

# Listed explicitly: some of Pillow's other readers start external programs (EPS) or accept
# almost any bytes as a picture.
_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "PPM", "GIF", "JPEG2000", "QOI")
_HEIF = "HEIF"
_RARER = ("Avif", "Jpeg2K", "Qoi", "Tiff", "WebP")


@own_errors("reading the picture")
def load(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    metadata: bool = True,
    name: str | None = None,
) -> Picture:
    """Read a picture from a path or a binary stream, wherever in it that is, as Pillow does.

    The format is detected from the content. The picture is upright, with 8 or 16 bits, gray or RGB,
    with its alpha and metadata; `Picture.notes` lists what was dropped (see
    `lcodec.picture.convert`).

    ``name`` is the name of a stream in errors, by default its own. Colour profile, EXIF and XMP
    are left out, without a note, if ``metadata`` is false.

    Raises:
        InputError: missing, unreadable, damaged, of an unsupported kind, or with more than
            ``max_pixels`` pixels (checked before anything is decoded).
    """
    picture = _load(source, max_pixels, name)
    return picture if metadata else picture.stripped()


def _load(source: str | os.PathLike[str] | BinaryIO, max_pixels: int, name: str | None) -> Picture:
    if isinstance(source, (str, os.PathLike)):
        return _load_path(os.fsdecode(source), max_pixels)
    name = name or str(getattr(source, "name", "picture"))
    with readable(name):
        stream = seekable(source)
    return _load_stream(stream, name, max_pixels)


def seekable(source: BinaryIO) -> BinaryIO:
    """The stream with complete reads, or what is left of it, if it cannot seek."""
    seeks = hasattr(source, "seekable") and source.seekable()
    stream = steady(source)
    return stream if seeks else io.BytesIO(stream.read())


def _load_path(path: str, max_pixels: int) -> Picture:
    with readable(path), open(path, "rb") as stream:
        before = os.fstat(stream.fileno())
        picture = _load_stream(seekable(stream), path, max_pixels)
        after = os.fstat(stream.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputError(f"{path}: changed while it was being read")
    return picture


def _load_stream(stream: BinaryIO, name: str, max_pixels: int) -> Picture:
    with decodable(name):
        try:
            return _read(stream, max_pixels)
        except UnidentifiedImageError:
            raise InputError(unidentified(stream)) from None


def unidentified(stream: BinaryIO) -> str:
    """Why a file is not read in which no picture of a known format was found."""
    stream.seek(0)
    head = stream.read(HEAD_SIZE)
    if not head:
        return "the file is empty"
    if is_lic(head):
        return "is a .lic file already"
    kind = unread_kind(head)
    if kind is None:
        return "not a picture of a known format, or damaged"
    return f"is {kind}{way_out(kind)}"


def _read(stream: BinaryIO, max_pixels: int) -> Picture:
    width, height, kind = size_of(stream)
    _check_size(width, height, max_pixels)
    if kind == "TIFF":
        reader = Reader(stream)
        what = tiffread.layout(reader)
        if not tiffread.for_pillow(what):
            found = tiffcarry.carried(reader)
            return finished(from_tiff(stream, what, 0, found.icc), found)
    if kind == _HEIF:
        pixels, alpha, found = heifread.read(stream)
        _check_size(pixels.shape[1], pixels.shape[0], max_pixels)
        return finished(Decoded(pixels, alpha, []), found)
    carried: Carried | None = None
    if kind == "PNG":
        stream, carried = pngread.split(stream)
    with no_pillow_limit(), open_image(stream) as image:
        _check_size(*image.size, max_pixels)
        return from_pil(image, carried=carried)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise InputError(f"{width}x{height} is {width * height} pixels, the limit is {max_pixels}")


def size_of(stream: BinaryIO) -> tuple[int, int, str]:
    """Width and height of a picture as stored, and its format as Pillow names it.

    Raises:
        InputError, Exception of many kinds: not a picture, or damaged.
    """
    stream.seek(0)
    head = stream.read(HEAD_SIZE)
    if suffixes.HEIF_IS_READ and is_heif(head):
        return *heifread.size(stream), _HEIF
    if head.startswith(TIFF):
        what = tiffread.layout(Reader(stream))
        return what.width, what.height, "TIFF"
    if head.startswith(PNG) and head[12:16] == b"IHDR" and len(head) >= 24:
        # Read without Pillow, which refuses PNG files with large texts.
        return *struct.unpack_from(">II", head, 16), "PNG"
    with open_image(stream) as image:
        return *image.size, image.format or ""


def open_image(stream: BinaryIO) -> Image.Image:
    """Open a picture, reading only its head; raises whatever Pillow does."""
    with no_pillow_limit():
        return Image.open(stream, formats=_formats())


def _formats() -> list[str]:
    """Our formats as far as the installed Pillow supports them: older versions lack some."""
    Image.preinit()  # `init` would load thirty more
    for plugin in _RARER:
        with suppress(ImportError):
            import_module(f"PIL.{plugin}ImagePlugin")
    return [name for name in _FORMATS if name in Image.OPEN]
