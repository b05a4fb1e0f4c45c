"""Raster-scan context model (Minnen et al., NeurIPS 2018, arXiv 1809.02736), one position per step.

The model that `checkerboard` replaced, with the same layers: the 5x5 convolution is masked to the
twelve positions before the current one in raster order, and every position, padding of the tile
included, is a group of its own. Coding takes as many steps as a tile has positions. Every step
costs the same: the twelve tokens are read from a grid that keeps them. In training all positions
are computed together.

Our choices: what a neighbour contributes and the parameters network, see
`lcodec.entropy.pointwise`. ``cached`` has no effect here: a token is computed once, when its
position has been coded.
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
from lcodec.integer.layout import neighbourhood

OFFSETS = tuple((r, c) for r in range(-2, 1) for c in range(-2, 3) if (r, c) < (0, 0))
"""The neighbours (row, column) that come before a position, in raster order."""


@dataclass(frozen=True)
class SerialConfig(PointwiseConfig):
    """Sizes; see the base class."""

    kind: ClassVar[str] = "serial"
    fourcc: ClassVar[str] = "serl"


@dataclass
class SerialState(State):
    """State: hyper features, and the tokens of the positions coded so far."""

    side: Tensor  # (B, h, w, width)
    tokens: Tensor  # (B, h + 2, w + 4, width): two rows above, two columns on either side are zero

    @property
    def position(self) -> tuple[int, int]:
        """Row and column of the next group."""
        return divmod(self.next_group, self.side.shape[2])


class Serial(PointwiseNetwork[SerialState]):
    """The network of one step."""

    def __init__(self, config: SerialConfig, kit: Kit) -> None:
        super().__init__(config, kit)
        self.context = MaskedContext(config.latent, config.width, len(OFFSETS), kit)

    def group(self, y: Tensor) -> Sequence[Tensor]:
        """(B, M, h, w) -> h * w groups (B, M)."""
        return y.flatten(2).unbind(2)

    def ungroup(self, groups: Sequence[Tensor], h: int, w: int) -> Tensor:
        return torch.stack(list(groups), 2).view(*groups[0].shape, h, w)

    def begin(self, z_hat: Tensor, condition: Condition, cached: bool = True) -> SerialState:
        side = self.side(z_hat, condition)
        b, h, w, width = side.shape
        return SerialState(condition, side, side.new_zeros(b, h + 2, w + 4, width))

    def predict(self, state: SerialState) -> Prediction:
        row, column = state.position
        window = state.tokens[:, row : row + 3, column : column + 5].flatten(1, 2)
        near = window[:, : len(OFFSETS)].flatten(1)  # the rest lies ahead
        stream = self.context(state.side[:, row, column], near)
        return self.parameters_of(stream, state.condition)

    def absorb(self, state: SerialState, inputs: Tensor) -> None:
        row, column = state.position
        token = self.context.tokens(state.side[:, row, column], inputs)
        state.tokens[:, row + 2, column + 2] = token
        state.next_group += 1

    def parallel(self, z_hat: Tensor, normalised: Tensor, condition: Condition) -> Prediction:
        side = self.side(z_hat, condition)
        tokens = self.context.tokens(side, normalised.permute(0, 2, 3, 1))
        stream = self.context(side, neighbourhood(tokens, OFFSETS))
        mean, index = self.parameters_of(stream, condition)
        return mean.permute(0, 3, 1, 2), index.permute(0, 3, 1, 2)
