"""All measures of a decoded picture at once, as far as it is large enough for them."""

from __future__ import annotations

from typing import NamedTuple

from lcodec.metrics.distortion import psnr
from lcodec.metrics.msssim import has_ms_ssim, ms_ssim
from lcodec.picture import Samples


class Measures(NamedTuple):
    """How far a picture is from its reference.

    ``psnr`` in dB, infinite if all samples are equal; ``ms_ssim`` in 0..1 and ``ssimulacra2`` in
    points up to 100, None if the picture is too small for them.
    """

    psnr: float
    ms_ssim: float | None
    ssimulacra2: float | None


def measure(reference: Samples, decoded: Samples) -> Measures:
    """The measures of two pictures (H, W) or (H, W, 3) of one type.

    Raises:
        UsageError: the arrays are not pictures, or not of one shape.
    """
    from lcodec.metrics.ssimulacra2 import has_ssimulacra2, ssimulacra2  # brings in torch

    return Measures(
        psnr(reference, decoded),
        ms_ssim(reference, decoded) if has_ms_ssim(reference) else None,
        ssimulacra2(reference, decoded) if has_ssimulacra2(reference) else None,
    )
