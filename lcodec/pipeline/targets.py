"""Targets, which replace a quality level, and the search for the level that meets one.

Size, PSNR and SSIMULACRA2 nearly always rise with the level: now and then a level gives a file a
few bytes smaller than the level below it. The search relies on the rise only to save time. It ends
when two neighbouring levels are measured with the target between them (or at an end of the range),
and its answer is the best of the levels it has measured, so a size is never overshot.

Standard library only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import SupportsFloat

from lcodec.errors import UsageError
from lcodec.format import QUALITY_LEVELS

QUALITIES = range(QUALITY_LEVELS)

# Rise per quality level to begin with: of the logarithm of the size, of the PSNR in dB, of
# SSIMULACRA2 in points.
SIZE_SLOPE = 0.028
PSNR_SLOPE = 0.11
SSIMULACRA2_SLOPE = 0.8
_PATIENCE = 4  # interpolations before halving the bracket instead

_UNITS = {"": 1, "b": 1, "k": 1000, "m": 1000**2, "g": 1000**3}
_BINARY_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}
_SIZE = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*(?:([kmg]?)(i?)b?|bytes)\s*", re.IGNORECASE)


class Quantity(StrEnum):
    """The quantity that a target sets."""

    SIZE = "size"
    BPP = "bpp"
    PSNR = "psnr"
    SSIMULACRA2 = "ssimulacra2"

    @property
    def is_size(self) -> bool:
        """Whether it limits the file, rather than its picture."""
        return self in (Quantity.SIZE, Quantity.BPP)


@dataclass(frozen=True)
class Target:
    """The best file of at most a size, or the smallest of at least a PSNR or SSIMULACRA2.

    Attributes:
        quantity: what is asked for.
        value: bytes of the whole file, bits per pixel of the whole file, dB, or points.
    """

    quantity: Quantity
    value: float

    def __post_init__(self) -> None:
        """Raises UsageError unless the value is a number, positive, finite and within its scale."""
        try:
            object.__setattr__(self, "quantity", Quantity(self.quantity))
        except ValueError:
            kinds = ", ".join(Quantity)
            raise UsageError(f"unknown target: {self.quantity!r} ({kinds})") from None
        value = _number(self.value)
        object.__setattr__(self, "value", self.value if isinstance(self.value, int) else value)
        if not 0 < value < math.inf:
            raise UsageError(f"a target must be above 0 and finite, not {value:g}")
        if self.quantity is Quantity.SSIMULACRA2 and value > 100:
            raise UsageError(f"SSIMULACRA2 ends at 100, so it cannot reach {value:g}")

    @classmethod
    def size(cls, size: int | str) -> Target:
        """A size in bytes, or text such as "200KB", "1.5MB", "64KiB".

        Raises:
            UsageError: the text is not a size.
        """
        return cls(Quantity.SIZE, parse_size(size) if isinstance(size, str) else size)

    @classmethod
    def bpp(cls, bpp: float) -> Target:
        """Bits per pixel."""
        return cls(Quantity.BPP, bpp)

    @classmethod
    def psnr(cls, decibel: float) -> Target:
        """PSNR in dB over all samples of the picture."""
        return cls(Quantity.PSNR, decibel)

    @classmethod
    def ssimulacra2(cls, points: float) -> Target:
        """SSIMULACRA2 of the picture, at most 100."""
        return cls(Quantity.SSIMULACRA2, points)

    def __str__(self) -> str:
        match self.quantity:
            case Quantity.SIZE:
                return f"{self.value:.0f} bytes"
            case Quantity.BPP:
                return f"{self.value:g} bpp"
            case Quantity.PSNR:
                return f"{self.value:g} dB"
            case Quantity.SSIMULACRA2:
                return f"SSIMULACRA2 {self.value:g}"

    def byte_limit(self, pixels: int) -> int:
        """Most bytes that a file of that many pixels may have; ValueError unless `is_size`."""
        if not self.quantity.is_size:
            raise ValueError(f"{self.quantity} is not a size")
        bits = self.value * pixels if self.quantity is Quantity.BPP else 8 * self.value
        return math.floor(bits / 8)

    def is_exceeded(self, size: int, pixels: int) -> bool:
        """Whether a file of ``size`` bytes is too large; never for PSNR and SSIMULACRA2."""
        return self.quantity.is_size and size > self.byte_limit(pixels)


def _is_bool(value: object) -> bool:
    """Whether a value is a truth value, numpy's too."""
    return isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", "") == "b"


def _number(value: object) -> float:
    """A number of any type, infinite if it is beyond that of a float; else raises UsageError."""
    try:
        if isinstance(value, SupportsFloat) and not _is_bool(value):
            return float(value)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):  # of an array of several
        pass
    raise UsageError(f"a target must be a number, not {value!r}")


def parse_size(text: str) -> int:
    """Bytes of a size such as "1500", "200KB", "1.5M" (powers of 1000), "64KiB" (of 1024).

    Raises:
        UsageError: the text is not a size, is less than a byte, or is beyond all bounds.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(f"`{text}` is not a size; give bytes, or a number with KB, MB, KiB or MiB")
    number, unit, binary = match[1], (match[2] or "").lower(), match[3]
    if binary and not unit:
        raise UsageError(f"`{text}` is not a size; give bytes, or a number with KB, MB, KiB or MiB")
    exact = float(number) * (_BINARY_UNITS if binary else _UNITS)[unit]
    if math.isinf(exact):
        raise UsageError("a size must be finite")
    size = math.floor(exact)
    if size < 1:
        raise UsageError(f"a size must be at least one byte, not `{text}`")
    return size


def percent(share: float) -> str:
    """A share in whole percent, rounded down: what is not all of it is not 100 %."""
    return f"{math.floor(100.0 * share)} %"


def search(
    measure: Callable[[int], float],
    within: Callable[[float], bool],
    limit: float,
    rise: float,
    start: int = 50,
) -> dict[int, float]:
    """Measure levels until the highest one ``within`` the limit has a neighbour beyond it.

    ``measure(level)`` rises nearly always with the level, by about ``rise`` per level;
    ``within(value)`` says on which side of ``limit`` a value lies. Returns the measured values by
    level: no level is measured twice, and usually four or five are measured. At the end, some
    level is within and the next one beyond, or level 100 is within, or level 0 beyond.
    """
    known: dict[int, float] = {}
    low, high = QUALITIES[0] - 1, QUALITIES[-1] + 1
    level = start
    while high - low > 1:
        level = min(max(level, low + 1), high - 1)
        known[level] = measure(level)
        if within(known[level]):
            low = level
        else:
            high = level
        if len(known) > _PATIENCE:
            level = (low + high) // 2
        else:
            level = math.floor(_guess(known, low, high, limit, rise))
    return known


def _guess(known: dict[int, float], low: int, high: int, limit: float, rise: float) -> float:
    """The fractional level where the limit is expected, given the bracket so far."""
    if low in known and high in known and known[high] > known[low]:
        share = (limit - known[low]) / (known[high] - known[low])
        return low + share * (high - low)
    if len(known) > 1:
        first, last = min(known), max(known)
        measured = (known[last] - known[first]) / (last - first)
        rise = min(max(measured, rise / 4), rise * 4)
    nearest = low if low in known else high
    return nearest + (limit - known[nearest]) / rise
