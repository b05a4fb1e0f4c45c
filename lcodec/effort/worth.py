"""What distortion is worth in bits: effort optimises what a model was trained for.

But not in the same proportions. A network that must do well on all pictures cannot exploit what a
measure overlooks; a search on one picture can, and does: left to the weights of training, it gains
12 % by SSIMULACRA2 and nothing, or less, by measures it does not know. With more weight on squared
error, less on SSIMULACRA2, all measures gain (docs/effort.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lcodec.metrics.ssimulacra2 import MIN_SIDE
from lcodec.weights.config import ModelConfig

SEARCHED_ERROR, SEARCHED_DISTANCE = 2.5, 1.0
"""Factors on the worth of squared error and of the SSIMULACRA2 distance, where both count."""


@dataclass(frozen=True)
class Worth:
    """Bits per pixel that distortion is worth at one level.

    Attributes:
        error: of a mean squared error of 1, samples from 0 to 1.
        perceived: of an SSIMULACRA2 distance of 1; 0 if that does not count.
        calm: of an unrest of smooth areas of 1 (`lcodec.metrics.smooth`); 0 if that does not count.
    """

    error: float
    perceived: float = 0.0
    calm: float = 0.0

    def bits(self, pixels: int, error: float, distance: float = 0.0, unrest: float = 0.0) -> float:
        """Bits that the distortion of ``pixels`` is worth."""
        return pixels * (self.error * error + self.perceived * distance + self.calm * unrest)


def worth_at(config: ModelConfig, level: int, sides: tuple[int, int]) -> Worth:
    """The worth for a model at a quality level of its files, for a picture of ``sides`` (H, W).

    In pictures too small for SSIMULACRA2, only squared error counts.
    """
    tune, quality = config.factors, torch.tensor(config.trained_quality(level))
    if tune.perceived is None or min(sides) < MIN_SIDE:
        return Worth(255.0**2 * float(tune.reference.at(quality)))
    calm = 0.0 if tune.calm is None else float(tune.calm.at(quality))
    error, perceived = (float(rise.at(quality)) for rise in (tune.error, tune.perceived))
    return Worth(255.0**2 * SEARCHED_ERROR * error, SEARCHED_DISTANCE * perceived, calm)
