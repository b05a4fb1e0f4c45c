"""Base of the networks of all entropy models.

A network is written once, over the layers of a kit: `TwinKit` trains it, `ExactKit` runs it in
integers. It codes the latents group by group and never sees coders, files or symbols out of range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Generic, Self, TypeVar

from torch import Tensor, nn

from lcodec.entropy.hyper import HyperSynthesis, HyperSynthesisConfig
from lcodec.integer.condition import Condition
from lcodec.integer.kit import Kit, check_norm
from lcodec.modules.defaults import ANCHORS, HYPER_LATENT, LATENT


@dataclass(frozen=True)
class EntropyConfig:
    """Sizes that every entropy model has; each adds its own.

    Attributes:
        latent, hyper_latent: channels of y and of z.
        hyper_width: channels of the hyper-synthesis.
        anchors: rows of the tables that are interpolated over the quality.
    """

    kind: ClassVar[str]
    fourcc: ClassVar[str]

    latent: int = LATENT
    hyper_latent: int = HYPER_LATENT
    hyper_width: int = 192
    anchors: int = ANCHORS

    def __post_init__(self) -> None:
        """Reject sizes that do not fit together, or for which sums would not be exact.

        Raises:
            ValueError: naming the sizes.
        """
        check_norm(self.hyper_width)

    def with_latent(self, channels: int) -> Self:
        """The same sizes for another number of channels of y.

        Raises:
            ValueError: they do not fit together.
        """
        return replace(self, latent=channels)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return asdict(self)


@dataclass
class State:
    """State of a network while it codes tiles; each adds its own fields."""

    condition: Condition
    next_group: int = field(default=0, init=False)


StateT = TypeVar("StateT", bound=State)
Prediction = tuple[Tensor, Tensor]
"""Means and scale indices, as a head of the kit gives them; see `lcodec.integer.kit.Head`."""


class EntropyNetwork(nn.Module, Generic[StateT]):
    """Base of all entropy networks.

    The parse path calls `begin`, then for each group `predict` and `absorb`. Groups are what
    `group` makes of the latents; group ``g`` holds the channels ``channels(g)`` in its last axis,
    and need not have as many as others. The number of groups may depend on the grid, whose sides
    are multiples of 4.
    """

    config: EntropyConfig

    def __init__(self, config: EntropyConfig, kit: Kit) -> None:
        super().__init__()
        self.config = config
        self.kit = kit
        hyper = HyperSynthesisConfig(config.hyper_latent, config.hyper_width)
        self.synthesis = HyperSynthesis(hyper, kit)

    def group(self, y: Tensor) -> Sequence[Tensor]:
        """(B, M, h, w) -> the groups in coding order, each (B, ..., channels of the group)."""
        raise NotImplementedError

    def ungroup(self, groups: Sequence[Tensor], h: int, w: int) -> Tensor:
        """Inverse of `group`: (B, M, h, w)."""
        raise NotImplementedError

    def channels(self, index: int) -> slice:
        """Channels of the latents that group ``index`` holds."""
        raise NotImplementedError

    def begin(self, z_hat: Tensor, condition: Condition, cached: bool = True) -> StateT:
        """State before the first group; ``z_hat`` (B, hyper, h/4, w/4).

        With ``cached=False`` every step recomputes what it needs of earlier groups; the integers
        are the same.
        """
        raise NotImplementedError

    def predict(self, state: StateT) -> Prediction:
        """Mean and scale index of the next group, two (B, ..., channels)."""
        raise NotImplementedError

    def absorb(self, state: StateT, inputs: Tensor) -> None:
        """Take the next group, (B, ..., channels) in units of the deviations, and move past it."""
        raise NotImplementedError

    def parallel(self, z_hat: Tensor, normalised: Tensor, condition: Condition) -> Prediction:
        """Means (in steps) and scale indices of all groups, for training: two (B, M, h, w).

        ``normalised`` (B, M, h, w): the latents in units of their deviations. Networks that can
        compute all groups in one pass override this.
        """
        state = self.begin(z_hat, condition)
        means, indices = [], []
        for inputs in self.group(normalised):
            mean, index = self.predict(state)
            means.append(mean)
            indices.append(index)
            self.absorb(state, inputs)
        h, w = normalised.shape[2:]
        return (
            self.ungroup(means, h, w),
            self.ungroup(indices, h, w),
        )
