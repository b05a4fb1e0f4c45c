"""Quality levels 0..100, their Lagrange multipliers, and tables interpolated between anchors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lcodec.format import QUALITY_LEVELS, QUALITY_MAX
from lcodec.modules.typed import Typed

LAMBDA_MIN = 0.0008
LAMBDA_MAX = 0.24


def quality_lambda(quality: float) -> float:
    """Lagrange multiplier of ``bpp + lambda * 255^2 * MSE`` at ``quality`` in 0..100."""
    ratio = LAMBDA_MAX / LAMBDA_MIN
    return float(LAMBDA_MIN * ratio ** (quality / QUALITY_MAX))


class QualityTable(Typed[[Tensor], Tensor]):
    """A learned vector per anchor quality, linearly interpolated between anchors.

    The anchors are evenly spaced over the quality levels, that is over log lambda, so one
    table of a few rows serves all 101 levels (gain units: Cui et al., arXiv 2003.02012).

    ``scale`` (101,) holds the quality that each level of a file stands for; None where both are
    the same.
    """

    def __init__(self, anchors: int, width: int, initial: Tensor | float = 0.0) -> None:
        super().__init__()
        values = torch.empty(anchors, width, dtype=torch.float32)
        values[:] = initial
        self.values = nn.Parameter(values)
        self.scale: Tensor | None = None

    def forward(self, quality: Tensor) -> Tensor:
        """Vectors (B, width) for qualities (B,), each in 0..100."""
        last = self.values.shape[0] - 1
        position = quality.to(self.values.dtype) * (last / QUALITY_MAX)
        lower = position.floor().clamp(max=last - 1)
        weight = (position - lower).unsqueeze(-1)
        index = lower.long()
        return torch.lerp(self.values[index], self.values[index + 1], weight)

    def levels(self) -> Tensor:
        """The vectors of all quality levels of a file, float64 (101, width), without gradient."""
        scale = torch.arange(QUALITY_LEVELS) if self.scale is None else self.scale
        return self(scale.float().to(self.values.device)).detach().double()

    def fit_levels(self, rows: Tensor) -> None:
        """Fit the anchors to ``rows`` (101, width) by least squares."""
        basis = QualityTable(len(self.values), len(self.values))
        basis.scale = self.scale
        with torch.no_grad():
            basis.values.copy_(torch.eye(len(self.values)))
            nearest = torch.linalg.lstsq(basis.levels(), rows.double()).solution
            self.values.copy_(nearest.float())
