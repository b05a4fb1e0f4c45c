"""The HEAD section: what the picture is and what is needed to decode it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from lcodec.container.varint import Cursor, encode_uvarint
from lcodec.errors import FormatError, UnsupportedError, UsageError
from lcodec.format import ENTROPY_MODELS, PROFILE
from lcodec.limits import DEFAULT_MAX_PIXELS, DecoderLimits

MAX_SIDE: Final = (1 << 31) - 1
DEFAULT_TILE_EDGE: Final = 1024
TILE_UNIT: Final = 64
MAX_TILE_EDGE: Final = 32 * TILE_UNIT  # bounds the memory of a decoder
MODEL_ID_SIZE: Final = 4

__all__ = ["DEFAULT_MAX_PIXELS", "Alpha", "Header", "decode_header", "encode_header"]

Channels = Literal[1, 3]
BitDepth = Literal[8, 16]


class Alpha(StrEnum):
    """The kind of a picture's alpha channel."""

    NONE = "none"
    PLANE = "plane"
    """A plane of its own, in an ALPHA section."""
    OPAQUE = "opaque"
    """A channel that is opaque everywhere; no section."""


# Mode byte: bit 0 is colour, bits 1 to 3 the kind of alpha, bits 4 to 7 the depth.
_ALPHAS: Final = (Alpha.NONE, Alpha.PLANE, Alpha.OPAQUE)
_DEPTHS: Final[tuple[BitDepth, ...]] = (8, 16)


@dataclass(frozen=True)
class Header:
    """Header of a ``.lic`` file.

    Attributes:
        width, height: size in pixels, 1..2^31-1 each.
        channels: 1 (gray) or 3 (RGB).
        bit_depth: bits per sample of the source, alpha included; 8 or 16.
        quality: quality level 0..100.
        tile_edge: edge of a tile in pixels, a multiple of 64 up to 2048; tiles at the right and
            bottom edges may be smaller.
        profile: arithmetic profile of the parse path; 1.
        entropy_model: four-character name, a key of `lcodec.format.ENTROPY_MODELS`.
        model_id: 4 bytes identifying the weights.
        alpha: whether there is an alpha channel, and whether it has a section.

    Raises:
        UsageError: a value out of its range.
        UnsupportedError: a bit depth, profile or entropy model this version does not know.
    """

    width: int
    height: int
    channels: Channels
    bit_depth: BitDepth
    quality: int
    tile_edge: int
    profile: int
    entropy_model: str
    model_id: bytes
    alpha: Alpha = Alpha.NONE

    def __post_init__(self) -> None:
        _check_range("width", self.width, 1, MAX_SIDE)
        _check_range("height", self.height, 1, MAX_SIDE)
        _check_range("quality", self.quality, 0, 100)
        check_tile_edge(self.tile_edge)
        if self.channels not in (1, 3):
            raise UsageError(f"{self.channels} channels: must be 1 or 3")
        if len(self.model_id) != MODEL_ID_SIZE:
            raise UsageError(f"model id of {len(self.model_id)} bytes: must be {MODEL_ID_SIZE}")
        if self.bit_depth not in _DEPTHS:
            raise UnsupportedError(f"bit depth {self.bit_depth} is not supported")
        if self.profile != PROFILE:
            raise UnsupportedError(f"arithmetic profile {self.profile} is not supported")
        if self.entropy_model not in ENTROPY_MODELS:
            raise UnsupportedError(f"unknown entropy model {self.entropy_model!r}")

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def tiles_x(self) -> int:
        """Tiles in a row."""
        return -(-self.width // self.tile_edge)

    @property
    def tiles_y(self) -> int:
        """Tiles in a column."""
        return -(-self.height // self.tile_edge)

    @property
    def tile_count(self) -> int:
        """Number of tiles, and so of sections that hold one."""
        return self.tiles_x * self.tiles_y

    def tile_box(self, index: int) -> tuple[int, int, int, int]:
        """Return (left, top, right, bottom) in pixels of tile ``index`` in raster order."""
        if not 0 <= index < self.tile_count:
            raise IndexError(f"tile {index} of {self.tile_count}")
        row, column = divmod(index, self.tiles_x)
        left, top = column * self.tile_edge, row * self.tile_edge
        right = min(left + self.tile_edge, self.width)
        return left, top, right, min(top + self.tile_edge, self.height)


def encode_header(header: Header) -> bytes:
    """Return the payload of the HEAD section."""
    mode = _DEPTHS.index(header.bit_depth) << 4
    mode |= _ALPHAS.index(header.alpha) << 1 | (header.channels == 3)
    fields = bytes((mode, header.quality, header.tile_edge // TILE_UNIT, header.profile))
    size = encode_uvarint(header.width) + encode_uvarint(header.height)
    return size + fields + header.entropy_model.encode("ascii") + header.model_id


def decode_header(cursor: Cursor, limits: DecoderLimits) -> Header:
    """Read the payload of the HEAD section, all of it.

    Raises:
        FormatError: a field is missing or out of range, or bytes are left over.
        UnsupportedError: unknown mode, profile or entropy model.
        InputError: the picture is beyond a limit.
    """
    width = cursor.uvarint("width", MAX_SIDE)
    height = cursor.uvarint("height", MAX_SIDE)
    channels, alpha, bit_depth = _decode_mode(cursor.u8("mode"))
    quality = cursor.u8("quality")
    tile_edge = cursor.u8("tile edge") * TILE_UNIT
    profile = cursor.u8("profile")
    name = bytes(cursor.take(4, "entropy model name"))
    model_id = bytes(cursor.take(MODEL_ID_SIZE, "model id"))
    if cursor.remaining:
        raise FormatError(f"bad header: {cursor.remaining} bytes too many")
    if not all(0x20 <= byte < 0x7F for byte in name):
        raise FormatError("bad header: the entropy model name is not printable ASCII")
    try:
        header = Header(
            width=width,
            height=height,
            channels=channels,
            bit_depth=bit_depth,
            quality=quality,
            tile_edge=tile_edge,
            profile=profile,
            entropy_model=name.decode("ascii"),
            model_id=model_id,
            alpha=alpha,
        )
    except UsageError as error:
        raise FormatError(f"bad header: {error}") from error
    limits.check(header)
    return header


def _decode_mode(mode: int) -> tuple[Channels, Alpha, BitDepth]:
    alpha, depth = mode >> 1 & 7, mode >> 4
    if alpha >= len(_ALPHAS) or depth >= len(_DEPTHS):
        raise UnsupportedError(f"unknown colour mode 0x{mode:02X}")
    return 3 if mode & 1 else 1, _ALPHAS[alpha], _DEPTHS[depth]


def _check_range(what: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or not low <= value <= high:
        raise UsageError(f"{what} {value!r} is not a whole number in {low}..{high}")


def check_tile_edge(pixels: int) -> None:
    """Raise UsageError unless files can have tiles of that edge."""
    _check_range("tile edge", pixels, TILE_UNIT, MAX_TILE_EDGE)
    if pixels % TILE_UNIT:
        raise UsageError(f"tile edge {pixels} is not a multiple of {TILE_UNIT}")


def boxes(header: Header, numbers: Iterable[int]) -> list[dict[str, int]]:
    """Places of tiles in pixels, ready for JSON."""
    places = []
    for number in numbers:
        left, top, right, bottom = header.tile_box(number)
        size = {"width": right - left, "height": bottom - top}
        places.append({"index": number, "left": left, "top": top} | size)
    return places
