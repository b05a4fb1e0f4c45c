"""The representation of pictures throughout the program."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lcodec.errors import UsageError
from lcodec.picture.metadata import NO_METADATA, Metadata

Samples: TypeAlias = NDArray[np.unsignedinteger[Any]]
"""uint8 or uint16: levels 0..255 or 0..65535."""


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """Pixels, alpha and metadata.

    Attributes:
        pixels: uint8 or uint16, (H, W) for gray or (H, W, 3) for RGB, C order, H and W at least 1.
        alpha: None, or (H, W) with the dtype of ``pixels``; not multiplied into them.
        metadata: profile, EXIF and XMP of the source; the orientation has been applied.
        notes: what was dropped from the source, as shown to the user.

    Raises:
        UsageError: arrays of another type or shape, or metadata that are not `Metadata`.
    """

    pixels: Samples
    _: KW_ONLY
    notes: tuple[str, ...] = ()
    alpha: Samples | None = None
    metadata: Metadata = NO_METADATA

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", check_pixels(self.pixels))
        if not isinstance(self.metadata, Metadata):
            kind = type(self.metadata).__name__
            raise UsageError(f"metadata: must be lcodec.Metadata, not {kind}")
        if self.alpha is None:
            return
        if not isinstance(self.alpha, np.ndarray):
            raise UsageError(f"alpha: must be an array, not {type(self.alpha).__name__}")
        _check_unmasked("alpha", self.alpha)
        object.__setattr__(self, "alpha", _native(self.alpha))
        if self.alpha.dtype != self.pixels.dtype or self.alpha.shape != self.pixels.shape[:2]:
            raise UsageError(
                f"alpha: {self.alpha.dtype} {self.alpha.shape} does not match pixels of "
                f"{self.pixels.dtype} {self.pixels.shape}"
            )

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
        """1 for gray, 3 for RGB; alpha is not counted."""
        return 1 if self.pixels.ndim == 2 else 3

    @property
    def bit_depth(self) -> int:
        """Bits per sample, 8 or 16."""
        return 8 * self.pixels.itemsize

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Pixels as one array: (H, W), or (H, W, n) with n 2 gray and alpha, 3 RGB, 4 RGBA.

        `from_array` is the inverse. Without alpha it is the array of the pixels itself, unless a
        copy is needed or asked for.

        Raises:
            ValueError: a copy is needed, and ``copy`` is False.
        """
        whole: NDArray[Any] = self.pixels
        if self.alpha is not None:
            if copy is False:
                raise ValueError("pixels and alpha are two arrays: one array of both needs a copy")
            whole = np.dstack([self.pixels, self.alpha])
        if copy is False and dtype is not None and np.dtype(dtype) != whole.dtype:
            raise ValueError(f"a type other than {whole.dtype} needs a copy")
        if dtype is not None:
            return whole.astype(dtype, copy=bool(copy))
        return whole.copy() if copy and whole is self.pixels else whole

    def __repr__(self) -> str:
        colours = "gray" if self.channels == 1 else "RGB"
        alpha = "" if self.alpha is None else " with alpha"
        shown = f"{self.width}x{self.height} {colours}{alpha}, {self.bit_depth} bit"
        return f"<lcodec.Picture {shown}>"

    def stripped(self) -> Picture:
        """The same without metadata."""
        return replace(self, metadata=NO_METADATA)


def check_pixels(pixels: object) -> Samples:
    """The same array, C-contiguous, if it is uint8 or uint16 of shape (H, W) or (H, W, 3).

    Raises:
        UsageError: anything else, or empty; nothing is converted or scaled implicitly.
    """
    if not isinstance(pixels, np.ndarray):
        raise UsageError(f"pixels: must be an array, not {type(pixels).__name__}")
    _check_unmasked("pixels", pixels)
    native = _native(pixels)
    if native.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"pixels: must be unsigned samples of 8 or 16 bits, not {pixels.dtype}")
    gray = pixels.ndim == 2
    color = pixels.ndim == 3 and pixels.shape[2] == 3
    if not (gray or color) or pixels.size == 0:
        raise UsageError(
            f"pixels: the shape must be (height, width) or (height, width, 3), not {pixels.shape}"
        )
    return native


def _native(samples: NDArray[Any]) -> NDArray[Any]:
    """The same, C-contiguous and in the byte order of the machine; files may have the other one."""
    return np.ascontiguousarray(samples, dtype=samples.dtype.newbyteorder("="))


def _check_unmasked(name: str, samples: NDArray[Any]) -> None:
    if np.ma.is_masked(samples):
        raise UsageError(f"{name}: some are masked; fill them, or give the mask as alpha")


def from_array(array: Samples) -> Picture:
    """A picture made of samples (H, W) or (H, W, n): 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.

    Raises:
        UsageError: another type or shape.
    """
    if not isinstance(array, np.ndarray) or array.ndim != 3 or array.shape[2] not in (1, 2, 4):
        return Picture(check_pixels(array))
    colours = 3 if array.shape[2] == 4 else 1
    pixels = check_pixels(array[..., :3] if colours == 3 else array[..., 0])
    alpha = None if array.shape[2] == 1 else check_pixels(array[..., -1])
    return Picture(pixels, alpha=alpha)
