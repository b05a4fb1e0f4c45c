"""An entropy network on the parse path: integers in, means and scale indices out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lcodec.entropy.interface import Symbols
from lcodec.entropy.network import EntropyConfig, EntropyNetwork, Prediction, State
from lcodec.entropy.registry import make_network
from lcodec.errors import WeightsError
from lcodec.format import QUALITY_LEVELS
from lcodec.integer import profile as P
from lcodec.integer.carriers import Carrier
from lcodec.integer.check import check_finite, check_layers, check_range
from lcodec.integer.condition import Condition
from lcodec.integer.exact import ExactKit
from lcodec.integer.prepared import prepare_all


class IntegerEntropyModel(nn.Module):
    """`EntropyModel` over an integer network.

    With ``cached=False`` every step recomputes what it needs of the groups before it, for
    comparison; the integers are the same.
    """

    prior_mean: Tensor
    prior_index: Tensor
    latent_multiplier: Tensor

    def __init__(self, config: EntropyConfig, carrier: Carrier, cached: bool = True) -> None:
        super().__init__()
        self.config = config
        self.fourcc = config.fourcc
        self.carrier = carrier
        self.cached = cached
        self.kit = ExactKit(carrier)
        self.network: EntropyNetwork[State] = make_network(config, self.kit)
        hyper = (QUALITY_LEVELS, config.hyper_latent)
        self.register_buffer("prior_mean", torch.zeros(hyper, dtype=torch.int32))
        self.register_buffer("prior_index", torch.zeros(hyper, dtype=torch.uint8))
        # float32 whatever default type the program has set in torch.
        latents = torch.zeros(QUALITY_LEVELS, config.latent, dtype=torch.float32)
        self.register_buffer("latent_multiplier", latents)

    def load(self, tensors: dict[str, Tensor], device: torch.device) -> None:
        """Load exported integers (strictly), check them, and prepare the layers.

        Raises:
            RuntimeError: tensors are missing, unknown, or of another shape.
            WeightsError: a tensor is of another type, or breaks a bound of the format.
        """
        own = dict(self.named_buffers())
        for name, tensor in tensors.items():
            if name in own and tensor.dtype != own[name].dtype:
                raise WeightsError(f"{name}: of type {tensor.dtype}, not {own[name].dtype}")
        self.load_state_dict(tensors, strict=True)
        check_layers(self)
        check_range("prior_index", self.prior_index, 0, P.SCALE_LEVELS - 1)
        check_finite("latent_multiplier", self.latent_multiplier)
        self.to(device).eval()
        prepare_all(self)

    def prior(self, quality: int) -> tuple[Symbols, Symbols]:
        mean = self.prior_mean[quality].cpu().numpy().astype(np.int32)
        return mean, self.prior_index[quality].cpu().numpy().astype(np.int32)

    def group(self, y: Tensor) -> Sequence[Tensor]:
        return self.network.group(y)

    def ungroup(self, groups: Sequence[Tensor], h: int, w: int) -> Tensor:
        return self.network.ungroup(groups, h, w)

    def begin(self, z_hat: Tensor, quality: int) -> State:
        level = torch.tensor([quality], device=z_hat.device)
        return self.network.begin(z_hat, Condition(level, quality), self.cached)

    def predict(self, state: State) -> Prediction:
        return self.network.predict(state)

    def predict_all(self, z_hat: Tensor, y: Tensor, quality: int) -> Prediction:
        """Means and scale indices of all latents ``y`` (B, M, h, w), two of that shape.

        The same integers as from `predict` group by group, but in one pass.
        """
        level = torch.tensor([quality], device=z_hat.device)
        last = self.kit.latent_input(y.permute(0, 2, 3, 1), self.latent_multiplier[level])
        known = last.permute(0, 3, 1, 2)
        return self.network.parallel(z_hat, known, Condition(level, quality))

    def absorb(self, state: State, symbols: Tensor) -> None:
        channels = self.network.channels(state.next_group)
        multiplier = self.latent_multiplier[state.condition.level, channels]
        self.network.absorb(state, self.kit.latent_input(symbols, multiplier))
