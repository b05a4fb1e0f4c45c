"""The part of a picture to decode, and its scale. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from lcodec.container import Header
from lcodec.errors import UsageError
from lcodec.limits import as_whole

SCALES = (1, 2, 4, 8, 16)
"""Scales at which a picture can be decoded: 1/1 to 1/16."""


@dataclass(frozen=True)
class Region:
    """A rectangle of a picture in pixels.

    Raises:
        UsageError: these are not whole numbers, or do not form a rectangle.
    """

    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        for name in ("left", "top", "width", "height"):
            value = as_whole(f"{name} of a region", getattr(self, name))
            object.__setattr__(self, name, value)
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
    whole = as_whole("scale", scale)
    if whole not in SCALES:
        raise UsageError(f"scale {whole}: must be one of {', '.join(map(str, SCALES))}")
    return whole
