"""Metadata of Pillow images: from ``info``, and from the file what Pillow does not report.

Changes made in ``info`` count, so the file only adds what Pillow has no place for. Nothing here
changes an image; asking it for its number of frames, for instance, would.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO

from PIL import Image

from lcodec.picture import avifread, colour, jp2, jpegread, pngread, tiffcarry
from lcodec.picture.carried import UNREADABLE, Carried
from lcodec.picture.exif import DESCRIPTIVE, bare, from_pillow, orientation_of
from lcodec.picture.ifd import ORIENTATION, Reader
from lcodec.picture.limit import no_pillow_limit
from lcodec.picture.metadata import of_info


def is_fresh(image: Image.Image) -> bool:
    """Whether the pixels have not been read yet, so that the file has them."""
    return bool(getattr(image, "tile", None)) and getattr(image, "fp", None) is not None


@contextmanager
def file_of(image: Image.Image) -> Iterator[BinaryIO | None]:
    """The file of an image, if still available; its position is restored."""
    stream: Any = getattr(image, "fp", None) or getattr(image, "_fp", None)
    if getattr(stream, "closed", True) is False:
        position = stream.tell()
        try:
            yield stream
        finally:
            stream.seek(position)
        return
    name = getattr(image, "filename", "")
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(open(name, "rb")) if name else None
        except (OSError, ValueError, TypeError):
            opened = None
        yield opened


def is_mapped(image: Image.Image) -> bool:
    """Whether Pillow has mapped the file of a loaded image into memory.

    It does with some files that it was given by name. Of TIFF pictures stored on their side it then
    confuses width and height (Pillow 13).
    """
    return getattr(image, "map", None) is not None


def is_as_read(image: Image.Image, stream: BinaryIO) -> bool:
    """Whether a loaded image still has the pixels that Pillow reads from its file."""
    source: Any = getattr(image, "filename", "") if is_mapped(image) else stream
    try:
        stream.seek(0)
        with no_pillow_limit(), Image.open(source, formats=[image.format or ""]) as other:
            other.seek(image.tell())
            other.load()  # which may turn it
            if (other.mode, other.size) != (image.mode, image.size):
                return False
            return other.tobytes() == image.tobytes()
    except Exception:  # of many kinds: it may be another file by now
        return False


def carried_of(image: Image.Image) -> Carried:
    """The metadata of an image, loaded or not."""
    out = of_info(image.info)
    readers = {
        "JPEG": _of_jpeg,
        "MPO": _of_jpeg,
        "PNG": _of_png,
        "AVIF": _of_avif,
        "JPEG2000": _of_jp2,
        "TIFF": _of_tiff,
    }
    try:
        reader = readers.get(image.format or "")
        out = reader(image, out) if reader else out
    except (ValueError, OSError):
        pass  # damaged metadata must not affect the rest
    if out.exif is None and "exif" not in image.info:
        out.exif = _of_tags(image)
    out.frames, out.shown = max(out.frames, _frames(image)), image.tell() + 1
    return out


def _of_jpeg(image: Image.Image, out: Carried) -> Carried:
    segments = getattr(image, "applist", [])
    return jpegread.carried(segments, out)


def _of_png(image: Image.Image, out: Carried) -> Carried:
    with file_of(image) as stream:
        found = pngread.carried(stream) if stream else pngread.of_info(image.info, image.mode)
    found.icc, found.exif, found.xmp = out.icc, out.exif, out.xmp
    for key, value in image.info.items():
        if isinstance(key, str) and key.startswith(pngread.RAW) and isinstance(value, str):
            raw = pngread.raw_profile(value)
            if raw:
                pngread.put_raw(found, key.removeprefix(pngread.RAW), raw)
    return found


def _of_avif(image: Image.Image, out: Carried) -> Carried:
    decoder = getattr(image, "_decoder", None)
    if out.exif and decoder is not None and hasattr(decoder, "get_info"):
        # If the file's own rotation differs, Pillow has rewritten EXIF.
        *_, raw, orientation, _ = decoder.get_info()
        if (orientation_of(out.exif) or 1) == orientation:
            out.exif = bare(raw) if raw else None
            out.orientation = int(orientation)
    with file_of(image) as stream:
        points = avifread.code_points(stream) if stream else None
        if stream and avifread.has_gain_map(stream):
            out.frames = 2
    if points and not out.icc:
        space = colour.of_code_points(*points, gray=image.mode in ("L", "LA"))
        out.set_space(space)
    return out


def _of_jp2(image: Image.Image, out: Carried) -> Carried:
    with file_of(image) as stream:
        head = jp2.head(stream) if stream else None
    if head is not None:
        out.icc, out.exif, out.xmp = out.icc or head.icc, out.exif or head.exif, out.xmp or head.xmp
        out.lost += head.notes
    return out


def _of_tiff(image: Image.Image, out: Carried) -> Carried:
    edited = getattr(image, "_exif", None) is not None
    with file_of(image) as stream:
        if stream is None or edited or "exif" in image.info:
            return out
        found = tiffcarry.carried(Reader(stream), image.tell())
    found.icc, found.xmp = out.icc, out.xmp
    return found


def _of_tags(image: Image.Image) -> bytes | None:
    """EXIF data of tags that were set on an image, or parsed from a TIFF file."""
    try:
        # The class method, because that of PNG images loads them.
        tags = Image.Image.getexif(image)
        return from_pillow(tags, DESCRIPTIVE | {ORIENTATION})
    except Exception:  # Pillow raises many kinds on damaged data
        return UNREADABLE


def _frames(image: Image.Image) -> int:
    """The number of frames, found without moving the image from the one it shows."""
    if image.format not in ("GIF", "TIFF"):
        return int(getattr(image, "n_frames", 1))
    known = getattr(image, "_n_frames", None)
    if known:
        return int(known)
    with file_of(image) as stream:
        try:
            if stream is None:
                return 1
            if image.format == "TIFF":
                return sum(1 for _ in Reader(stream).pages())
            stream.seek(0)
            with no_pillow_limit():
                return int(getattr(Image.open(stream, formats=["GIF"]), "n_frames", 1))
        except Exception:  # of many kinds; the number of frames is not essential
            return 1
