"""Reading TIFF files: samples as stored, through tifffile, and their meaning.

Pillow misreads or refuses many less common layouts: 16-bit planes, gray with alpha, WhiteIsZero,
signed samples. It is used only for what needs libtiff: JPEG, fax and subsampled YCbCr.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import numpy as np

from lcodec.errors import InputError
from lcodec.picture.ifd import ORIENTATION, Reader
from lcodec.picture.samples import Anysamples, divided, from_ycc, full_range

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES, _PLANAR, _COLOUR_MAP, _INK_SET, _EXTRA = 277, 284, 320, 332, 338
_FORMAT, _SUBSAMPLING, _REFERENCE = 339, 530, 532
_LAYOUT = frozenset(
    (
        *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR, _COLOUR_MAP),
        *(_INK_SET, _EXTRA, _FORMAT, _SUBSAMPLING, _REFERENCE),
    )
)
_OLD_JPEG, _JPEG, _WEBP = 6, 7, 50001
# None, LZW, JPEG, deflate (twice), PackBits, LZMA, Zstandard.
_DECODED = frozenset((1, 5, _JPEG, 8, 32946, 32773, 34925, 50000))
# Read by Pillow, with its libtiff.
_FAX, _LOSSY = frozenset((2, 3, 4)), frozenset((_OLD_JPEG, _JPEG, _WEBP))
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCC = 0, 1, 2, 3, 5, 6
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCC: 3}
_OTHER_SPACES = {4: "transparency mask", 8: "Lab", 9: "Lab", 10: "Lab", 32803: "sensor data"}
_ASSOCIATED, _UNSPECIFIED = 1, 0
_MOST_SAMPLES = 16
_LARGEST_TILE = 1 << 22  # pixels, if the picture is smaller than the tile

# tifffile's warnings about unusual files are not for users; set a handler to see them.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Layout:
    """The layout of the pixels, as stated by a directory.

    Attributes:
        bits: of every sample.
        kind: 1 unsigned, 2 signed.
        extra: meanings of the samples beyond the colours; None if the file does not say.
    """

    width: int
    height: int
    bits: int
    kind: int
    compression: int
    photometric: int
    samples: int
    planar: bool
    extra: tuple[int, ...] | None
    subsampled: bool
    map: tuple[int, ...]

    @property
    def colours(self) -> int:
        """Number of samples that are colours."""
        return _COLOURS[self.photometric]

    @property
    def alpha(self) -> int | None:
        """Index of the alpha sample, or None."""
        if self.extra is None:
            # The fourth sample in RGB and the second in gray are generally taken for alpha.
            return self.colours if self.samples == self.colours + 1 and self.colours != 4 else None
        found = (k for k, meaning in enumerate(self.extra) if meaning != _UNSPECIFIED)
        at = next(found, None)
        return None if at is None or self.colours + at >= self.samples else self.colours + at

    @property
    def associated(self) -> bool:
        """Whether the colours are multiplied by alpha."""
        return self.extra is not None and next(filter(None, self.extra), None) == _ASSOCIATED


@dataclass
class Tiff:
    """Samples of one page.

    Attributes:
        pixels: (H, W), (H, W, 3), or (H, W, 4) if they are CMYK of 8 bits.
        alpha: (H, W) or None.
    """

    pixels: Anysamples
    alpha: Anysamples | None
    notes: list[str] = field(default_factory=list)


def page_offset(reader: Reader, page: int) -> int:
    """The offset of the directory of a page.

    Raises:
        ValueError: there is no such page.
    """
    for number, offset in enumerate(reader.pages()):
        if number == page:
            return offset
    raise ValueError("no such page")


def layout(reader: Reader, page: int = 0) -> Layout:
    """The layout of the pixels of a page.

    Raises:
        ValueError: damaged.
        InputError: unsupported samples.
    """
    tree = reader.tree(page_offset(reader, page), _LAYOUT)
    values = {tag: entry.numbers(tree.order) for tag, entry in tree.entries.items()}
    return layout_of_tags(values)


def orientation(reader: Reader, page: int = 0) -> int:
    """The orientation of a page, 1 if none is stated.

    Raises:
        ValueError: damaged.
    """
    tree = reader.tree(page_offset(reader, page), frozenset((ORIENTATION,)))
    return tree.number(ORIENTATION, 1)


def layout_of_tags(tags: Mapping[int, Any]) -> Layout:
    """The layout from tags, whose values are whole numbers or tuples of them."""

    def numbers(tag: int, *default: int) -> tuple[int, ...]:
        value = tags.get(tag) or default
        return value if isinstance(value, tuple) else (value,)

    (count, *_), (photometric, *_) = numbers(_SAMPLES, 1), numbers(_PHOTOMETRIC, -1)
    if tags.get(_PHOTOMETRIC) in (0, (0,)):
        photometric = _WHITE_IS_ZERO
    bits, kinds = numbers(_BITS, 1), numbers(_FORMAT, 1)
    _check_kind(photometric, bits, kinds, count)
    if photometric == _CMYK and numbers(_INK_SET, 1)[0] != 1:
        raise InputError("TIFF with inks other than CMYK: not supported")
    what = Layout(
        width=numbers(_WIDTH, 0)[0],
        height=numbers(_HEIGHT, 0)[0],
        bits=bits[0],
        kind=2 if kinds[0] == 2 else 1,
        compression=numbers(_COMPRESSION, 1)[0],
        photometric=photometric,
        samples=count,
        planar=numbers(_PLANAR, 1)[0] == 2,
        extra=numbers(_EXTRA) if _EXTRA in tags else None,
        subsampled=photometric == _YCC and numbers(_SUBSAMPLING, 2, 2) != (1, 1),
        map=numbers(_COLOUR_MAP),
    )
    if what.associated and photometric not in (_BLACK_IS_ZERO, _RGB):
        raise InputError("TIFF with premultiplied alpha in this colour space: not supported")
    return what


def _check_kind(
    photometric: int, bits: tuple[int, ...], kinds: tuple[int, ...], count: int
) -> None:
    if photometric not in _COLOURS:
        name = _OTHER_SPACES.get(photometric, f"photometric {photometric}")
        name = "the Lab colour space" if name == "Lab" else name
        raise InputError(f"TIFF with {name}: not supported")
    if len(set(bits)) > 1 or len(set(kinds)) > 1:
        raise InputError("TIFF with samples of different sizes: not supported")
    if kinds[0] not in (1, 2, 4):
        name = "floating-point" if kinds[0] == 3 else "complex"
        raise InputError(f"{name} samples: not supported")
    # Whatever their values: these do not tell which of them is white.
    if bits[0] > 16:
        raise InputError("samples of more than 16 bits: not supported")
    if not _COLOURS[photometric] <= count <= _MOST_SAMPLES:
        raise InputError(f"TIFF with {count} samples per pixel: not supported")


def for_pillow(what: Layout) -> bool:
    """Whether a page is one that only Pillow, with libtiff, can read.

    Raises:
        InputError: no reader here does.
    """
    plain = what.kind == 1 and what.bits == 8 and not what.planar and what.samples == 3
    if what.compression in _FAX and what.bits == 1 and what.samples == 1:
        return True
    if plain and what.photometric == _YCC:
        if what.compression in _LOSSY or (what.subsampled and what.compression != 1):
            return True
    elif plain and what.photometric == _RGB and what.compression in (_OLD_JPEG, _WEBP):
        return True
    other_jpeg = what.kind != 1 or what.bits != 8 or what.photometric == _YCC
    if (
        what.subsampled
        or what.compression not in _DECODED
        or (what.compression == _JPEG and other_jpeg)
    ):
        kind = "planes" if what.planar else "subsampled colours" if what.subsampled else "samples"
        raise InputError(
            f"TIFF with compression {what.compression} of {what.bits}-bit {kind} "
            f"(photometric {what.photometric}): not supported"
        )
    return False


def misread_by_pillow(what: Layout) -> bool:
    """Whether Pillow opens some pages of this kind and gives wrong pixels, not only fewer bits."""
    negative = what.bits == 16 and what.photometric == _WHITE_IS_ZERO
    signed = what.kind == 2 and what.bits == 8
    return what.planar or negative or signed or (what.photometric == _YCC and what.compression == 1)


def read(stream: BinaryIO, what: Layout, page: int = 0) -> Tiff:
    """The pixels of a page.

    Raises:
        InputError: not supported.
        Exception: of many kinds, if the file is damaged.
    """
    samples = _stored(stream, what, page)
    bits = what.bits
    if what.kind == 2:
        samples, bits = _unsigned(samples, bits)
    at, notes = what.alpha, []
    if what.samples > what.colours + (at is not None):
        notes.append("samples that are neither colour nor alpha dropped")
    alpha = None if at is None else full_range(samples[..., at], bits)
    colours = samples[..., : what.colours]
    if what.photometric == _PALETTE:
        pixels = _mapped(colours[..., 0], what)
        if alpha is not None and alpha.dtype != pixels.dtype:
            alpha = _widened(alpha)
    else:
        pixels = _plain(colours, bits, what)
    if alpha is not None and what.associated:
        pixels = divided(pixels, alpha)
    if what.photometric == _CMYK and pixels.dtype == np.uint16:
        pixels = _high_bytes(pixels)
        alpha = None if alpha is None else _high_bytes(alpha)
        notes.append("16-bit samples reduced to 8 bits")
    return Tiff(pixels, alpha, notes)


def _plain(colours: Anysamples, bits: int, what: Layout) -> Anysamples:
    if what.photometric == _YCC:
        colours = from_ycc(colours, bits)
    pixels = full_range(colours, bits)
    if what.photometric == _WHITE_IS_ZERO:
        pixels = ~pixels
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _mapped(indices: Anysamples, what: Layout) -> Anysamples:
    """Colours of a palette, with 8 bits if the file's 16 bits hold no more."""
    if len(what.map) != 3 << what.bits:
        raise InputError("TIFF without a usable palette")
    table = np.array(what.map, np.uint16).reshape(3, -1).T
    if table.max() < 256:  # from writers that did not scale
        table = table.astype(np.uint8)
    elif not (table % 257).any() or not (table % 256).any():
        table = (table >> 8).astype(np.uint8)
    return table[indices]


