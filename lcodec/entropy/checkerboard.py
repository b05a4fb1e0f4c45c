"""Checkerboard context model in two passes (He et al., CVPR 2021, arXiv 2103.15306).

The anchors, the positions of even row + column, are coded from the hyperprior alone. The others
then see the twelve anchors within a 5x5 window, by a convolution masked to them. Parameters are
computed per position from hyper features and context. One parameters network serves both passes,
the context of anchors being zero, as in the paper.

Our choices: which colour holds the anchors (the paper's figure could be either), what a neighbour
contributes (see `MaskedContext`), and a parameters network of residual feed-forwards, about as
costly as the 1x1 convolutions to 640, 512 and 2M channels used with ELIC (arXiv 2203.10886).
``cached`` has no effect here: the anchors are used once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lcodec.entropy.network import Prediction, State
from lcodec.entropy.pointwise import MaskedContext, PointwiseConfig, PointwiseNetwork
from lcodec.integer.condition import Condition
from lcodec.integer.kit import Kit
from lcodec.integer.layout import checker_latents, checker_neighbours, checker_tokens

OFFSETS = tuple((r, c) for r in range(-2, 3) for c in range(-2, 3) if (r + c) % 2)
"""Offsets (row, column) of the anchors around a position that is not one, in raster order."""


@dataclass(frozen=True)
class CheckerboardConfig(PointwiseConfig):
    """Sizes; see the base class."""

    kind: ClassVar[str] = "checkerboard"
    fourcc: ClassVar[str] = "chkb"


@dataclass
class CheckerboardState(State):
    """State: hyper features of both passes, and residuals of the second."""

    side: Tensor  # (B, 2, h, w/2, width), anchors first
    others: Tensor | None = None  # residuals of the second pass, once the anchors are known


class Checkerboard(PointwiseNetwork[CheckerboardState]):
    """The network of both passes."""

    def __init__(self, config: CheckerboardConfig, kit: Kit) -> None:
        super().__init__(config, kit)
        self.context = MaskedContext(config.latent, config.width, len(OFFSETS), kit)

    def group(self, y: Tensor) -> Sequence[Tensor]:
        """(B, M, h, w) -> two groups (B, h, w/2, M)."""
        return checker_tokens(y, 1).unbind(1)

    def ungroup(self, groups: Sequence[Tensor], h: int, w: int) -> Tensor:
        return checker_latents(torch.stack(list(groups), 1), 1)

    def second_pass(self, side: Tensor, anchors: Tensor) -> Tensor:
        """Residuals of the others (B, h, w/2, width).

        ``side`` (B, 2, h, w/2, width); ``anchors`` (B, h, w/2, M), in units of the deviations.
        """
        b, h, half, width = side[:, 0].shape
        tokens = self.context.tokens(side[:, 0], anchors).flatten(1, 2)
        index, inside = checker_neighbours(h, 2 * half, OFFSETS, side.device)
        near = tokens[:, index] * inside[..., None]  # (B, h * w / 2, taps, width)
        return self.context(side[:, 1], near.view(b, h, half, len(OFFSETS) * width))

    def begin(self, z_hat: Tensor, condition: Condition, cached: bool = True) -> CheckerboardState:
        side = checker_tokens(self.side(z_hat, condition).permute(0, 3, 1, 2), 1)
        return CheckerboardState(condition, side)

    def predict(self, state: CheckerboardState) -> Prediction:
        stream = state.side[:, 0] if state.others is None else state.others
        return self.parameters_of(stream, state.condition)

    def absorb(self, state: CheckerboardState, inputs: Tensor) -> None:
        if state.others is None:
            state.others = self.second_pass(state.side, inputs)
        state.next_group += 1

    def parallel(self, z_hat: Tensor, normalised: Tensor, condition: Condition) -> Prediction:
        side = checker_tokens(self.side(z_hat, condition).permute(0, 3, 1, 2), 1)
        others = self.second_pass(side, self.group(normalised)[0])
        mean, index = self.parameters_of(torch.stack((side[:, 0], others), 1), condition)
        return checker_latents(mean, 1), checker_latents(index, 1)
