"""TIFF files of every mode here; Pillow cannot write 16-bit colours.

Pillow writes the directories, those of EXIF among them, zlib the strips. Deflate with horizontal
differences (TIFF 6.0, section 14).
"""

from __future__ import annotations

import zlib
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin
from PIL.TiffTags import BYTE, LONG, SHORT, UNDEFINED

from lcodec.errors import OutputError
from lcodec.picture.deeppng import interleaved
from lcodec.picture.metadata import EXIF_PREFIX
from lcodec.picture.picture import Picture

_STRIP = 1 << 18  # bytes before compression
_LARGEST = (1 << 32) - (1 << 24)  # offsets have 32 bits; the rest is for directories
_EXIF_IFD, _GPS_IFD, _INTEROP_IFD = 0x8769, 0x8825, 0xA005


def write_tiff(stream: BinaryIO, picture: Picture) -> None:
    """Write a picture with its metadata; its EXIF, if any, must be readable.

    Gray with alpha at 16 bits becomes RGB with alpha, because few programs (Pillow not among
    them) read it otherwise.

    Raises:
        OutputError: too large for the format.
    """
    samples = interleaved(picture)
    if samples.shape[2] == 2 and samples.itemsize == 2:
        samples = samples[..., [0, 0, 0, 1]]
    strips, rows = _strips(samples)
    ifd = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    if picture.metadata.exif:
        _put_exif(ifd, picture.metadata.exif)
    _put_layout(ifd, samples, rows)
    if picture.metadata.icc:
        _put(ifd, TiffImagePlugin.ICCPROFILE, UNDEFINED, picture.metadata.icc)
    if picture.metadata.xmp:
        _put(ifd, TiffImagePlugin.XMP, BYTE, picture.metadata.xmp)
    sizes = [len(strip) for strip in strips]
    if sum(sizes) > _LARGEST:
        raise OutputError("larger than a TIFF file can be")
    # Counted from the end of the directories; Pillow adds where that is.
    offsets = tuple(sum(sizes[:k]) for k in range(len(sizes)))
    _put(ifd, TiffImagePlugin.STRIPOFFSETS, LONG, offsets)
    _put(ifd, TiffImagePlugin.STRIPBYTECOUNTS, LONG, tuple(sizes))
    ifd.save(stream)
    for strip in strips:
        stream.write(strip)


def _put(ifd: TiffImagePlugin.ImageFileDirectory_v2, tag: int, kind: int, value: Any) -> None:
    ifd.tagtype[tag] = kind
    ifd[tag] = value


def _put_layout(
    ifd: TiffImagePlugin.ImageFileDirectory_v2, samples: np.ndarray[Any, Any], rows: int
) -> None:
    height, width, channels = samples.shape
    _put(ifd, TiffImagePlugin.IMAGEWIDTH, LONG, width)
    _put(ifd, TiffImagePlugin.IMAGELENGTH, LONG, height)
    _put(ifd, TiffImagePlugin.ROWSPERSTRIP, LONG, rows)
    _put(ifd, TiffImagePlugin.BITSPERSAMPLE, SHORT, (8 * samples.itemsize,) * channels)
    _put(ifd, TiffImagePlugin.SAMPLESPERPIXEL, SHORT, channels)
    _put(ifd, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, SHORT, 2 if channels > 2 else 1)
    _put(ifd, TiffImagePlugin.PLANAR_CONFIGURATION, SHORT, 1)
    _put(ifd, TiffImagePlugin.COMPRESSION, SHORT, 8)  # deflate
    _put(ifd, TiffImagePlugin.PREDICTOR, SHORT, 2)
    if channels in (2, 4):
        _put(ifd, TiffImagePlugin.EXTRASAMPLES, SHORT, 2)  # alpha, not multiplied in


def _strips(samples: np.ndarray[Any, Any]) -> tuple[list[bytes], int]:
    """Compressed strips, and the rows in each."""
    height, width, channels = samples.shape
    rows = min(height, max(1, _STRIP // (width * channels * samples.itemsize)))
    little = samples.dtype.newbyteorder("<")
    strips = []
    for top in range(0, height, rows):
        part = samples[top : top + rows]
        before = np.zeros_like(part)
        before[:, 1:] = part[:, :-1]
        strips.append(zlib.compress((part - before).astype(little).tobytes()))
    return strips, rows


def _put_exif(ifd: TiffImagePlugin.ImageFileDirectory_v2, data: bytes) -> None:
    exif = Image.Exif()
    exif.load(EXIF_PREFIX + data)
    for tag in exif:
        if tag in (_EXIF_IFD, _GPS_IFD):
            # An offset of the old file, which would mean nothing in this one.
            entries = {t: v for t, v in exif.get_ifd(tag).items() if t != _INTEROP_IFD}
            _put(ifd, tag, LONG, entries)
        else:
            ifd[tag] = exif[tag]
