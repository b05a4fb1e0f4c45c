"""Counts of bits, by stream."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class BitTally:
    """Bits according to the frozen tables, without the coder's rounding."""

    bits_y: float = 0.0
    bits_z: float = 0.0

    def add(self, other: BitTally) -> None:
        """Add the bits of another."""
        self.bits_y += other.bits_y
        self.bits_z += other.bits_z
