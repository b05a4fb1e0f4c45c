"""Contexts of a slice-wise checkerboard model: by channel, local and global. Written over a kit.

They follow MLIC++ (Jiang et al., arXiv 2307.15421); for the differences see `memplusplus`.
``code`` channels hold the decoded latents of one slice as 8-bit activations; ``width`` channels
hold the residual stream of the slice being predicted, to which every context adds its part. A
checkerboard grid (B, h, w, C) splits into two halves (B, h, w/2, C) as `checker_tokens` has it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lcodec.integer.kit import ACT, RELU, Kit
from lcodec.integer.layout import checker_neighbours, neighbourhood
from lcodec.modules.typed import Typed

NINE = tuple((row, column) for row in (-1, 0, 1) for column in (-1, 0, 1))


def checkerboard_offsets(window: int) -> tuple[tuple[int, int], ...]:
    """Offsets (row, column) from a position to those of the other parity in a window around it."""
    axis = range(-(window // 2), window // 2 + 1)
    return tuple((row, column) for row in axis for column in axis if (row + column) % 2)


class ChannelContext(Typed[[Tensor, Sequence[Tensor]], Tensor]):
    """Two 3x3 convolutions over the codes of the ``earlier`` slices."""

    def __init__(self, earlier: int, code: int, hidden: int, width: int, kit: Kit) -> None:
        super().__init__()
        self.kit = kit
        self.enter = kit.linear(len(NINE) * earlier * code, hidden, RELU)
        self.project = kit.closing(len(NINE) * hidden, width)

    def forward(self, stream: Tensor, codes: Sequence[Tensor]) -> Tensor:
        """``stream`` (B, h, w, width), each of ``codes`` (B, h, w, code)."""
        hidden = self.enter(neighbourhood(torch.cat(tuple(codes), dim=-1), NINE))
        return self.kit.add(stream, self.project(neighbourhood(hidden, NINE)))


class LocalContext(Typed[[Tensor, Tensor], Tensor]):
    """Attention of every position of parity 1 over those of parity 0 in a window around it."""

    def __init__(
        self, code: int, width: int, window: int, heads: int, head_width: int, kit: Kit
    ) -> None:
        super().__init__()
        self.kit, self.heads = kit, heads
        self.offsets = checkerboard_offsets(window)
        inner = heads * head_width
        self.norm = kit.norm(width)
        self.query = kit.linear(width, inner, ACT)
        self.key_value = kit.linear(code, 2 * inner, ACT)
        self.scores = kit.attention(heads, head_width, len(self.offsets))
        self.project = kit.closing(inner, width)

    def forward(self, stream: Tensor, anchors: Tensor) -> Tensor:
        """``stream`` (B, h, w/2, width) of parity 1, ``anchors`` (B, h, w/2, code) of parity 0."""
        b, h, half, _ = stream.shape
        index, inside = checker_neighbours(h, 2 * half, self.offsets, stream.device)
        query = self.query(self.norm(stream)).view(b * h * half, self.heads, 1, -1)
        keys = self.key_value(anchors).flatten(1, 2).index_select(1, index.flatten())
        keys = keys.view(b * h * half, len(self.offsets), 2, self.heads, query.shape[-1])
        k, v = keys.permute(2, 0, 3, 1, 4)
        entries = torch.arange(len(self.offsets), device=stream.device)[None]
        mask = inside.repeat(b, 1)[:, None, None]
        mixed = self.scores(query, k, v, entries, mask)
        return self.kit.add(stream, self.project(mixed.reshape(b, h, half, -1)))


def _split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, h, w, heads * e) -> (B, heads, h * w, e)."""
    b, h, w, _ = x.shape
    return x.view(b, h * w, heads, -1).transpose(1, 2)


def _join_heads(x: Tensor, h: int, w: int) -> Tensor:
    """Inverse of `_split_heads`."""
    return x.transpose(1, 2).reshape(x.shape[0], h, w, -1)


class IntraSliceContext(Typed[[Tensor, tuple[Tensor, Tensor], Tensor], Tensor]):
    """Global context inside a slice, with linear complexity.

    How similar positions are is taken from the previous slice, which is known everywhere; the
    values are those of the positions of parity 0 in the current slice.
    """

    def __init__(self, code: int, width: int, heads: int, head_width: int, kit: Kit) -> None:
        super().__init__()
        self.kit, self.heads = kit, heads
        inner = heads * head_width
        self.query = kit.linear(code, inner, ACT)
        self.key = kit.linear(code, inner, ACT)
        self.value = kit.linear(code, inner, ACT)
        self.memory = kit.memory()
        self.recall = kit.recall()
        self.norm = kit.norm(inner)
        self.project = kit.closing(inner, width)

    def forward(self, stream: Tensor, before: tuple[Tensor, Tensor], anchors: Tensor) -> Tensor:
        """``stream`` (B, h, w/2, width) of parity 1; both halves of the slice ``before`` and the
        ``anchors`` (B, h, w/2, code) each."""
        h, half = stream.shape[1:3]
        anchors_before, others_before = before
        k = _split_heads(self.key(anchors_before), self.heads)
        v = _split_heads(self.value(anchors), self.heads)
        q = _split_heads(self.query(others_before), self.heads)
        mixed = self.recall(q, self.memory(k, v))
        return self.kit.add(stream, self.project(self.norm(_join_heads(mixed, h, half))))


class SliceMemory(Typed[[Tensor], Tensor]):
    """A memory of fixed size of a decoded slice, for the global context of later slices."""

    def __init__(self, code: int, head_width: int, kit: Kit) -> None:
        super().__init__()
        self.key_value = kit.linear(code, 2 * head_width, ACT)
        self.memory = kit.memory()

    def forward(self, code: Tensor) -> Tensor:
        """(B, h, w, code) -> (B, head_width, head_width)."""
        k, v = self.key_value(code).flatten(1, 2).chunk(2, dim=-1)
        return self.memory(k[:, None], v[:, None])[:, 0]


class InterSliceContext(Typed[[Tensor, Sequence[Tensor]], Tensor]):
    """Global context across slices: a head for the memory of each of the ``earlier`` slices."""

    def __init__(self, earlier: int, width: int, head_width: int, kit: Kit) -> None:
        super().__init__()
        self.kit, self.heads = kit, earlier
        self.norm = kit.norm(width)
        self.query = kit.linear(width, earlier * head_width, ACT)
        self.recall = kit.recall()
        self.norm_mixed = kit.norm(earlier * head_width)
        self.project = kit.closing(earlier * head_width, width)

    def forward(self, stream: Tensor, memories: Sequence[Tensor]) -> Tensor:
        """``stream`` (B, h, w, width); ``memories`` from `SliceMemory`, one per earlier slice."""
        h, w = stream.shape[1:3]
        q = _split_heads(self.query(self.norm(stream)), self.heads)
        mixed = self.recall(q, torch.stack(tuple(memories), dim=1))
        return self.kit.add(stream, self.project(self.norm_mixed(_join_heads(mixed, h, w))))
