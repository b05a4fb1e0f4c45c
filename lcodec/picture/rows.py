"""Reading pictures some rows at a time, for those that do not fit in memory.

TIFF through tifffile, by strips, tiles or a memory map; ``.npy`` files and arrays through a memory
map; PNG, JPEG and other formats through pyvips (`pip install 'lcodec[strips]'`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lcodec import kinds
from lcodec.errors import InputError, LcodecError
from lcodec.picture import tiffcarry, tiffread
from lcodec.picture.carried import Carried
from lcodec.picture.exif import bare
from lcodec.picture.ifd import Reader
from lcodec.picture.metadata import NO_METADATA, Metadata, keep
from lcodec.picture.picture import Samples, check_pixels
from lcodec.picture.reader import unidentified
from lcodec.process.failures import own_errors

_LARGEST_SEGMENT = 1 << 28  # bytes of a strip or tile, which is unpacked whole
_BLACK_IS_ZERO, _RGB = 1, 2


@dataclass(frozen=True)
class Rows:
    """A picture without alpha that yields its rows from top to bottom, once.

    Attributes:
        height, width: in pixels.
        channels: 1 or 3.
        bit_depth: 8 or 16.
        bands: samples (n, W) or (n, W, 3), in as many rows at a time as suit the file. Those of
            `open_rows` raise InputError, without the name of the file, where it is damaged.
        metadata: profile, EXIF and XMP.
        notes: what is dropped, as shown to the user.
    """

    height: int
    width: int
    channels: int
    bit_depth: int
    bands: Iterator[Samples]
    metadata: Metadata = NO_METADATA
    notes: tuple[str, ...] = ()


def of_array(array: Samples, band: int = 256) -> Rows:
    """Rows of a uint8 or uint16 array (H, W) or (H, W, 3), which may be a memory map.

    Raises:
        UsageError: another type or shape.
    """
    check_pixels(array[:1])
    bands = (check_pixels(array[k : k + band]) for k in range(0, len(array), band))
    channels = 1 if array.ndim == 2 else 3
    return Rows(len(array), array.shape[1], channels, 8 * array.dtype.itemsize, bands)


@own_errors("reading the picture")
def open_rows(path: str | os.PathLike[str]) -> Rows:
    """Rows of a file.

    Raises:
        InputError: it cannot be read, or not by rows, or there is not enough memory.
    """
    name = os.fspath(path)
    try:
        with _as_input_errors():
            rows = _open(name)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from error
    except LcodecError as error:
        raise InputError(f"{name}: {error}") from error
    return replace(rows, bands=_readable(rows.bands))


def _open(name: str) -> Rows:
    with open(name, "rb") as stream:
        head = stream.read(8)
    if head.startswith(kinds.TIFF):
        return _of_tiff(Path(name))
    if head.startswith(kinds.NPY):
        return of_array(np.load(name, mmap_mode="r", allow_pickle=False))
    return _of_vips(name)


@contextmanager
def _as_input_errors() -> Iterator[None]:
    """Raise InputError for whatever the readers raise on damaged data, which is of many kinds."""
    try:
        yield
    except (LcodecError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:  # of the system, not of a reader
            raise
        # pyvips has a sentence of its own before the reason.
        told = getattr(error, "detail", "") or str(error)
        reason = " ".join(told.split()) or type(error).__name__
        raise InputError(f"cannot be decoded: {reason}") from error


def _readable(bands: Iterator[Samples]) -> Iterator[Samples]:
    try:
        with _as_input_errors():
            yield from bands
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error


def _of_tiff(path: Path) -> Rows:
    with path.open("rb") as stream:
        reader = Reader(stream)
        what = tiffread.layout(reader)
        carried = tiffcarry.carried(reader)
    plain = what.kind == 1 and what.bits in (8, 16) and not what.planar and not what.subsampled
    plain = plain and (what.photometric, what.samples) in ((_BLACK_IS_ZERO, 1), (_RGB, 3))
    if not plain or tiffread.for_pillow(what):
        raise InputError(
            "only gray or RGB of 8 or 16 bits, unsigned, interleaved and without alpha, can be "
            "read by rows"
        )
    return _with_metadata(what.height, what.width, what.samples, what.bits, carried, _tiff(path))


def _with_metadata(
    height: int, width: int, channels: int, bits: int, carried: Carried, bands: Iterator[Samples]
) -> Rows:
    kept = keep(carried, channels, converted=False)
    if kept.orientation != 1:
        raise InputError("it is stored rotated or mirrored, which cannot be undone by rows")
    return Rows(height, width, channels, bits, bands, kept.metadata, kept.notes)


def _tiff(path: Path) -> Iterator[Samples]:
    import tifffile  # takes a moment

    with tifffile.TiffFile(path) as file:
        page = cast(Any, file.pages[0])
        if page.is_memmappable:
            mapped = tifffile.memmap(path, page=0, mode="r")
            yield from of_array(cast(Samples, mapped)).bands
            return
        high = page.tilelength if page.is_tiled else page.rowsperstrip
        wide = page.tilewidth if page.is_tiled else page.imagewidth
        across = -(-page.imagewidth // wide)
        size = high * wide * page.samplesperpixel * page.dtype.itemsize
        if size > _LARGEST_SEGMENT:
            raise InputError(f"a strip or tile of {size} bytes is too large to read by rows")
        for top in range(0, page.imagelength, high):
            count = min(high, page.imagelength - top)
            band = np.zeros((count, page.imagewidth, page.samplesperpixel), page.dtype)
            for column in range(across):
                index = top // high * across + column
                offset, length = page.dataoffsets[index], page.databytecounts[index]
                file.filehandle.seek(offset)
                data = file.filehandle.read(length)
                if not offset or len(data) != length:
                    raise InputError("TIFF with strips or tiles missing, or truncated")
                segment = page.decode(data, index, jpegtables=page.jpegtables)[0]
                if segment is None:
                    raise InputError("TIFF with strips or tiles missing, or truncated")
                part = segment.reshape(-1, *segment.shape[-2:])[:count]
                left = column * wide
                target = band[: len(part), left : left + part.shape[1]]
                target[...] = part[:, : target.shape[1]]
            yield check_pixels(band[..., 0] if band.shape[2] == 1 else band)


def _of_vips(name: str) -> Rows:
    try:
        import pyvips
    except (ImportError, OSError):  # pyvips, or the library that it binds, is missing
        raise InputError(
            "only TIFF and .npy can be read by rows; `pip install 'lcodec[strips]'` adds others"
        ) from None
    try:
        image = pyvips.Image.new_from_file(name, access="sequential", fail_on="truncated")
    except pyvips.Error as error:
        if "is not a known file format" not in error.detail:
            raise
        with open(name, "rb") as stream:
            raise InputError(unidentified(stream)) from None
    bits = {"uchar": 8, "ushort": 16}.get(image.format)
    if bits is None or image.bands not in (1, 3) or image.interpretation in ("cmyk", "lab"):
        raise InputError("only gray or RGB of 8 or 16 bits and without alpha can be read by rows")
    fields = set(image.get_fields())

    def blob(field: str) -> bytes | None:
        return bytes(image.get(field)) if field in fields else None

    exif = blob("exif-data")
    carried = Carried(
        icc=blob("icc-profile-data"),
        exif=None if exif is None else bare(exif),
        xmp=blob("xmp-data"),
    )
    height, width, channels = image.height, image.width, image.bands
    return _with_metadata(height, width, channels, bits, carried, _vips(image, bits))


def _vips(image: Any, bits: int, band: int = 128) -> Iterator[Samples]:
    dtype = np.uint8 if bits == 8 else np.uint16
    shape = (image.width,) if image.bands == 1 else (image.width, image.bands)
    for top in range(0, image.height, band):
        count = min(band, image.height - top)
        data = image.crop(0, top, image.width, count).write_to_memory()
        rows: NDArray[Any] = np.frombuffer(data, dtype).reshape(count, *shape)
        yield rows
