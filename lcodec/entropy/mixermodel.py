"""GroupedMixer on the parse path: stepwise prediction with cached keys and values."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from lcodec.entropy.groupedmixer import CrossCache, GroupedMixer, GroupedMixerConfig
from lcodec.entropy.interface import Symbols
from lcodec.nets.integer import profile as P
from lcodec.nets.integer.carriers import Carrier
from lcodec.nets.integer.exact import ExactKit, prepare_all, rescale
from lcodec.nets.quality import QUALITY_MAX

LEVELS = QUALITY_MAX + 1


@dataclass
class MixerState:
    """What the model remembers of the tiles it is coding."""

    quality: int
    side: Tensor  # (B, G, hc, wc, d)
    caches: list[CrossCache]
    tokens: list[Tensor] = field(default_factory=list)  # only without the cache
    context: Tensor | None = None  # embedding of the group absorbed last
    next_group: int = 0


class GroupedMixerModel(nn.Module):
    """`EntropyModel` over an integer `GroupedMixer`.

    With ``cached=False`` every step recomputes all groups before it; the integers are the same,
    the time about (G + 1) / 2 times as long.
    """

    fourcc = "gmix"
    prior_mean: Tensor
    prior_index: Tensor
    latent_multiplier: Tensor

    def __init__(self, config: GroupedMixerConfig, carrier: Carrier, cached: bool = True) -> None:
        super().__init__()
        self.config = config
        self.carrier = carrier
        self.cached = cached
        self.groups = config.groups
        self.mixer = GroupedMixer(config, ExactKit(carrier, LEVELS))
        hyper = (LEVELS, config.hyper_latent)
        self.register_buffer("prior_mean", torch.zeros(hyper, dtype=torch.int32))
        self.register_buffer("prior_index", torch.zeros(hyper, dtype=torch.uint8))
        self.register_buffer("latent_multiplier", torch.zeros(LEVELS, config.latent))

    def load(self, tensors: dict[str, Tensor], device: torch.device) -> None:
        """Load exported integers (strictly) and prepare the layers."""
        self.load_state_dict(tensors, strict=True)
        self.to(device).eval()
        prepare_all(self)

    def prior(self, quality: int) -> tuple[Symbols, Symbols]:
        mean = self.prior_mean[quality].cpu().numpy().astype(np.int32)
        return mean, self.prior_index[quality].cpu().numpy().astype(np.int32)

    def group(self, y: Tensor) -> Tensor:
        return self.mixer.group(y)

    def ungroup(self, groups: Tensor) -> Tensor:
        return self.mixer.ungroup(groups)

    def begin(self, z_hat: Tensor, quality: int) -> MixerState:
        level = torch.tensor([quality], device=z_hat.device)
        return MixerState(quality, self.mixer.side_tokens(z_hat, level), self.mixer.new_caches())

    def predict(self, state: MixerState) -> tuple[Tensor, Tensor]:
        index = state.next_group
        token = state.side[:, index : index + 1]
        if state.context is not None:
            token = self.mixer.kit.add(token, state.context)
        if self.cached:
            out = self.mixer.advance(token, index, state.caches)
        else:
            state.tokens.append(token)
            out = self.mixer.advance(torch.cat(state.tokens, 1), 0, self.mixer.new_caches())
        head = self.mixer.heads[index // self.config.phases]
        mean, scale = head(out[:, -1], state.quality)
        return mean, scale

    def absorb(self, state: MixerState, symbols: Tensor) -> None:
        index = state.next_group
        state.next_group = index + 1
        if state.next_group == self.groups:
            return
        first = index // self.config.phases * self.config.slice_width
        multiplier = self.latent_multiplier[state.quality, first : first + self.config.slice_width]
        inputs = rescale(symbols, multiplier, -P.LATENT_LIMIT, P.LATENT_LIMIT, self.carrier.dtype)
        state.context = self.mixer.embed_groups(inputs[:, None], index)
