"""Hyperprior alone: every latent from the hyper-latent, without context (arXiv 1802.01436).

Mean and scale, as in arXiv 1809.02736, section 3. All latents are one group. This is the floor
that the context models are measured against. The parameters network behind the hyper-synthesis is
that of `checkerboard`, so that the two differ in the context alone; the papers have none.
``cached`` has no effect here: nothing is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lcodec.entropy.network import Prediction, State
from lcodec.entropy.pointwise import PointwiseConfig, PointwiseNetwork
from lcodec.integer.condition import Condition


@dataclass(frozen=True)
class HyperpriorConfig(PointwiseConfig):
    """Sizes; see the base class."""

    kind: ClassVar[str] = "hyperprior"
    fourcc: ClassVar[str] = "hypr"


@dataclass
class HyperpriorState(State):
    """State: hyper features."""

    side: Tensor  # (B, h, w, width)


class Hyperprior(PointwiseNetwork[HyperpriorState]):
    """The network without context."""

    def group(self, y: Tensor) -> Sequence[Tensor]:
        """(B, M, h, w) -> one group (B, h, w, M)."""
        return [y.permute(0, 2, 3, 1)]

    def ungroup(self, groups: Sequence[Tensor], h: int, w: int) -> Tensor:
        return groups[0].permute(0, 3, 1, 2)

    def begin(self, z_hat: Tensor, condition: Condition, cached: bool = True) -> HyperpriorState:
        return HyperpriorState(condition, self.side(z_hat, condition))

    def predict(self, state: HyperpriorState) -> Prediction:
        return self.parameters_of(state.side, state.condition)

    def absorb(self, state: HyperpriorState, inputs: Tensor) -> None:
        state.next_group += 1
