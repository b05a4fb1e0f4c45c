"""Writing pictures to files and streams."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from lcodec.errors import LcodecError, OutputError, UsageError, reason_of
from lcodec.picture.convert import reduced_to_bytes, to_pil
from lcodec.picture.deeppng import write_png
from lcodec.picture.exif import EXIF_PREFIX, is_readable, without_orientation
from lcodec.picture.metadata import Metadata, is_for_gray, needs_colours
from lcodec.picture.picture import Picture, Samples
from lcodec.picture.portable import write_portable
from lcodec.picture.tiff import write_tiff
from lcodec.picture.xmp import PNG_KEYWORD
from lcodec.process.atomic import atomic_write, is_special
from lcodec.process.failures import unwritten
from lcodec.suffixes import WRITE_SUFFIXES


@dataclass(frozen=True)
class _Format:
    """Pillow's name of a format, its options (lossless if possible), and what it can hold."""

    pillow: str
    options: dict[str, Any] = field(default_factory=dict)
    alpha: bool = False
    deep: bool = False
    metadata: bool = False
    gray: bool = True
    deep_gray_with_alpha: bool = True
    own: Callable[[BinaryIO, Picture], None] | None = None  # writer instead of Pillow's


def _write_png(stream: BinaryIO, picture: Picture) -> None:
    if picture.bit_depth == 16:
        write_png(stream, picture)
        return
    text = PngImagePlugin.PngInfo()
    if picture.metadata.xmp:
        text.add_itxt(PNG_KEYWORD, picture.metadata.xmp.decode("utf-8", "replace"))
    _write_pillow(stream, picture, "PNG", {"pnginfo": text})


def _write_portable(stream: BinaryIO, picture: Picture) -> None:
    size = picture.width, picture.height, picture.bit_depth
    write_portable(stream, *size, picture.pixels, colour=picture.channels == 3)


_PNG = _Format("PNG", alpha=True, deep=True, metadata=True, own=_write_png)
# Few programs (not Pillow) can read 16-bit gray with alpha in a TIFF file.
_TIFF = _Format(
    "TIFF", alpha=True, deep=True, metadata=True, deep_gray_with_alpha=False, own=write_tiff
)
_JPEG = _Format("JPEG", {"quality": 95, "subsampling": 0}, metadata=True)
_JPEG2000 = _Format("JPEG2000", alpha=True)
_PNM = _Format("PPM", deep=True, own=_write_portable)
_FORMATS = {
    ".png": _PNG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": _Format(
        "WEBP", {"lossless": True, "exact": True}, alpha=True, metadata=True, gray=False
    ),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".avif": _Format(
        "AVIF", {"quality": 95, "subsampling": "4:4:4"}, alpha=True, metadata=True, gray=False
    ),
    ".jp2": _JPEG2000,
    ".j2k": replace(_JPEG2000, options={"no_jp2": True}),
    ".qoi": _Format("QOI", {"colorspace": "sRGB"}, alpha=True, gray=False),
    ".bmp": _Format("BMP"),
    ".ppm": replace(_PNM, gray=False),
    ".pgm": _PNM,
    ".pnm": _PNM,
}

# A JPEG segment holds 65533 bytes, including its name.
_JPEG_EXIF, _JPEG_XMP = 65533 - 6, 65533 - 29


def format_of_suffix(suffix: str) -> str:
    """Pillow's name of the format that `save` writes for a suffix.

    Raises:
        UsageError: unknown suffix, or the installed Pillow does not write these files.
    """
    suffix = suffix.lower()
    if suffix not in _FORMATS:
        known = " ".join(sorted(WRITE_SUFFIXES))
        raise UsageError(f"unknown picture format `{suffix}`; known formats: {known}")
    name = _FORMATS[suffix].pillow
    Image.preinit()
    if name not in Image.SAVE:
        Image.init()  # loads the rarer formats, which takes a while
    if name not in Image.SAVE:
        raise UsageError(f"the installed Pillow does not write {suffix} files")
    return name


