"""Attention inside windows of a grid, over groups at one position, or both. Written over a kit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lcodec.integer.kit import Kit
from lcodec.integer.layout import (
    causal_mask,
    checker_index,
    from_windows,
    relative_index,
    to_windows,
)
from lcodec.modules.typed import Typed


@dataclass
class KeyValueCache:
    """Keys and values of one layer: (N, heads, groups so far, ..., head width)."""

    keys: Tensor | None = None
    values: Tensor | None = None

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append the new groups and return all of them."""
        if self.keys is not None and self.values is not None:
            keys = torch.cat((self.keys, keys), dim=2)
            values = torch.cat((self.values, values), dim=2)
        self.keys, self.values = keys, values
        return keys, values


class WindowAttention(Typed[[Tensor], Tensor]):
    """Self-attention inside windows of a grid, with a learned relative position bias.

    Input (B, h, w, 3 * heads * e) holds queries, keys, values; output (B, h, w, heads * e).
    """

    def __init__(self, kit: Kit, heads: int, width: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.sides, self.shift = (window, window), (shift, shift)
        self.scores = kit.attention(heads, width // heads, (2 * window - 1) ** 2)

    def forward(self, qkv: Tensor) -> Tensor:
        b, h, w, width = qkv.shape
        windows, valid = to_windows(qkv, self.sides, self.shift)
        n = self.window * self.window
        split = windows.view(-1, n, 3, self.heads, width // (3 * self.heads))
        q, k, v = split.permute(2, 0, 3, 1, 4)
        mask = None if valid is None else valid.repeat(b, 1)[:, None, None, :]
        mixed = self.scores(q, k, v, relative_index(self.window, qkv.device), mask)
        mixed = mixed.transpose(1, 2).reshape(-1, n, width // 3)
        return from_windows(mixed, (b, h, w), self.sides, self.shift)


class CausalAttention(Typed[[Tensor, Tensor, Tensor, int], Tensor]):
    """Attention over groups 0..g at one position, with a bias per pair of groups.

    ``forward(q, k, v, first)``: q (N, heads, g, e) for groups first..first+g-1; k, v (N, heads,
    first + g, e). Output (N, heads, g, e).
    """

    def __init__(self, kit: Kit, heads: int, width: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.scores = kit.attention(heads, width // heads, groups * groups)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, first: int) -> Tensor:
        count, total = q.shape[2], k.shape[2]
        query = torch.arange(first, first + count, device=q.device)[:, None]
        index = query * self.groups + torch.arange(total, device=q.device)
        mask = causal_mask(first, count, total, q.device) if count > 1 else None
        return self.scores(q, k, v, index, mask)


class SpatioChannelAttention(Typed[[Tensor, int, KeyValueCache], Tensor]):
    """Attention over the positions of a window in all groups up to the query's own.

    The grid is that of `checker_tokens`: windows of ``window`` rows and ``window / 2`` columns hold
    ``window x window`` latents of every two groups. A bias is learned per offset in rows, columns
    and channel segments, see `checker_index`.
    """

    def __init__(
        self, kit: Kit, heads: int, width: int, window: int, segments: int, shifted: bool
    ) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.sides = (window, window // 2)
        self.shift = (window // 2, window // 4) if shifted else (0, 0)
        entries = segments * (2 * window - 1) ** 2
        self.scores = kit.attention(heads, width // heads, entries)

    def forward(self, qkv: Tensor, first: int, cache: KeyValueCache) -> Tensor:
        """``qkv`` (B, g, h, w, 3 * heads * e) of groups first.. -> (B, g, h, w, heads * e).

        ``cache`` holds the earlier groups; these are appended to it.
        """
        b, g, h, w, width = qkv.shape
        windows, valid = to_windows(qkv.flatten(0, 1), self.sides, self.shift)
        n = self.sides[0] * self.sides[1]
        split = windows.view(b, g, -1, n, 3, self.heads, width // (3 * self.heads))
        q, k, v = split.permute(4, 0, 2, 5, 1, 3, 6).flatten(1, 2)  # (N, heads, g, n, e)
        keys, values = (t.flatten(2, 3) for t in cache.append(k, v))
        mixed = []
        # Group by group, each over the keys it may see: causal, and half the work of a mask.
        for index, queries in enumerate(q.unbind(2), first):
            seen = slice((index + 1) * n)
            offsets = checker_index(self.window, index, qkv.device)
            mask = None if valid is None else valid.repeat(b, index + 1)[:, None, None]
            mixed.append(self.scores(queries, keys[:, :, seen], values[:, :, seen], offsets, mask))
        joined = torch.stack(mixed, 1).view(b, -1, g, self.heads, n, width // (3 * self.heads))
        joined = joined.permute(0, 2, 1, 4, 3, 5).reshape(-1, n, width // 3)
        return from_windows(joined, (b * g, h, w), self.sides, self.shift).view(b, g, h, w, -1)
