"""Divide an axis into blocks with halos, to run a transform block by block in bounded memory.

With a halo of at least the receptive field, every output is what the whole picture would give, so
blocks leave no seams.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A part of an axis: ``[start, stop)`` is wanted, ``[outer_start, outer_stop)`` is there.

    What is there is available, or of one block that which is read.
    """

    start: int
    stop: int
    outer_start: int
    outer_stop: int

    @classmethod
    def around(cls, start: int, stop: int, length: int, halo: int) -> Span:
        """``[start, stop)`` with a halo, as far as the axis goes."""
        return cls(start, stop, max(0, start - halo), min(length, stop + halo))

    def spans(self, block: int, halo: int) -> list[Span]:
        """The wanted part in spans of at most ``block``, with halos as far as available."""
        return [
            self.span(slice(s, min(self.stop, s + block)), halo)
            for s in range(self.start, self.stop, block)
        ]

    def span(self, part: slice, halo: int) -> Span:
        """One block, ``part``, with a halo as far as available."""
        return Span(
            part.start,
            part.stop,
            max(self.outer_start, part.start - halo),
            min(self.outer_stop, part.stop + halo),
        )

    @property
    def inner(self) -> slice:
        """The wanted part inside what is there."""
        return slice(self.start - self.outer_start, self.stop - self.outer_start)

    def inside(self, span: Span) -> slice:
        """What a span reads, inside the available part."""
        return slice(span.outer_start - self.outer_start, span.outer_stop - self.outer_start)

    def grown(self, halo: int) -> Span:
        """A span of which ``halo`` more are wanted on each side, as far as available."""
        start, stop = max(self.outer_start, self.start - halo), self.stop + halo
        return Span(start, min(self.outer_stop, stop), self.outer_start, self.outer_stop)

    def seen_in(self, other: Span) -> Span:
        """The same part, if what ``other`` wants is all that is available."""
        return Span(self.start, self.stop, other.start, other.stop)

    def within(self, other: Span) -> slice:
        """The wanted part inside that of ``other``."""
        return slice(self.start - other.start, self.stop - other.start)