def save(
    picture: Picture | Samples,
    path: str | os.PathLike[str] | BinaryIO,
    *,
    suffix: str | None = None,
    overwrite: bool = False,
    name: str = "the picture",
) -> tuple[str, ...]:
    """Write a picture, in the format of the path's suffix, atomically (see `atomic_write`).

    ``suffix`` overrides that of a path, and must be given for a binary stream, whose name in errors
    is ``name``; for devices and pipes without one it is ``".png"`` if not given. All formats are
    lossless except JPEG and AVIF (quality 95, 4:4:4). Returns a note on what is lost because the
    format cannot hold it, if any.

    Raises:
        UsageError: as `format_of_suffix`; an array that is not pixels, or a colour picture as
            ``.pgm``.
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    whole = picture if isinstance(picture, Picture) else Picture(picture)
    stream = None if isinstance(path, str | os.PathLike) else path
    name = os.fspath(path) if isinstance(path, str | os.PathLike) else name
    own = Path(name).suffix if stream is None else ""
    nameless = stream is None and not own and is_special(name)
    wanted = suffix or (".png" if nameless else own)
    wanted = wanted.lower()
    try:
        format_of_suffix(wanted)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None
    if wanted == ".pgm" and whole.channels == 3:
        raise UsageError(f"{name}: a .pgm file holds gray only and the picture has colours")
    fitting, lost = _fit(whole, wanted)
    if stream is not None:
        _encode(fitting, wanted, stream, name)
    else:
        with atomic_write(name, overwrite=overwrite) as file:
            _encode(fitting, wanted, file, name)
    return (f"a {wanted} file cannot hold everything; lost: {', '.join(lost)}",) if lost else ()


def _fit(picture: Picture, suffix: str) -> tuple[Picture, list[str]]:
    """The picture as far as the format can hold it, and descriptions of the losses."""
    target, lost = _FORMATS[suffix], []
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is not None and not target.alpha:
        if alpha.min() < np.iinfo(alpha.dtype).max:
            lost.append("alpha")
        alpha = None
    if picture.bit_depth == 16 and not target.deep:
        lost.append("samples beyond 8 bits")
        pixels, alpha = reduced_to_bytes(pixels), None if alpha is None else reduced_to_bytes(alpha)
    data, dropped = _fit_metadata(picture.metadata, target)
    gray = holds_gray(suffix, alpha=alpha is not None, deep=pixels.dtype == np.uint16)
    if pixels.ndim == 2 and (needs_colours(data) or not gray):
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    if pixels.ndim == 3 and is_for_gray(data):
        data = replace(data, icc=None)
        dropped.append("ICC profile")
    return Picture(pixels, alpha=alpha, metadata=data), [*lost, *dropped]


def holds_gray(suffix: str, *, alpha: bool, deep: bool) -> bool:
    """Whether gray is written as gray, with alpha and 16 bits or without; as RGB otherwise."""
    target = _FORMATS.get(suffix)
    return target is None or (target.gray and (target.deep_gray_with_alpha or not (alpha and deep)))


def _fit_metadata(data: Metadata, target: _Format) -> tuple[Metadata, list[str]]:
    icc, exif, xmp, lost = data.icc, data.exif, data.xmp, []
    jpeg = target.pillow == "JPEG"
    if icc and not target.metadata:
        icc = None
        lost.append("ICC profile")
    too_long = jpeg and exif is not None and len(exif) > _JPEG_EXIF
    if exif and (too_long or not (target.metadata and is_readable(exif))):
        exif = None
        lost.append("EXIF")
    if xmp and (not target.metadata or (jpeg and len(xmp) > _JPEG_XMP)):
        xmp = None
        lost.append("XMP")
    return Metadata(icc, exif, xmp), lost


def _encode(picture: Picture, suffix: str, stream: BinaryIO, name: str) -> None:
    target = _FORMATS[suffix]
    try:
        if target.own is not None:
            target.own(stream, picture)
        else:
            extra = {"xmp": picture.metadata.xmp} if picture.metadata.xmp else {}
            _write_pillow(stream, picture, target.pillow, target.options | extra)
    except LcodecError as error:
        raise type(error)(f"{name}: {error}") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise unwritten(name, error) from error
        # Pillow raises several kinds, for instance when a side is too long for the format.
        raise OutputError(f"{name}: cannot be written: {reason_of(error)}") from error


def _write_pillow(stream: BinaryIO, picture: Picture, kind: str, options: dict[str, Any]) -> None:
    if picture.metadata.icc:
        options = options | {"icc_profile": picture.metadata.icc}
    if picture.metadata.exif:
        exif = picture.metadata.exif
        if kind == "AVIF":
            # Pillow would remove it itself, and rewrite all the rest.
            exif = without_orientation(exif)
        options = options | {"exif": EXIF_PREFIX + exif}
    # Not to the file: where the disk is full, Pillow goes on writing JPEG 2000 for ever.
    made = io.BytesIO()
    to_pil(picture).save(made, format=kind, **options)
    stream.write(made.getbuffer())
