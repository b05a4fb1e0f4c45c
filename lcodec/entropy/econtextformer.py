"""eContextformer: windowed spatio-channel attention as entropy model (arXiv 2306.14287).

Koyuncu et al., "Efficient Contextformer", IEEE TCSVT 34(8), 2024. The latent (M, h, w) is split
into ``segments`` channel segments x the two colours of a checkerboard. Groups are coded spatial
first: both colours of segment 0, then of segment 1, ... Rearranged (EGR), they are a grid of
(groups, h, w / 2) tokens. Layers alternate windowed and shifted-window attention over all groups up
to the query's own; their keys and values are cached. The tokens of group g, its embedded latents,
predict group g + 1. The first group comes from the hyperprior alone (SFG), so there is one fewer
context pass than groups. The features of the hyper-synthesis skip the attention and join the
context in the entropy-parameters network, the same ones for every segment.

From the paper: the above, window 8, 8 layers, expansion 4, 6 heads. Ours, where it leaves things
open or where this codec differs:

- One logistic distribution instead of a mixture of three Gaussians, as for all models here.
- Width 192 (the paper: 384) for 384 latent channels. With 8 layers that is 58 kMAC/pixel without
  the hyper-synthesis (53.8 of it in the layers, 5.4 of these in the attention), as much as
  GroupedMixer Base (57). With 4 layers it is 31.
- Each segment has its own embedding, each group a learned vector: one network serves all groups
  and, from relative positions alone, could not tell which one it predicts.
- The position bias is learned per head, offset in rows and columns, and distance in segments. It
  goes from the key to the latent that the query predicts, on the latents' own grid: on the
  rearranged grid the same step means different distances for the two colours and in odd rows.
- Each segment has its own entropy-parameters network of three layers, and so has the first group.
  With one set of weights for all qualities, vectors per quality are added to tokens and features.
- Pre-norm blocks with a rectifier; windows at the edges are smaller, nothing wraps around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lcodec.entropy.attention import KeyValueCache, SpatioChannelAttention
from lcodec.entropy.feedforward import FeedForward
from lcodec.entropy.grouptransformer import GroupState, GroupTransformer
from lcodec.entropy.network import EntropyConfig, Prediction
from lcodec.integer.condition import Condition
from lcodec.integer.kit import ACT, RELU, RESIDUAL, Kit, check_attention, check_norm
from lcodec.integer.layout import checker_latents, checker_tokens
from lcodec.modules.typed import Typed, TypedList


@dataclass(frozen=True)
class EContextformerConfig(EntropyConfig):
    """Partition and sizes. Default: 4 segments x 2 colours, width 192, depth 8."""

    kind: ClassVar[str] = "econtextformer"
    fourcc: ClassVar[str] = "ectx"

    segments: int = 4
    width: int = 192
    depth: int = 8
    heads: int = 6
    window: int = 8
    expansion: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.latent % self.segments or self.width % self.heads or self.window % 4:
            raise ValueError("segments must divide latent, heads divide width, 4 divide window")
        keys = (self.groups - 1) * self.window**2 // 2
        check_attention(keys, self.width // self.heads)
        check_norm(self.width)

    @property
    def groups(self) -> int:
        return 2 * self.segments

    @property
    def segment_width(self) -> int:
        return self.latent // self.segments

    def channels_of(self, segment: int) -> slice:
        """Channels of a segment."""
        return slice(segment * self.segment_width, (segment + 1) * self.segment_width)


class ContextLayer(Typed[[Tensor, int, KeyValueCache], Tensor]):
    """Spatio-channel attention and feed-forward; tokens (B, g, h, w/2, d) of groups first.. ."""

    def __init__(self, config: EContextformerConfig, shifted: bool, kit: Kit) -> None:
        super().__init__()
        c, self.kit = config, kit
        self.norm = kit.norm(c.width)
        self.qkv = kit.linear(c.width, 3 * c.width, ACT)
        self.attention = SpatioChannelAttention(
            kit, c.heads, c.width, c.window, c.segments, shifted
        )
        self.project = kit.closing(c.width, c.width)
        self.feed_forward = FeedForward(c.width, c.expansion, kit)

    def forward(self, stream: Tensor, first: int, cache: KeyValueCache) -> Tensor:
        mixed = self.attention(self.qkv(self.norm(stream)), first, cache)
        return self.feed_forward(self.kit.add(stream, self.project(mixed)))


class EntropyParameters(Typed[[Tensor, Condition], Prediction]):
    """Hyper features and, if any, context of a group -> its means and scale indices."""

    def __init__(self, config: EContextformerConfig, segment: int, inputs: int, kit: Kit) -> None:
        super().__init__()
        width = config.width
        self.enter = kit.linear(inputs, 2 * width, RELU)
        self.hidden = kit.linear(2 * width, width, RELU)
        self.head = kit.head(width, config.channels_of(segment))

    def forward(self, x: Tensor, condition: Condition) -> Prediction:
        """(B, ..., h, w/2, inputs) -> two (B, ..., h, w/2, segment width)."""
        return self.head(self.hidden(self.enter(x)), condition)


@dataclass
class ContextState(GroupState):
    """State whose context (B, h, w/2, d) is for the next group."""

    features: Tensor  # (B, 2, h, w/2, d), of each colour


class EContextformer(GroupTransformer[ContextState]):
    """The transformer over groups; written once, over the layers of a kit (twin or exact)."""

    config: EContextformerConfig

    def __init__(self, config: EContextformerConfig, kit: Kit) -> None:
        super().__init__(config, kit)
        width = config.width
        self.features = kit.linear(config.hyper_width, width, RESIDUAL)
        self.feature_quality_table = kit.quality_table(width)
        self.feature_norm = kit.norm(width)
        self.embed = TypedList(
            kit.embedding(config.segment_width, width) for _ in range(config.segments)
        )
        self.group_table = kit.table(config.groups - 1, width)
        self.quality_table = kit.quality_table(width)
        self.layers = TypedList(
            ContextLayer(config, index % 2 == 1, kit) for index in range(config.depth)
        )
        self.norm = kit.norm(width)
        self.first_parameters = EntropyParameters(config, 0, width, kit)
        self.segment_parameters = TypedList(
            EntropyParameters(config, segment, 2 * width, kit) for segment in range(config.segments)
        )

    def group(self, y: Tensor) -> Sequence[Tensor]:
        """(B, M, h, w) -> groups (B, h, w/2, segment width)."""
        return checker_tokens(y, self.config.segments).unbind(1)

    def ungroup(self, groups: Sequence[Tensor], h: int, w: int) -> Tensor:
        return checker_latents(torch.stack(list(groups), 1), self.config.segments)

    def channels(self, index: int) -> slice:
        return self.config.channels_of(index // 2)

    def hyper_features(self, z_hat: Tensor, quality: Tensor) -> Tensor:
        """Activations (B, 2, h, w/2, d) at the positions of each colour.

        ``z_hat`` (B, hyper, h/4, w/4); ``quality`` (B,).
        """
        stream = self.features(self.synthesis(z_hat))
        stream = self.kit.add(stream, self.feature_quality_table(quality)[:, None, None])
        return checker_tokens(self.feature_norm(stream).permute(0, 3, 1, 2), 1)

    def embed_groups(self, groups: Tensor, first: int, quality: Tensor) -> Tensor:
        """Tokens of decoded groups first.. (B, g, h, w/2, segment width)."""
        stop = first + groups.shape[1]
        parts = [self.embed[g // 2](groups[:, g - first]) for g in range(first, stop)]
        rows = self.group_table(slice(first, stop))[None, :, None, None]
        tokens = self.kit.add(torch.stack(parts, 1), rows)
        return self.kit.add(tokens, self.quality_table(quality)[:, None, None, None])

    def begin(self, z_hat: Tensor, condition: Condition, cached: bool = True) -> ContextState:
        features = self.hyper_features(z_hat, condition.quality)
        return ContextState(condition, self.new_caches() if cached else None, features)

    def predict(self, state: ContextState) -> Prediction:
        segment, colour = divmod(state.next_group, 2)
        features = state.features[:, colour]
        if state.context is None:
            return self.first_parameters(features, state.condition)
        both = torch.cat((state.context, features), dim=-1)
        return self.segment_parameters[segment](both, state.condition)

    def absorb(self, state: ContextState, inputs: Tensor) -> None:
        index = state.next_group
        state.next_group += 1
        if state.next_group == self.config.groups:
            return
        tokens = self.embed_groups(inputs[:, None], index, state.condition.quality)
        state.context = self.advance_one(state, tokens, index)

    def parallel(self, z_hat: Tensor, normalised: Tensor, condition: Condition) -> Prediction:
        features = self.hyper_features(z_hat, condition.quality)
        known = checker_tokens(normalised, self.config.segments)[:, :-1]
        tokens = self.embed_groups(known, 0, condition.quality)
        context = self.advance(tokens, 0, self.new_caches())  # of groups 1..
        mean, index = self.first_parameters(features[:, :1], condition)
        means, indices = [mean], [index]
        for segment, parameters in enumerate(self.segment_parameters):
            start = max(1, 2 * segment)
            own = features[:, start - 2 * segment :]
            part = context[:, start - 1 : 2 * segment + 1]
            mean, index = parameters(torch.cat((part, own), dim=-1), condition)
            means.append(mean)
            indices.append(index)
        return (
            checker_latents(torch.cat(means, 1), self.config.segments),
            checker_latents(torch.cat(indices, 1), self.config.segments),
        )