def _unsigned(samples: Anysamples, bits: int) -> tuple[Anysamples, int]:
    """Signed samples as unsigned ones of 8 or 16 bits, if none is negative."""
    if samples.min() < 0:
        raise InputError("negative samples: not supported")
    return (samples.astype(np.uint8), 8) if bits <= 8 else (samples.astype(np.uint16), 16)


def _widened(samples: Anysamples) -> Anysamples:
    return samples.astype(np.uint16) * np.uint16(257)


def _high_bytes(samples: Anysamples) -> Anysamples:
    return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _stored(stream: BinaryIO, what: Layout, page: int) -> Anysamples:
    """Samples (H, W, samples) as stored in the file."""
    import tifffile  # takes a moment

    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        found = cast(Any, file.pages[page])
        planes, depth, height, width, chunky = found.shaped
        stated = (what.height, what.width, what.samples, what.bits)
        if depth != 1 or stated != (height, width, planes * chunky, found.bitspersample):
            raise InputError("TIFF of an unusual layout: not supported")
        _check_segments(found, what, stream.seek(0, 2))
        samples: Anysamples = found.asarray(maxworkers=1).reshape(found.shaped)
    if samples.dtype == np.bool_:
        samples = samples.astype(np.uint8)
    return samples[0, 0] if planes == 1 else np.moveaxis(samples[:, 0, ..., 0], 0, -1)


def _check_segments(page: Any, what: Layout, length: int) -> None:
    """Refuse files with missing strips or tiles, which would be filled with black."""
    wide, high = what.width, page.rowsperstrip
    if page.is_tiled:
        wide, high = page.tilewidth, page.tilelength
        if wide * high > max(_LARGEST_TILE, 4 * what.width * what.height):
            raise InputError("TIFF with tiles far larger than the picture")
    count = -(-what.width // wide) * -(-what.height // high) * (what.samples if what.planar else 1)
    places, sizes = page.dataoffsets, page.databytecounts
    sound = len(places) == len(sizes) == count and all(
        place and size and place + size <= length for place, size in zip(places, sizes, strict=True)
    )
    if not sound:
        raise InputError("TIFF with strips or tiles missing, or truncated")
