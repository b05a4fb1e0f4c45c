"""The range coder of docs/FORMAT.md, in both directions: a stream is what its symbols make."""

from __future__ import annotations

from collections.abc import Sequence

from tests.coding.reference import RangeReader
from tests.conformance.pure_container import check


class RangeWriter:
    """The encoder as the page has it, over integers of any size."""

    def __init__(self) -> None:
        self.low, self.range, self.shifts = 0, (1 << 64) - 1, 0
        self.started = False

    def put(self, left: int, width: int) -> None:
        """Encode what has the share from ``left`` on of ``width``, in 2^24ths."""
        unit = self.range >> 24
        self.low += unit * left
        self.range = unit * width
        if self.range < 1 << 32:
            self.low, self.range, self.shifts = self.low << 32, self.range << 32, self.shifts + 1
        self.started = True

    def words(self) -> list[int]:
        """The stream if it ends here."""
        if not self.started:
            return []
        point = (self.low + (1 << 32) - 1) >> 32
        words = [point >> 32 * k & 0xFFFFFFFF for k in range(self.shifts, -1, -1)]
        return [*words, 0] if (self.low + self.range) >> 32 == point else words


class Stream(RangeReader):
    """Reads symbols from a stream, and writes them again to compare."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.given, self.again = self.words_of(data), RangeWriter()

    def take(self, frequencies: Sequence[int]) -> int:
        entry = super().take(frequencies)
        unit = (1 << 24) // sum(frequencies)
        self.again.put(unit * sum(frequencies[:entry]), unit * frequencies[entry])
        return entry

    def take_bits(self, count: int) -> int:
        value = super().take_bits(count)
        width = 1 << (24 - count)
        self.again.put(value * width, width)
        return value

    def finish(self) -> None:
        """Raises Damaged unless the stream is just what an encoder makes of its symbols."""
        check(self.again.words() == self.given, "another stream than that of its symbols")
