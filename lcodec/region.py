"""The part of a picture to decode, and its scale. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from lcodec.container import Header
from lcodec.errors import UsageError

SCALES = (1, 2, 4, 8, 16)
"""Scales at which a picture can be decoded: 1/1 to 1/16."""


@dataclass(frozen=True)
class Region:
    """A rectangle of a picture in pixels.

    Raises:
        UsageError: the numbers do not form a rectangle.
    """

    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if min(self.left, self.top) < 0 or min(self.width, self.height) < 1:
            raise UsageError(
                f"region {self}: width and height must be 1 or more, left and top 0 or more"
            )

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.width}x{self.height}"

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    def check_inside(self, header: Header) -> None:
        """Raise UsageError unless the whole region lies inside the picture."""
        if self.box[2] > header.width or self.box[3] > header.height:
            raise UsageError(
                f"region {self} is not inside the picture of {header.width}x{header.height}"
            )


def check_scale(scale: int) -> int:
    """The same scale; raises UsageError unless it is 1, 2, 4, 8 or 16."""
    if scale not in SCALES:
        raise UsageError(f"scale {scale!r}: must be one of {', '.join(map(str, SCALES))}")
    return scale
