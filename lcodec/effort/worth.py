"""What distortion is worth in bits: effort optimises what a model was trained for."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lcodec.metrics.ssimulacra2 import MIN_SIDE
from lcodec.weights.config import ModelConfig


@dataclass(frozen=True)
class Worth:
    """Bits per pixel that distortion is worth at one level.

    Attributes:
        error: of a mean squared error of 1, samples from 0 to 1.
        perceived: of an SSIMULACRA2 distance of 1; 0 if that does not count.
    """

    error: float
    perceived: float

    def bits(self, pixels: int, error: float, distance: float | None) -> float:
        """Bits that the distortion of ``pixels`` is worth; ``distance`` is None if not needed."""
        seen = self.perceived * distance if self.perceived and distance is not None else 0.0
        return pixels * (self.error * error + seen)


def worth_at(config: ModelConfig, level: int, sides: tuple[int, int]) -> Worth:
    """The worth for a model at a quality level of its files, for a picture of ``sides`` (H, W).

    In pictures too small for SSIMULACRA2, only squared error counts.
    """
    tune, quality = config.factors, torch.tensor(config.trained_quality(level))
    if tune.perceived is None or min(sides) < MIN_SIDE:
        return Worth(255.0**2 * float(tune.reference.at(quality)), 0.0)
    return Worth(255.0**2 * float(tune.error.at(quality)), float(tune.perceived.at(quality)))
