"""Writing TIFF files of every mode; Pillow can write neither 16-bit colours nor non-ASCII text.

Deflate with horizontal differences (TIFF 6.0, section 14), in strips.
"""

from __future__ import annotations

import zlib
from typing import Any, BinaryIO

import numpy as np

from lcodec.errors import OutputError
from lcodec.picture.deeppng import interleaved
from lcodec.picture.exif import parsed
from lcodec.picture.ifd import BYTE, LONG, ORIENTATION, SHORT, UNDEFINED, Entry, Tree
from lcodec.picture.picture import Picture

_STRIP = 1 << 18  # bytes before compression
_LARGEST = (1 << 32) - (1 << 24)  # offsets have 32 bits; the rest is for directories
_STRIP_OFFSETS, _XMP, _ICC = 273, 700, 34675
# EXIF tags that describe the file they came from: the layout of its pixels (those of the
# thumbnail are in another directory), strips and tiles.
_LAYOUT = frozenset(
    (
        *range(254, 260),
        *(262, 263, 264, 265, 266, 273, 277, 278, 279, 284, 288, 289, 292, 293, 317, 320),
        *(*range(322, 326), 330, 332, 338, 339, 347, 513, 514, 529, 530, 531, 532),
        *(_XMP, _ICC),
    )
)


def write_tiff(stream: BinaryIO, picture: Picture) -> None:
    """Write a picture with its metadata; its EXIF, if any, must be readable.

    Raises:
        OutputError: too large for the format.
    """
    samples = interleaved(picture)
    data = picture.metadata
    # The file uses the byte order of its EXIF: values without a declared type depend on it.
    tree = parsed(data.exif) if data.exif else Tree()
    tree.entries = {tag: entry for tag, entry in tree.entries.items() if tag not in _LAYOUT}
    tree.put(ORIENTATION, SHORT, 1)
    strips, rows = _strips(samples, tree.order)
    _put_layout(tree, samples, rows)
    if data.icc:
        tree.entries[_ICC] = Entry(UNDEFINED, len(data.icc), data.icc)
    if data.xmp:
        tree.entries[_XMP] = Entry(BYTE, len(data.xmp), data.xmp)
    sizes = [len(strip) for strip in strips]
    if sum(sizes) > _LARGEST:
        raise OutputError("larger than a TIFF file can be")
    tree.put(279, LONG, *sizes)
    tree.put(_STRIP_OFFSETS, LONG, *sizes)  # placeholders, for the length of the directories
    start = len(tree.tobytes())
    tree.put(_STRIP_OFFSETS, LONG, *(start + sum(sizes[:k]) for k in range(len(sizes))))
    stream.write(tree.tobytes())
    for strip in strips:
        stream.write(strip)


def _put_layout(tree: Tree, samples: np.ndarray[Any, Any], rows: int) -> None:
    height, width, channels = samples.shape
    tree.put(256, LONG, width)
    tree.put(257, LONG, height)
    tree.put(258, SHORT, *[8 * samples.itemsize] * channels)
    tree.put(259, SHORT, 8)  # deflate
    tree.put(262, SHORT, 2 if channels > 2 else 1)
    tree.put(277, SHORT, channels)
    tree.put(278, LONG, rows)
    tree.put(284, SHORT, 1)  # chunky
    tree.put(317, SHORT, 2)  # differences
    if channels in (2, 4):
        tree.put(338, SHORT, 2)  # alpha, not multiplied in


def _strips(samples: np.ndarray[Any, Any], order: str) -> tuple[list[bytes], int]:
    """Compressed strips, and the rows in each."""
    height, width, channels = samples.shape
    rows = min(height, max(1, _STRIP // (width * channels * samples.itemsize)))
    kind = samples.dtype.newbyteorder("<" if order == "<" else ">")
    strips = []
    for top in range(0, height, rows):
        part = samples[top : top + rows]
        before = np.zeros_like(part)
        before[:, 1:] = part[:, :-1]
        strips.append(zlib.compress((part - before).astype(kind).tobytes()))
    return strips, rows
