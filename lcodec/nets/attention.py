"""Who attends to whom: windows of a grid, and groups at one position. Written over a kit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lcodec.nets.integer.layout import causal_mask, from_windows, relative_index, to_windows


class WindowAttention(nn.Module):
    """Unmasked self-attention inside windows of a grid, learned relative position bias.

    Input (B, h, w, 3 * heads * e) holds queries, keys, values; output (B, h, w, heads * e).
    """

    def __init__(self, kit: Any, heads: int, width: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.scores = kit.attention(heads, width // heads, (2 * window - 1) ** 2)

    def forward(self, qkv: Tensor) -> Tensor:
        b, h, w, width = qkv.shape
        windows, valid = to_windows(qkv, self.window, self.shift)
        n = self.window * self.window
        split = windows.view(-1, n, 3, self.heads, width // (3 * self.heads))
        q, k, v = split.permute(2, 0, 3, 1, 4)
        mask = None if valid is None else valid.repeat(b, 1)[:, None, None, :]
        mixed = self.scores(q, k, v, relative_index(self.window, qkv.device), mask)
        mixed = mixed.transpose(1, 2).reshape(-1, n, width // 3)
        return from_windows(mixed, (b, h, w), self.window, self.shift)


class CausalAttention(nn.Module):
    """Attention over groups 0..g at one position, with a bias per pair of groups.

    ``forward(q, k, v, first)``: q (N, heads, g, e) for groups first..first+g-1; k, v (N, heads,
    first + g, e). Output (N, heads, g, e).
    """

    def __init__(self, kit: Any, heads: int, width: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.scores = kit.attention(heads, width // heads, groups * groups)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, first: int) -> Tensor:
        count, total = q.shape[2], k.shape[2]
        query = torch.arange(first, first + count, device=q.device)[:, None]
        index = query * self.groups + torch.arange(total, device=q.device)
        mask = causal_mask(first, count, total, q.device) if count > 1 else None
        mixed: Tensor = self.scores(q, k, v, index, mask)
        return mixed
