"""What distortion is worth in bits: effort optimises what a model was trained for."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lcodec.metrics.ssimulacra2 import MIN_SIDE
from lcodec.nets.tune import SEARCHED_ERROR
from lcodec.weights.config import ModelConfig


@dataclass(frozen=True)
class Worth:
    """Bits per pixel that distortion is worth at one level.

    Attributes:
        error: of a mean squared error of 1, samples from 0 to 1.
        perceived: of an SSIMULACRA2 distance of 1; 0 if that does not count.
        fine: distance that a fine dissimilarity of 1 counts as.
        calm: of an unrest of smooth areas of 1 (`lcodec.metrics.smooth`); 0 if that does not count.
    """

    error: float
    perceived: float = 0.0
    fine: float = 0.0
    calm: float = 0.0


def worth_at(config: ModelConfig, level: int, sides: tuple[int, int]) -> Worth:
    """The worth for a model at a quality level of its files, for a picture of ``sides`` (H, W).

    In pictures too small for SSIMULACRA2, only squared error counts.
    """
    tune, quality = config.factors, torch.tensor(config.trained_quality(level))
    if tune.perceived is None or min(sides) < MIN_SIDE:
        return Worth(255.0**2 * float(tune.reference.at(quality)))
    calm = 0.0 if tune.calm is None else float(tune.calm.at(quality))
    error, perceived = (float(rise.at(quality)) for rise in (tune.error, tune.perceived))
    return Worth(255.0**2 * SEARCHED_ERROR * error, perceived, tune.fine, calm)
