"""Arithmetic of CRC-32: polynomials over GF(2), of which the highest bit is 1, the next one x."""

from __future__ import annotations

from typing import Final

POLYNOMIAL: Final = 0xEDB88320
_ONE: Final = 1 << 31
_PERIOD: Final = (1 << 32) - 1
"""x to this power is 1, modulo the polynomial."""


def product(a: int, b: int) -> int:
    """The product of two polynomials modulo that of CRC-32."""
    found = 0
    while a:
        if a & _ONE:
            found ^= b
        a = a << 1 & _PERIOD
        b = b >> 1 ^ (POLYNOMIAL if b & 1 else 0)
    return found


def power(exponent: int) -> int:
    """x to a power, which may be negative.

    Times the 8n-th one is what n bytes of zeros do to a CRC, but for its inversions.
    """
    exponent %= _PERIOD
    found, square = _ONE, _ONE >> 1
    while exponent:
        if exponent & 1:
            found = product(found, square)
        square = product(square, square)
        exponent >>= 1
    return found
