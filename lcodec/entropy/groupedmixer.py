"""GroupedMixer: group-wise autoregressive transformer entropy model (arXiv 2405.01170).

The latent (M, h, w) is split into ``slices`` channel slices x ``rows * columns`` interleaved
spatial phases. Slices may grow from the first on, as in ELIC (arXiv 2203.10886), since the first
components hold most of the bits. All elements of one group are coded in one step; all phases of
slice 0 come first (spatial first, as eContextformer, arXiv 2306.14287, found better). One
transformer serves all groups: inner-group mixers attend over the positions of one group,
cross-group mixers attend at one position over all groups up to the present one. The keys and values
of the latter are cached, so decoding costs what one parallel pass costs.

Only the paper's abstract was available. We take it to mean: token (g, i, j) is the embedding of the
decoded latents of group g - 1 at coarse position (i, j), plus the hyper features at group g's own
position, plus embeddings of group and quality. Token g thus knows only groups < g, and the inner
mixer needs no mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from lcodec.entropy.attention import CausalAttention, KeyValueCache, WindowAttention
from lcodec.entropy.feedforward import FeedForward
from lcodec.entropy.grouptransformer import GroupState, GroupTransformer
from lcodec.entropy.network import EntropyConfig, Prediction
from lcodec.integer.condition import Condition
from lcodec.integer.kit import ACT, RESIDUAL, Kit, check_attention, check_norm
from lcodec.integer.layout import group_tokens, reordered, ungroup_tokens
from lcodec.modules.typed import Typed, TypedList
from lcodec.nets.transforms import HYPER_STRIDE


@dataclass(frozen=True)
class GroupedMixerConfig(EntropyConfig):
    """Partition and sizes. Base: 2 x 2 x 4 groups, width 192, depth 1.

    ``slice_channels`` are the channels of each slice, if they are not all alike.
    For ablations, ``mixers`` leaves one of the two kinds of mixers out, with its feed-forward
    ("inner" or "cross" keeps only those), and ``channels_first`` codes all slices of a phase
    before the next phase.
    """

    kind: ClassVar[str] = "groupedmixer"
    fourcc: ClassVar[str] = "gmix"

    slices: int = 4
    rows: int = 2
    columns: int = 2
    width: int = 192
    depth: int = 1
    heads: int = 6
    window: int = 8
    expansion: int = 4
    mixers: str = "both"
    channels_first: bool = False
    slice_channels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mixers not in ("both", "inner", "cross"):
            raise ValueError(f"mixers must be both, inner or cross: {self.mixers}")
        if HYPER_STRIDE % self.rows or HYPER_STRIDE % self.columns:
            raise ValueError(f"rows and columns must divide {HYPER_STRIDE}")
        if self.width % self.heads or self.window % 2:
            raise ValueError("heads must divide width, and 2 divide window")
        if not self.slices or (not self.slice_channels and self.latent % self.slices):
            raise ValueError("slices must divide latent")
        if self.slice_channels:
            if len(self.slice_channels) != self.slices or min(self.slice_channels) < 1:
                raise ValueError("slice_channels must have a positive number for each slice")
            if sum(self.slice_channels) != self.latent:
                raise ValueError(f"slice_channels must add up to latent, {self.latent}")
        check_attention(max(self.window**2, self.groups), self.width // self.heads)
        check_norm(self.width)

    def with_latent(self, channels: int) -> Self:
        cut = self.slice_channels
        if cut:  # the last slice grows
            cut = (*cut[:-1], cut[-1] + channels - self.latent)
        return replace(self, latent=channels, slice_channels=cut)

    def to_dict(self) -> dict[str, Any]:
        told = super().to_dict()
        cut = told.pop("slice_channels")  # the first models do not state it: ids depend on that
        return told | ({"slice_channels": list(cut)} if cut else {})

    @property
    def phases(self) -> int:
        return self.rows * self.columns

    @property
    def groups(self) -> int:
        return self.slices * self.phases

    @property
    def slice_widths(self) -> tuple[int, ...]:
        """Channels of each slice."""
        return self.slice_channels or (self.latent // self.slices,) * self.slices

    @property
    def starts(self) -> list[int]:
        """First channel of each slice but the first."""
        return list(accumulate(self.slice_widths[:-1]))

    def slice_of(self, group: int) -> int:
        """Channel slice that a group holds."""
        return group % self.slices if self.channels_first else group // self.phases

    def channels_of(self, part: int) -> slice:
        """Channels of slice ``part``."""
        first = sum(self.slice_widths[:part])
        return slice(first, first + self.slice_widths[part])

    def groups_of(self, part: int) -> slice:
        """Groups that hold channel slice ``part``, in coding order."""
        if self.channels_first:
            return slice(part, None, self.slices)
        return slice(part * self.phases, (part + 1) * self.phases)

    @property
    def sequence(self) -> list[int]:
        """For each group in coding order, its number in slice-by-slice order."""
        numbers = range(self.groups)
        if not self.channels_first:
            return list(numbers)
        return [n % self.slices * self.phases + n // self.slices for n in numbers]

    @property
    def order(self) -> list[int]:
        """Order of the spatial phases: one diagonal after the other, so that the second phase has
        decoded neighbours on four sides at the smallest even distance."""
        cells = [(r, c) for r in range(self.rows) for c in range(self.columns)]
        cells.sort(key=lambda cell: ((cell[0] + cell[1]) % 2, cell))
        return [r * self.columns + c for r, c in cells]


class InnerMixer(Typed[[Tensor], Tensor]):
    """Windowed self-attention over the positions of each group; tokens (B, g, hc, wc, d)."""

    def __init__(self, config: GroupedMixerConfig, shift: int, kit: Kit) -> None:
        super().__init__()
        self.kit = kit
        self.norm = kit.norm(config.width)
        self.qkv = kit.linear(config.width, 3 * config.width, ACT)
        self.attention = WindowAttention(kit, config.heads, config.width, config.window, shift)
        self.project = kit.closing(config.width, config.width)

    def forward(self, stream: Tensor) -> Tensor:
        qkv = self.qkv(self.norm(stream)).flatten(0, 1)
        mixed = self.attention(qkv).view(*stream.shape[:2], *stream.shape[2:])
        return self.kit.add(stream, self.project(mixed))


class CrossMixer(Typed[[Tensor, int, KeyValueCache], Tensor]):
    """Causal attention over groups at each coarse position, with its cache."""

    def __init__(self, config: GroupedMixerConfig, kit: Kit) -> None:
        super().__init__()
        self.kit = kit
        self.heads = config.heads
        self.norm = kit.norm(config.width)
        self.qkv = kit.linear(config.width, 3 * config.width, ACT)
        self.attention = CausalAttention(kit, config.heads, config.width, config.groups)
        self.project = kit.closing(config.width, config.width)

    def forward(self, stream: Tensor, first: int, cache: KeyValueCache) -> Tensor:
        b, g, h, w, d = stream.shape
        qkv = self.qkv(self.norm(stream)).view(b, g, h * w, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(3, 0, 2, 4, 1, 5).flatten(1, 2)
        keys, values = cache.append(k, v)
        mixed = self.attention(q, keys, values, first)  # (B * hw, heads, g, e)
        mixed = mixed.view(b, h * w, self.heads, g, -1).permute(0, 3, 1, 2, 4)
        return self.kit.add(stream, self.project(mixed.reshape(b, g, h, w, d)))


class MixerLayer(Typed[[Tensor, int, KeyValueCache], Tensor]):
    """Inner-group mixer, feed-forward, cross-group mixer, feed-forward."""

    def __init__(self, config: GroupedMixerConfig, shift: int, kit: Kit) -> None:
        super().__init__()
        self.mixers = config.mixers
        if self.mixers != "cross":
            self.inner = InnerMixer(config, shift, kit)
            self.inner_forward = FeedForward(config.width, config.expansion, kit)
        if self.mixers != "inner":
            self.cross = CrossMixer(config, kit)
            self.cross_forward = FeedForward(config.width, config.expansion, kit)

    def forward(self, stream: Tensor, first: int, cache: KeyValueCache) -> Tensor:
        if self.mixers != "cross":
            stream = self.inner_forward(self.inner(stream))
        if self.mixers != "inner":
            stream = self.cross_forward(self.cross(stream, first, cache))
        return stream


@dataclass
class MixerState(GroupState):
    """State whose context is the embedding of the group absorbed last."""

    side: Tensor  # (B, G, hc, wc, d)


class GroupedMixer(GroupTransformer[MixerState]):
    """The transformer over groups; written once, over the layers of a kit (twin or exact)."""

    config: GroupedMixerConfig

    def __init__(self, config: GroupedMixerConfig, kit: Kit) -> None:
        super().__init__(config, kit)
        width = config.width
        self.features = kit.linear(config.hyper_width, config.slices * width, RESIDUAL)
        self.embed = TypedList(kit.embedding(channels, width) for channels in config.slice_widths)
        self.group_table = kit.table(config.groups, width)
        self.quality_table = kit.quality_table(width)
        shifts = [0 if i % 2 == 0 else config.window // 2 for i in range(config.depth)]
        self.layers = TypedList(MixerLayer(config, shift, kit) for shift in shifts)
        self.norm = kit.norm(width)
        self.heads = TypedList(
            kit.head(width, config.channels_of(part)) for part in range(config.slices)
        )

    def group(self, y: Tensor) -> Sequence[Tensor]:
        """(B, M, h, w) -> groups (B, hc, wc, slice width)."""
        groups = [group for part in self._slices(y) for group in part.unbind(1)]
        return [groups[number] for number in self.config.sequence]

    def ungroup(self, groups: Sequence[Tensor], h: int, w: int) -> Tensor:
        parts = range(self.config.slices)
        return self._joined([torch.stack(list(groups[self.config.groups_of(k)]), 1) for k in parts])

    def _slices(self, y: Tensor) -> list[Tensor]:
        """(B, M, h, w) -> the slices, each (B, phases, hc, wc, slice width)."""
        c = self.config
        parts = y.tensor_split(c.starts, dim=1)
        return [group_tokens(part, 1, c.rows, c.columns, c.order) for part in parts]

    def _joined(self, slices: Sequence[Tensor]) -> Tensor:
        """Inverse of `_slices`."""
        c = self.config
        return torch.cat([ungroup_tokens(p, 1, c.rows, c.columns, c.order) for p in slices], 1)

    def _in_order(self, tokens: Tensor) -> Tensor:
        """Tokens (B, G, ...) slice by slice -> in coding order."""
        c = self.config
        return reordered(tokens, 1, c.sequence) if c.channels_first else tokens

    def channels(self, index: int) -> slice:
        return self.config.channels_of(self.config.slice_of(index))

    def side_tokens(self, z_hat: Tensor, quality: Tensor) -> Tensor:
        """The tokens before any latent is decoded, (B, G, hc, wc, d).

        ``z_hat`` (B, hyper, h/4, w/4); ``quality`` (B,).
        """
        c = self.config
        features = self.features(self.synthesis(z_hat)).permute(0, 3, 1, 2)
        tokens = self._in_order(group_tokens(features, c.slices, c.rows, c.columns, c.order))
        tokens = self.kit.add(tokens, self.group_table(slice(None))[None, :, None, None])
        return self.kit.add(tokens, self.quality_table(quality)[:, None, None, None])

    def begin(self, z_hat: Tensor, condition: Condition, cached: bool = True) -> MixerState:
        side = self.side_tokens(z_hat, condition.quality)
        return MixerState(condition, self.new_caches() if cached else None, side)

    def predict(self, state: MixerState) -> Prediction:
        index = state.next_group
        token = state.side[:, index : index + 1]
        if state.context is not None:
            token = self.kit.add(token, state.context)
        out = self.advance_one(state, token, index)
        return self.heads[self.config.slice_of(index)](out, state.condition)

    def absorb(self, state: MixerState, inputs: Tensor) -> None:
        if state.next_group + 1 < self.config.groups:
            embed = self.embed[self.config.slice_of(state.next_group)]
            state.context = embed(inputs[:, None])
        state.next_group += 1

    def parallel(self, z_hat: Tensor, normalised: Tensor, condition: Condition) -> Prediction:
        c = self.config
        tokens = self.side_tokens(z_hat, condition.quality)
        slices = zip(self.embed, self._slices(normalised), strict=True)
        context = self._in_order(torch.cat([embed(part) for embed, part in slices], 1))
        tokens = torch.cat((tokens[:, :1], self.kit.add(tokens[:, 1:], context[:, :-1])), dim=1)
        out = self.advance(tokens, 0, self.new_caches())
        found = [head(out[:, c.groups_of(k)], condition) for k, head in enumerate(self.heads)]
        return self._joined([mean for mean, _ in found]), self._joined([i for _, i in found])
