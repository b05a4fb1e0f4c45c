"""Size, rate, PSNR and other measures of pictures against a reference, whatever their modes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcodec.errors import UsageError
from lcodec.metrics.distortion import psnr
from lcodec.metrics.measures import measure
from lcodec.picture import Picture, Samples


@dataclass(frozen=True, eq=False)
class PictureFile:
    """A picture and the file it comes from.

    Attributes:
        name: its name in reports.
        kind: the format as text, such as "PNG" or "LIC, quality 50".
        bytes: size of the file.
    """

    name: str
    kind: str
    bytes: int
    picture: Picture

    @property
    def bpp(self) -> float:
        """Bits per pixel of the whole file."""
        return 8.0 * self.bytes / (self.picture.width * self.picture.height)


@dataclass(frozen=True)
class Figures:
    """Distance of one picture from the reference.

    ``psnr`` in dB, infinite if all samples are equal; ``ms_ssim`` in 0..1 and ``ssimulacra2`` in
    points, None if the picture is too small; ``notes`` say what the figures leave out.
    """

    psnr: float
    ms_ssim: float | None
    ssimulacra2: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Aligned:
    """Two pictures as samples of one shape and type.

    ``visible`` (H, W) is where they are compared; None means everywhere. Elsewhere the samples
    are equal.
    """

    reference: Samples
    other: Samples
    visible: NDArray[np.bool_] | None


@dataclass(frozen=True, eq=False)
class PictureComparison:
    """Pictures of one size, and the figures of each against ``reference`` in the same order."""

    reference: PictureFile
    files: tuple[PictureFile, ...]
    figures: tuple[Figures, ...]


def check_sizes(sizes: Sequence[tuple[str, int, int]]) -> None:
    """Make sure that all pictures, given as name, width and height, have the same size.

    Raises:
        UsageError: they do not.
    """
    first, *others = sizes
    for other in others:
        if other[1:] != first[1:]:
            shown = " and ".join(
                f"{name} is {width}x{height}" for name, width, height in (first, other)
            )
            raise UsageError(f"pictures of different sizes: {shown}")


def compare_pictures(reference: PictureFile, files: Sequence[PictureFile]) -> PictureComparison:
    """The figures of every picture against the reference.

    Raises:
        UsageError: pictures of different sizes.
    """
    check_sizes([(f.name, f.picture.width, f.picture.height) for f in (reference, *files)])
    figures = tuple(figures_of(reference.picture, file.picture) for file in files)
    return PictureComparison(reference, tuple(files), figures)


def figures_of(reference: Picture, other: Picture) -> Figures:
    """Distances of the colours of two pictures of one size, as `aligned` gives them.

    Pixels invisible in the reference do not count for PSNR, and count as equal for the others.

    Raises:
        UsageError: pictures of different sizes.
    """
    pair = aligned(reference, other)
    found = measure(pair.reference, pair.other)
    if pair.visible is not None:
        seen = (samples[pair.visible][None] for samples in (pair.reference, pair.other))
        found = found._replace(psnr=psnr(*seen))
    return Figures(*found, tuple(_notes(reference, other)))


def aligned(reference: Picture, other: Picture) -> Aligned:
    """Both pictures in colour if one is, and with 16 bits if one has 16.

    Both conversions are exact: gray becomes three equal channels, 8-bit samples are multiplied by
    257.

    Raises:
        UsageError: pictures of different sizes.
    """
    colour = 3 in (reference.channels, other.channels)
    deep = 16 in (reference.bit_depth, other.bit_depth)
    one, two = (_samples(picture, colour, deep) for picture in (reference, other))
    if one.shape != two.shape:
        raise UsageError(f"pictures of different shapes: {one.shape} and {two.shape}")
    alpha = reference.alpha
    if alpha is None or alpha.all() or not alpha.any():
        return Aligned(one, two, None)
    visible = alpha > 0
    shown = visible if one.ndim == 2 else visible[..., None]
    return Aligned(one, np.where(shown, two, one), visible)


def _samples(picture: Picture, colour: bool, deep: bool) -> Samples:
    samples: NDArray[Any] = picture.pixels
    if colour and samples.ndim == 2:
        samples = np.repeat(samples[:, :, None], 3, axis=2)
    return to_16_bits(samples) if deep else samples


def to_16_bits(samples: Samples) -> Samples:
    """8-bit samples scaled to 16 bits; 16-bit ones unchanged."""
    return samples if samples.dtype == np.uint16 else samples.astype(np.uint16) * np.uint16(257)


def _notes(reference: Picture, other: Picture) -> list[str]:
    notes = []
    if not _same_alpha(reference, other):
        notes.append("its alpha differs from that of the reference and is not in the figures")
    if reference.metadata.icc != other.metadata.icc:
        notes.append(
            "its colour profile differs from that of the reference; the figures compare samples "
            "as they are"
        )
    return notes


def _same_alpha(reference: Picture, other: Picture) -> bool:
    planes = [
        None if plane is None or plane.min() == np.iinfo(plane.dtype).max else to_16_bits(plane)
        for plane in (reference.alpha, other.alpha)
    ]
    if planes[0] is None or planes[1] is None:
        return planes[0] is planes[1]
    return bool(np.array_equal(planes[0], planes[1]))


def shown_psnr(value: float, digits: int = 2) -> str:
    """PSNR as tables show it: "equal" where it is infinite."""
    return "equal" if math.isinf(value) else f"{value:.{digits}f}"
