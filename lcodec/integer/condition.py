"""The quality of pictures, as entropy models take it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Condition:
    """Quality of the pictures of a batch.

    Attributes:
        quality: (B,) or (1,), looks up the quality tables.
        level: the quality level, 0..100; for the integer heads.
        deviation: (B, M), deviations of the latents in steps; for the twin's heads.
    """

    quality: Tensor
    level: int = 0
    deviation: Tensor = field(default_factory=lambda: torch.empty(0))
