"""Limits on what a ``.lic`` file may ask of its decoder. Standard library only.

A file of some hundred bytes can claim a picture that takes hours and gigabytes. All of that is
known from its header and the lengths of its sections, before anything is unpacked; what goes
beyond the limits is rejected then. Estimates are for the released models on a CPU.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final

from lcodec.errors import InputError, UsageError
from lcodec.format import ENTROPY_MODELS, HYPER_STRIDE, PATCH

if TYPE_CHECKING:
    from lcodec.container.header import Header

DEFAULT_MAX_PIXELS: Final = 1 << 28

SQUARE: Final = PATCH**2

BYTES_PER_POSITION: Final = 784  # int16: 384 of y, an eighth of 128 of z
BYTES_PER_TILE_POSITION: Final = 32 << 10  # while a tile is decoded
BYTES_PER_BLOCK_PIXEL: Final = 190  # while a block of pixels is synthesised
BLOCK: Final = 96  # latent positions per side of such a block: 1536 pixels
BLOCK_PIXELS: Final = (BLOCK * PATCH) ** 2
PIECE: Final = 64  # latent positions per side of what effort optimises at a time
CODED_BYTES_PER_POSITION: Final = 8 << 10  # far more than any symbols take
CODED_BYTES_PER_TILE: Final = 1 << 10

SYNTHESIS_WORK: Final = 8_500_000  # multiply-accumulates per latent position
TILE_WORK: Final = 500_000_000  # what a tile costs however small it is
FREE_WASTE: Final = 1 << 15  # latent positions that any picture may take


def padded_positions(header: Header) -> int:
    """Latent positions of all tiles, with the padding to whole hyper-latents of each."""
    sides = []
    for size, count in ((header.width, header.tiles_x), (header.height, header.tiles_y)):
        last = size - (count - 1) * header.tile_edge
        sides.append((count - 1) * _padded(header.tile_edge) + _padded(last))
    return sides[0] * sides[1]


def _padded(pixels: int) -> int:
    return -(-pixels // (PATCH * HYPER_STRIDE)) * HYPER_STRIDE


def decoding_memory(header: Header, scale: int = 1) -> int:
    """Bytes that decoding, at 1/``scale``, takes beyond the networks: an upper estimate."""
    width, height = -(-header.width // PATCH), -(-header.height // PATCH)
    alpha = 0 if header.alpha == "none" else (1 if header.bit_depth == 8 else 3)
    colours = -(-header.channels * header.bit_depth // 8 // scale)
    samples = header.pixels * (colours + alpha)  # alpha is reduced after it is unpacked
    edge = header.tile_edge
    tile = _padded(min(edge, header.width)) * _padded(min(edge, header.height))
    block = min(width * height * SQUARE, BLOCK_PIXELS) * BYTES_PER_BLOCK_PIXEL
    if scale > 1:
        block = 0  # previews have no blocks of that kind
    # A tile is decoded before the first block is synthesised, and its memory used again.
    return (
        width * height * BYTES_PER_POSITION + samples + max(tile * BYTES_PER_TILE_POSITION, block)
    )


def decoding_work(header: Header) -> int:
    """Multiply-accumulates that decoding takes; other work counts by the time it takes."""
    each = ENTROPY_MODELS[header.entropy_model].parse_work + SYNTHESIS_WORK
    return padded_positions(header) * each + header.tile_count * TILE_WORK


@dataclass(frozen=True)
class DecoderLimits:
    """Limits enforced with `InputError`; the defaults are for pictures of up to 2^28 pixels.

    Attributes:
        pixels: of the picture.
        positions: latent positions of all tiles with their padding, 16 x 16 pixels each.
        tiles: of the picture.
        sections: ancillary sections.
        metadata: bytes of all ancillary sections together.
        unpacked: bytes that a section of packed metadata unpacks to; the format has no more than
            the default.
        memory: bytes beyond the networks, by `decoding_memory`.
        work: multiply-accumulates, by `decoding_work`.
        waste: work, as a multiple of that of a large square picture of as many pixels; the work
            of `FREE_WASTE` positions is free.

    Raises:
        UsageError: a limit is not a whole number above 0.
    """

    pixels: int = DEFAULT_MAX_PIXELS
    positions: int = DEFAULT_MAX_PIXELS // SQUARE * 2
    tiles: int = 1 << 16
    sections: int = 1 << 10
    metadata: int = 1 << 26
    unpacked: int = 1 << 24
    memory: int = 6 << 30
    work: int = 10**14
    waste: int = 8

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise UsageError(f"the limit of {name} must be a whole number above 0: {value!r}")
            object.__setattr__(self, name, int(value))  # numpy's may be too small to compute with

    @classmethod
    def for_pixels(cls, pixels: int) -> DecoderLimits:
        """Limits for pictures of up to ``pixels``: what they may cost grows and shrinks with it."""
        own = cls(pixels=pixels)  # rejects what is not a number of pixels
        pixels = own.pixels

        def scaled(value: int, least: int) -> int:
            return max(least, -(-value * pixels // DEFAULT_MAX_PIXELS))

        return cls(
            pixels=pixels,
            positions=scaled(own.positions, 1 << 12),
            tiles=max(own.tiles, scaled(own.tiles, 1)),
            memory=scaled(own.memory, 1 << 30),
            work=scaled(own.work, 10**12),
        )

    def for_parts(self) -> DecoderLimits:
        """The same limits for decoding parts of a file: the picture may be of any size."""
        return replace(self, **_ANY_SIZE)

    def check(self, header: Header) -> None:
        """Reject a picture that is beyond a limit.

        Raises:
            InputError: naming the limit.
        """
        name = f"picture of {header.width} x {header.height}"
        if header.pixels > self.pixels:
            raise InputError(f"{name} is over the limit of {self.pixels} pixels")
        if header.tile_count > self.tiles:
            raise InputError(
                f"{name} has {header.tile_count} tiles: over the limit of {self.tiles}"
            )
        positions = padded_positions(header)
        if positions > self.positions:
            raise InputError(
                f"{name} takes {positions} latent positions: over the limit of {self.positions}"
            )
        self._check_cost(header, name, 1)

    def check_part(self, header: Header, made: int, scale: int = 1, *, what: str = "part") -> None:
        """Reject a part of ``made`` pixels at 1/``scale`` that is beyond a limit.

        ``header`` is that of the tiles which the part takes, as a picture of their own. They may
        have more pixels, and cost more, than the part.

        Raises:
            InputError: naming the limit.
        """
        if made > self.pixels:
            raise InputError(f"a {what} of {made} pixels is over the limit of {self.pixels} pixels")
        self._check_cost(header, f"a {what} in tiles of {header.width} x {header.height}", scale)

    def check_strip(self, header: Header) -> None:
        """Reject a picture of which a row of tiles is beyond a limit; raises as `check`."""
        strip = replace(header, height=min(header.height, header.tile_edge))
        self.check_part(strip, strip.pixels, what="strip")

    def check_unpacked(self, size: int) -> None:
        """Refuse metadata that unpacks to ``size`` bytes; raises as `check`."""
        if size > self.unpacked:
            raise InputError(
                f"metadata that unpacks to {size} bytes is over the limit of {self.unpacked}"
            )

    def _check_cost(self, header: Header, name: str, scale: int) -> None:
        work = decoding_work(header)
        each = ENTROPY_MODELS[header.entropy_model].parse_work + SYNTHESIS_WORK
        plain = -(-header.pixels // SQUARE)
        if work > (FREE_WASTE + self.waste * plain) * each + TILE_WORK:
            raise InputError(
                f"{name} is too thin, or its tiles too small: it takes {work // (plain * each)}"
                f" times the work of its pixels, over the limit of {self.waste} times"
            )
        if work > self.work:
            raise InputError(
                f"{name} takes {work:.1e} operations: over the limit of {self.work:.1e}"
            )
        memory = decoding_memory(header, scale)
        if memory > self.memory:
            raise InputError(
                f"{name} takes {_megabytes(memory)} of memory: over the limit of"
                f" {_megabytes(self.memory)}"
            )


_ENDLESS = 1 << 100
_ANY_SIZE = dict.fromkeys(("pixels", "positions", "memory", "work", "waste"), _ENDLESS)
UNDECODED: Final = DecoderLimits(tiles=1 << 20, **_ANY_SIZE)
"""Limits for files that are not decoded, so that no picture is too large."""


class Ancillary:
    """Counts the ancillary sections of one file as they arrive."""

    def __init__(self, limits: DecoderLimits) -> None:
        self._limits = limits
        self._sections = self._bytes = 0

    def add(self, size: int) -> None:
        """Count a section with ``size`` bytes of payload.

        Raises:
            InputError: there are too many sections, or too many bytes in them.
        """
        self._sections += 1
        self._bytes += size
        if self._sections > self._limits.sections:
            raise InputError(f"more than the limit of {self._limits.sections} ancillary sections")
        if self._bytes > self._limits.metadata:
            limit = _megabytes(self._limits.metadata)
            raise InputError(f"more metadata than the limit of {limit}")


def longest_tile(header: Header) -> int:
    """Upper bound on the payload of a TILE or MIXED section, in bytes."""
    edge = header.tile_edge
    positions = _padded(min(edge, header.width)) * _padded(min(edge, header.height))
    return positions * CODED_BYTES_PER_POSITION + CODED_BYTES_PER_TILE


def longest_alpha(header: Header) -> int:
    """Upper bound on the payload of an ALPHA section, even if incompressible, in bytes."""
    samples = header.pixels * header.bit_depth // 8
    return samples + samples // 16 + CODED_BYTES_PER_TILE


def as_whole(name: str, value: object, least: int | None = None, largest: int | None = None) -> int:
    """``value`` as an int, numpy's too.

    Raises:
        UsageError: it is no whole number, less than ``least`` or more than ``largest``.
    """
    # True is 1 to Python, which nobody means.
    plain: Any = None if isinstance(value, bool) else value
    try:
        number = operator.index(plain)
    except TypeError:
        raise UsageError(f"{name} must be a whole number, not {value!r}") from None
    if least is not None and largest is not None and not least <= number <= largest:
        raise UsageError(f"{name} must lie in {least}..{largest}: {number}")
    if least is not None and number < least:
        raise UsageError(f"{name} must be {least} or more: {number}")
    return number


def chosen(max_pixels: int | None, limits: DecoderLimits | None) -> DecoderLimits:
    """The limits of a call that takes either of the two, or the defaults; raises as `given`."""
    return given(max_pixels, limits) or DecoderLimits()


def given(max_pixels: int | None, limits: DecoderLimits | None) -> DecoderLimits | None:
    """The limits that a call was given as either of the two; None if as neither.

    Raises:
        UsageError: both are given, or one is of the wrong type.
    """
    if limits is not None and max_pixels is not None:
        raise UsageError("max_pixels and limits cannot be combined")
    if limits is not None:
        if not isinstance(limits, DecoderLimits):
            raise UsageError(f"limits must be lcodec.DecoderLimits, not {limits!r}")
        return limits
    return None if max_pixels is None else DecoderLimits.for_pixels(max_pixels)


def _megabytes(count: int) -> str:
    return f"{-(-count // 10**6)} MB"
