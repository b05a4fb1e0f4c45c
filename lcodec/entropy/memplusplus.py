"""MEM++, the multi-reference entropy model of MLIC++ (Jiang et al., arXiv 2307.15421).

The latent is cut into ``slices`` channel slices, each coded in two passes over a checkerboard.
Every latent is predicted from the hyper features, from earlier slices around it (channel context)
and across the picture (inter-slice global context); the second pass also from the first one, around
it (local context, attention in a 5x5 window) and across the picture (intra-slice global context).
Global attention takes time and memory linear in the picture: keys are softmaxed over positions,
queries over channels.

Where this differs from the paper:
- Contexts add to one residual stream per slice rather than being concatenated; feed-forwards on it
  take the place of the 1x1 convolutions that join them.
- Keys and values of a slice for the inter-slice context are made once, when it is decoded, and
  serve all later slices; queries come from the stream of the slice being predicted. In the paper,
  each slice makes keys, values and queries anew from all earlier slices. The queries of the local
  attention come from the stream, too.
- The convolutions after the attentions are 1x1, not 5x5.
- No latent residual prediction: latents stay whole numbers, the same for all entropy models.
- One logistic in place of a Gaussian. The first pass has the even positions (row + column).
- 8 slices of 48 channels in place of 10 of 32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from lcodec.entropy.contexts import (
    NINE,
    ChannelContext,
    InterSliceContext,
    IntraSliceContext,
    LocalContext,
    SliceMemory,
    checkerboard_offsets,
)
from lcodec.entropy.feedforward import FeedForward
from lcodec.entropy.network import EntropyConfig, EntropyNetwork, Prediction, State
from lcodec.integer import profile as P
from lcodec.integer.condition import Condition
from lcodec.integer.kit import RESIDUAL, Kit, check_attention, check_norm
from lcodec.integer.layout import checker_latents, checker_tokens
from lcodec.modules.typed import Typed, TypedList


@dataclass(frozen=True)
class MemPlusPlusConfig(EntropyConfig):
    """Partition and sizes. The defaults: 16 steps, 39 kMAC/px, 15.6 M parameters.

    Attributes:
        width: channels of the residual stream.
        depth, expansion: feed-forwards in each pass of each slice, and their widening.
        code: channels of a decoded slice, for the contexts.
        hidden: channels between the two convolutions of the channel context.
        heads, head_width: of the local and the intra-slice attention; the inter-slice attention
            has one head of this width for each earlier slice.
        window: edge of the local attention's window.
    """

    kind: ClassVar[str] = "memplusplus"
    fourcc: ClassVar[str] = "memp"

    slices: int = 8
    width: int = 192
    depth: int = 2
    expansion: int = 4
    code: int = 32
    hidden: int = 192
    heads: int = 2
    head_width: int = 32
    window: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.slices < 1 or self.latent % self.slices:
            raise ValueError("slices must divide latent")
        if self.window < 3 or self.window % 2 == 0:
            raise ValueError("the window's edge must be odd, and at least 3")
        earlier = self.slices - 1
        widest = max(self.width, self.code, self.head_width * max(self.heads, earlier))
        check_norm(widest)
        taps = len(NINE) * max(self.hidden, earlier * self.code)
        if taps * P.WEIGHT_LIMIT * P.ACT_LIMIT >= P.FLOAT32_EXACT:
            raise ValueError(f"convolutions over {taps} products are not exact")
        check_attention(len(checkerboard_offsets(self.window)), self.head_width)

    @property
    def groups(self) -> int:
        return 2 * self.slices

    @property
    def slice_width(self) -> int:
        return self.latent // self.slices

    def channels_of(self, index: int) -> slice:
        """Channels of slice ``index``."""
        return slice(index * self.slice_width, (index + 1) * self.slice_width)


class EntropyParameters(Typed[[Tensor, Condition], Prediction]):
    """Feed-forwards on the stream of one pass of one slice, then mean and scale index."""

    def __init__(self, config: MemPlusPlusConfig, index: int, kit: Kit) -> None:
        super().__init__()
        self.mix = TypedList(
            FeedForward(config.width, config.expansion, kit) for _ in range(config.depth)
        )
        self.norm = kit.norm(config.width)
        self.head = kit.head(config.width, config.channels_of(index))

    def forward(self, stream: Tensor, condition: Condition) -> Prediction:
        for block in self.mix:
            stream = block(stream)
        return self.head(self.norm(stream), condition)


@dataclass
class Context:
    """Context from the groups decoded so far.

    Attributes:
        codes: (B, h, w, code) of each decoded slice.
        memories: of each decoded slice, see `SliceMemory`.
        before: both halves of the last of ``codes``, (B, h, w/2, code) each.
        anchors: (B, h, w/2, code) of the slice whose first pass is decoded.
        stream: the part of the current slice's stream that both passes share, in halves (B, h,
            w/2, width); None before the slice's first prediction.
    """

    codes: list[Tensor] = field(default_factory=list)
    memories: list[Tensor] = field(default_factory=list)
    before: tuple[Tensor, Tensor] | None = None
    anchors: Tensor | None = None
    stream: tuple[Tensor, Tensor] | None = None


@dataclass
class MemState(State):
    """State: hyper features, quality vectors and the context so far."""

    features: Tensor  # (B, h, w, slices * width)
    quality: Tensor  # (B, width), or (1, width) for all
    context: Context | None  # None: recomputed at each step
    inputs: list[Tensor] = field(default_factory=list)  # only without the context


def _halves(grid: Tensor) -> tuple[Tensor, Tensor]:
    """(B, h, w, C) -> (B, h, w/2, C) of parity 0, and of parity 1."""
    anchors, others = checker_tokens(grid.permute(0, 3, 1, 2), 1).unbind(1)
    return anchors, others


def _joined(halves: tuple[Tensor, Tensor]) -> Tensor:
    """Inverse of `_halves`."""
    return checker_latents(torch.stack(halves, dim=1), 1).permute(0, 2, 3, 1)


class MemPlusPlus(EntropyNetwork[MemState]):
    """The network; group ``2 * k + p`` is slice ``k`` at the positions of parity ``p``."""

    config: MemPlusPlusConfig

    def __init__(self, config: MemPlusPlusConfig, kit: Kit) -> None:
        super().__init__(config, kit)
        c = config
        self.features = kit.linear(c.hyper_width, c.slices * c.width, RESIDUAL)
        self.quality_table = kit.quality_table(c.width)
        every, later = range(c.slices), range(1, c.slices)
        self.embed = TypedList(kit.embedding(c.slice_width, c.code) for _ in every)
        self.norm = kit.norm(c.code)
        self.memory = TypedList(SliceMemory(c.code, c.head_width, kit) for _ in later)
        # Lists over the slices from the second on: entry k - 1 is of slice k.
        self.channel = TypedList(ChannelContext(k, c.code, c.hidden, c.width, kit) for k in later)
        self.inter = TypedList(InterSliceContext(k, c.width, c.head_width, kit) for k in later)
        self.intra = TypedList(
            IntraSliceContext(c.code, c.width, c.heads, c.head_width, kit) for _ in later
        )
        self.local = TypedList(
            LocalContext(c.code, c.width, c.window, c.heads, c.head_width, kit) for _ in every
        )
        self.anchor = TypedList(EntropyParameters(c, k, kit) for k in every)
        self.other = TypedList(EntropyParameters(c, k, kit) for k in every)

    def group(self, y: Tensor) -> Sequence[Tensor]:
        """(B, M, h, w) -> 2 * slices groups (B, h, w/2, slice width)."""
        return checker_tokens(y, self.config.slices).unbind(1)

    def ungroup(self, groups: Sequence[Tensor], h: int, w: int) -> Tensor:
        return checker_latents(torch.stack(list(groups), 1), self.config.slices)

    def channels(self, index: int) -> slice:
        return self.config.channels_of(index // 2)

    def begin(self, z_hat: Tensor, condition: Condition, cached: bool = True) -> MemState:
        features = self.features(self.synthesis(z_hat))
        quality = self.quality_table(condition.quality)
        return MemState(condition, features, quality, Context() if cached else None)

    def predict(self, state: MemState) -> Prediction:
        index, second = divmod(state.next_group, 2)
        context = state.context or self._context(state.inputs)
        anchors, others = self._stream(state, context, index)
        if second:
            return self.other[index](self._beside(context, index, others), state.condition)
        return self.anchor[index](anchors, state.condition)

    def absorb(self, state: MemState, inputs: Tensor) -> None:
        if state.context is None:
            state.inputs.append(inputs)
        elif state.next_group + 1 < self.config.groups:
            self._extend(state.context, state.next_group, inputs)
        state.next_group += 1

    def _context(self, inputs: list[Tensor]) -> Context:
        """Compute the context of some groups from their latents."""
        context = Context()
        for index, group in enumerate(inputs):
            self._extend(context, index, group)
        return context

    def _extend(self, context: Context, group: int, inputs: Tensor) -> None:
        """Add one more group to the context."""
        index, second = divmod(group, 2)
        code = self.norm(self.embed[index](inputs))
        if not second:
            context.anchors = code
            return
        assert context.anchors is not None
        context.before = context.anchors, code
        context.anchors = context.stream = None
        context.codes.append(_joined(context.before))
        context.memories.append(self.memory[index](context.codes[-1]))

    def _stream(self, state: MemState, context: Context, index: int) -> tuple[Tensor, Tensor]:
        """The part of the stream of slice ``index`` that both passes share, in halves."""
        if context.stream is None:
            width = self.config.width
            features = state.features[..., index * width : (index + 1) * width]
            stream = self.kit.add(features, state.quality[:, None, None])
            if index:
                stream = self.channel[index - 1](stream, context.codes)
                stream = self.inter[index - 1](stream, context.memories)
            context.stream = _halves(stream)
        return context.stream

    def _beside(self, context: Context, index: int, stream: Tensor) -> Tensor:
        """Add the contexts from the first pass of the slice to the stream of the second."""
        assert context.anchors is not None
        stream = self.local[index](stream, context.anchors)
        if context.before is not None:
            stream = self.intra[index - 1](stream, context.before, context.anchors)
        return stream
