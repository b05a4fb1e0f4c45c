"""The picture for speed measurements: generated, so that every machine has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CONTRAST = 45.0
"""Standard deviation of the luma, in levels of 255."""


def natural(width: int, height: int, seed: int = 1) -> NDArray[np.uint8]:
    """A colour picture (height, width, 3) with the power spectrum of photographs, 1 / f^2."""
    random = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    planes = []
    for weight in (1.0, 0.3, 0.3):  # luma, and two differences of colour
        noise = random.standard_normal(frequency.shape) + 1j * random.standard_normal(
            frequency.shape
        )
        plane = np.fft.irfft2(noise / frequency, (height, width))
        planes.append(weight * CONTRAST * plane / plane.std())
    luma, first, second = planes
    colours = np.stack([luma + first, luma - 0.5 * (first + second), luma + second], -1)
    samples: NDArray[np.uint8] = np.rint(128 + colours).clip(0, 255).astype(np.uint8)
    return samples
