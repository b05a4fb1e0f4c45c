"""What an entropy model knows of the quality a picture is coded at."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Condition:
    """Quality of the pictures of a batch.

    Attributes:
        quality: (B,) or (1,), indexes the tables per quality.
        level: the quality level, 0..100; what the integer heads go by.
        deviation: (B, M), deviations of the latents in steps; what the twin's heads go by.
    """

    quality: Tensor
    level: int = 0
    deviation: Tensor = field(default_factory=lambda: torch.empty(0))
