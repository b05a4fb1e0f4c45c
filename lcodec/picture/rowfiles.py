"""Writing pictures some rows at a time: PNG, TIFF, PPM and PGM, ``.npy``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lcodec.errors import UsageError
from lcodec.picture.deeppng import write_bands
from lcodec.picture.metadata import (
    NO_METADATA,
    Metadata,
    is_for_gray,
    is_readable,
    needs_colours,
)
from lcodec.picture.picture import Samples
from lcodec.picture.portable import write_portable
from lcodec.picture.writer import holds_gray
from lcodec.process.atomic import atomic_write
from lcodec.suffixes import ROW_SUFFIXES

_TILE = 256  # side of a TIFF tile in pixels


@dataclass(frozen=True)
class Written:
    """A picture to write: ``bands`` yields samples (n, W, 1 to 4), alpha last."""

    height: int
    width: int
    channels: int
    bit_depth: int
    bands: Iterator[Samples]
    metadata: Metadata = NO_METADATA

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 or uint16."""
        return np.dtype(np.uint8 if self.bit_depth == 8 else np.uint16)


def check_row_suffix(path: str | os.PathLike[str]) -> str:
    """The suffix of a file to write; raises UsageError if its format cannot be written by rows."""
    suffix = Path(path).suffix.lower()
    if suffix not in ROW_SUFFIXES:
        known = " ".join(sorted(ROW_SUFFIXES))
        raise UsageError(f"{path}: cannot be written by rows; known formats: {known}")
    return suffix


def save_rows(
    picture: Written, path: str | os.PathLike[str], *, overwrite: bool = False
) -> tuple[str, ...]:
    """Write a picture atomically in the format of the path's suffix; returns notes on losses.

    Raises:
        UsageError: a format that cannot be written by rows, or colours as ``.pgm``.
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    suffix = check_row_suffix(path)
    if suffix == ".pgm" and picture.channels > 2:
        raise UsageError(f"{path}: a .pgm file holds gray only, and the picture has colours")
    picture, lost = _fit(picture, suffix)
    with atomic_write(path, overwrite=overwrite) as stream:
        if suffix == ".png":
            _png(stream, picture)
        elif suffix == ".npy":
            _npy(stream, picture)
        elif suffix in (".tif", ".tiff"):
            _tiff(stream, picture)
        else:
            _portable(stream, picture)
    return (f"a {suffix} file cannot hold everything; lost: {', '.join(lost)}",) if lost else ()


def _fit(picture: Written, suffix: str) -> tuple[Written, list[str]]:
    """The picture as far as the format can hold it, and descriptions of the losses."""
    data, lost = picture.metadata, []
    if suffix in (".ppm", ".pgm", ".pnm") and picture.channels in (2, 4):
        lost.append("alpha")
    if suffix not in (".png", ".tif", ".tiff") and data:
        lost.append("metadata")
        data = NO_METADATA
    if data.exif and not (suffix == ".png" and is_readable(data.exif)):
        lost.append("EXIF")
        data = replace(data, exif=None)
    gray = holds_gray(suffix, alpha=picture.channels == 2, deep=picture.bit_depth == 16)
    if picture.channels < 3 and (needs_colours(data) or not gray):
        bands = (band[..., [0, 0, 0, 1][: band.shape[2] + 2]] for band in picture.bands)
        picture = replace(picture, channels=picture.channels + 2, bands=bands)
    if picture.channels > 2 and is_for_gray(data):
        data = replace(data, icc=None)
        lost.append("ICC profile")
    return replace(picture, metadata=data), lost


def _png(stream: BinaryIO, picture: Written) -> None:
    size = picture.width, picture.height, picture.channels, picture.bit_depth
    write_bands(stream, *size, picture.bands, picture.metadata)


def _npy(stream: BinaryIO, picture: Written) -> None:
    shape: tuple[int, ...] = (picture.height, picture.width)
    if picture.channels > 1:
        shape = (*shape, picture.channels)
    head = {"descr": picture.dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, head)
    for band in picture.bands:
        stream.write(np.ascontiguousarray(band).data)


def _tiff(stream: BinaryIO, picture: Written) -> None:
    import tifffile  # takes a moment

    extra: list[tuple[Any, ...]] = []
    data = picture.metadata
    if data.xmp:
        extra.append((700, 1, len(data.xmp), data.xmp, True))
    gray = picture.channels < 3
    shape: tuple[int, ...] = (picture.height, picture.width)
    if picture.channels > 1:
        shape = (*shape, picture.channels)
    # The name of a temporary file may be a file descriptor, which tifffile does not expect.
    handle = tifffile.FileHandle(stream, name="picture.tif", offset=0, size=0)
    with tifffile.TiffWriter(handle, bigtiff=True) as file:
        file.write(
            _tiles(picture),
            shape=shape,
            dtype=picture.dtype,
            tile=(_TILE, _TILE),
            photometric="minisblack" if gray else "rgb",
            planarconfig="contig" if picture.channels > 1 else None,
            extrasamples=["unassalpha"] if picture.channels in (2, 4) else None,
            compression="zlib",
            predictor=True,
            iccprofile=data.icc,
            extratags=extra,
            metadata=None,
            software=False,
            maxworkers=1,
        )


def _tiles(picture: Written) -> Iterator[Samples]:
    """Tiles in raster order, those at the edges padded."""
    across = -(-picture.width // _TILE)
    for rows in _regrouped(picture.bands, _TILE):
        below, right = _TILE - len(rows), across * _TILE - picture.width
        full = np.pad(rows, ((0, below), (0, right), (0, 0)), mode="edge")
        for column in range(across):
            tile = full[:, column * _TILE : (column + 1) * _TILE]
            yield np.ascontiguousarray(tile[..., 0] if picture.channels == 1 else tile)


def _regrouped(bands: Iterator[Samples], high: int) -> Iterator[Samples]:
    """The rows of bands, regrouped ``high`` at a time, except for the last group."""
    rest: Samples | None = None
    for band in bands:
        rest = band if rest is None or not len(rest) else np.concatenate([rest, band])
        for start in range(0, len(rest) - high + 1, high):
            yield rest[start : start + high]
        rest = rest[len(rest) // high * high :]
    if rest is not None and len(rest):
        yield rest


def _portable(stream: BinaryIO, picture: Written) -> None:
    colours = 3 if picture.channels > 2 else 1
    bands = (band[..., :colours] for band in picture.bands)
    size = picture.width, picture.height, picture.bit_depth
    write_portable(stream, *size, bands, colour=colours == 3)
