"""The one form in which pixels travel through the program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcodec.errors import UsageError


@dataclass(frozen=True, eq=False)
class Picture:
    """8-bit pixels, (H, W) for gray or (H, W, 3) for RGB, C order, H and W at least 1.

    ``notes`` says, in the words shown to the user, what of the source the pixels do not hold.
    """

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", check_pixels(self.pixels))

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        """1 for gray, 3 for RGB."""
        return 1 if self.pixels.ndim == 2 else 3


def check_pixels(pixels: object) -> NDArray[np.uint8]:
    """The same array, C-contiguous, if it is uint8 of shape (H, W) or (H, W, 3) and not empty.

    Raises:
        UsageError: anything else; nothing is converted or scaled by guesswork.
    """
    if not isinstance(pixels, np.ndarray):
        raise UsageError(f"pixels: an array is needed, not {type(pixels).__name__}")
    if pixels.dtype != np.uint8:
        raise UsageError(f"pixels: 8-bit unsigned samples are needed, not {pixels.dtype}")
    gray = pixels.ndim == 2
    color = pixels.ndim == 3 and pixels.shape[2] == 3
    if not (gray or color) or pixels.size == 0:
        raise UsageError(
            f"pixels: the shape must be (height, width) or (height, width, 3), not {pixels.shape}"
        )
    return np.ascontiguousarray(pixels)
