"""A second decoder, written from the format's description with Python integers alone.

It shares nothing with the package but the table file, and shows that the description is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import numpy as np


class RangeReader:
    """64-bit range decoder over 32-bit words, 24-bit probabilities; zeros follow the last word.

    Raises ValueError for what no encoder writes.
    """

    def __init__(self, data: bytes) -> None:
        self.words = self.words_of(data)
        self.width = (1 << 64) - 1
        self.offset = self.next_word() << 32 | self.next_word()

    @staticmethod
    def words_of(data: bytes) -> list[int]:
        return [int.from_bytes(data[k : k + 4], "little") for k in range(0, len(data), 4)]

    def next_word(self) -> int:
        return self.words.pop(0) if self.words else 0

    def take(self, frequencies: Sequence[int]) -> int:
        """One entry, given frequencies that sum to a power of two up to 2^24."""
        self.check_offset()
        unit = self.width // 2**24 * (2**24 // sum(frequencies))
        entry = 0
        while entry < len(frequencies) - 1 and self.offset >= unit * frequencies[entry]:
            self.offset -= unit * frequencies[entry]
            entry += 1
        self.width = unit * frequencies[entry]
        if self.width < 1 << 32:
            self.width <<= 32
            self.offset = self.offset << 32 | self.next_word()
        return entry

    def check_offset(self) -> None:
        if self.offset >= self.width >> 24 << 24:
            raise ValueError("no encoder gets there")

    def take_bits(self, count: int) -> int:
        """A number of `count` equally likely bits."""
        self.check_offset()
        unit = (self.width >> 24) << (24 - count)
        value, self.offset = divmod(self.offset, unit)
        self.width = unit
        if self.width < 1 << 32:
            self.width <<= 32
            self.offset = self.offset << 32 | self.next_word()
        return value


def read_group(reader: RangeReader, means: Sequence[int], indices: Sequence[int]) -> list[int]:
    """The symbols of one group. Raises ValueError if the stream is damaged."""
    path = resources.files("lcodec.coding").joinpath("tables_v1.npz")
    with path.open("rb") as file, np.load(file) as archive:
        table_id, starts = archive["table_id"], archive["starts"].tolist()
        frequencies = archive["frequencies"].tolist()
    clipped = [min(max(mean, -16 * 32767), 16 * 32767) for mean in means]
    bases = [(mean + 8) // 16 for mean in clipped]
    offsets = [mean - 16 * base for mean, base in zip(clipped, bases, strict=True)]
    tables = [int(table_id[i, abs(f)]) for i, f in zip(indices, offsets, strict=True)]
    order = sorted(range(len(tables)), key=lambda k: tables[k])
    residuals = [0] * len(tables)
    escaped = []
    for k in order:
        row = frequencies[starts[tables[k]] : starts[tables[k] + 1]]
        entry, radius = reader.take(row), (len(row) - 2) // 2
        residuals[k] = entry - radius
        if entry == len(row) - 1:
            escaped.append((k, radius))
    for k, radius in escaped:
        length = reader.take_bits(5)
        if not 1 <= length <= 18:
            raise ValueError("an escape that is too long")
        value = (1 << (length - 1)) + (reader.take_bits(length - 1) if length > 1 else 0) - 1
        residuals[k] = (value // 2 + radius + 1) * (-1 if value % 2 else 1)
    signs = [-1 if offset < 0 else 1 for offset in offsets]
    symbols = [b + s * r for b, s, r in zip(bases, signs, residuals, strict=True)]
    if any(abs(symbol) > 32767 for symbol in symbols):
        raise ValueError("a symbol out of range")
    return symbols
