"""Rearrangements of tokens shared by the twin and the integer layers; no arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)  # cached for training, too
def _places(order: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.tensor(order, device=device)


def reordered(x: Tensor, axis: int, order: Sequence[int]) -> Tensor:
    """Select the entries ``order`` of ``x`` along an axis.

    Indexing with a list would send it to the device each time.
    """
    return x.index_select(axis, _places(tuple(order), x.device))


@lru_cache(maxsize=16)
@torch.inference_mode(mode=False)
def relative_index(window: int, device: torch.device) -> Tensor:
    """(n, n) index into a table of relative offsets, n = window^2 positions in raster order."""
    axis = torch.arange(window, device=device)
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    positions = torch.stack((rows.flatten(), columns.flatten()))
    offset = positions[:, :, None] - positions[:, None, :] + window - 1
    return offset[0] * (2 * window - 1) + offset[1]


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)
def causal_mask(first: int, count: int, total: int, device: torch.device) -> Tensor:
    """(count, total) mask: group ``first + i`` sees groups 0..first+i."""
    query = torch.arange(first, first + count, device=device)[:, None]
    return torch.arange(total, device=device)[None, :] <= query


def _margins(
    h: int, w: int, window: tuple[int, int], shift: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Padding (left, right, above, below) with which windows offset by ``-shift`` cover a grid."""
    (rows, columns), (down, along) = window, shift
    return along, -(w + along) % columns, down, -(h + down) % rows


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)
def _valid(
    h: int, w: int, window: tuple[int, int], shift: tuple[int, int], device: torch.device
) -> Tensor | None:
    margins = _margins(h, w, window, shift)
    if not any(margins):
        return None
    grid = F.pad(torch.ones(1, h, w, 1, dtype=torch.bool, device=device), (0, 0, *margins))
    return _partition(grid, window).squeeze(-1)


def _partition(x: Tensor, window: tuple[int, int]) -> Tensor:
    (b, h, w, c), (rows, columns) = x.shape, window
    x = x.view(b, h // rows, rows, w // columns, columns, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, rows * columns, c)


def to_windows(
    x: Tensor, window: tuple[int, int], shift: tuple[int, int]
) -> tuple[Tensor, Tensor | None]:
    """Cut (B, h, w, C) into windows of ``window`` = n rows x m columns: (B * count, n * m, C).

    The grid is padded with zeros, by ``shift`` (rows, columns) before its start and up to a whole
    window at its end. The second result (count, n * m) marks real positions; None when all are.
    """
    _, h, w, _ = x.shape
    margins = _margins(h, w, window, shift)
    if any(margins):
        x = F.pad(x, (0, 0, *margins))
    return _partition(x, window), _valid(h, w, window, shift, x.device)


def from_windows(
    x: Tensor, shape: tuple[int, int, int], window: tuple[int, int], shift: tuple[int, int]
) -> Tensor:
    """Inverse of `to_windows`: (B * count, n * m, C) -> (B, h, w, C)."""
    (b, h, w), (rows, columns) = shape, window
    left, right, above, below = _margins(h, w, window, shift)
    count_h, count_w = (above + h + below) // rows, (left + w + right) // columns
    x = x.view(b, count_h, count_w, rows, columns, -1).permute(0, 1, 3, 2, 4, 5)
    x = x.reshape(b, count_h * rows, count_w * columns, -1)
    return x[:, above : above + h, left : left + w]


def neighbourhood(x: Tensor, offsets: Sequence[tuple[int, int]]) -> Tensor:
    """Gather neighbours of every position: (B, h, w, C) -> (B, h, w, len(offsets) * C).

    Channels ``t * C ... (t + 1) * C - 1`` at (i, j) are those of ``x`` at (i, j) plus the (row,
    column) ``offsets[t]``, zeros outside the grid. Followed by a linear layer, this is a
    convolution whose kernel has just these taps, without an algorithm that is not exact.
    """
    h, w = x.shape[1:3]
    rows, columns = zip(*offsets, strict=True)
    above, left = max(0, -min(rows)), max(0, -min(columns))
    padded = F.pad(x, (0, 0, left, max(0, *columns), above, max(0, *rows)))
    taps = [padded[:, above + r : above + r + h, left + c : left + c + w] for r, c in offsets]
    return torch.cat(taps, dim=-1)


def shuffle_up(x: Tensor) -> Tensor:
    """Pixel shuffle, (B, h, w, 4C) -> (B, 2h, 2w, C)."""
    b, h, w, c = x.shape
    x = x.view(b, h, w, 2, 2, c // 4).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(b, 2 * h, 2 * w, c // 4)


def group_tokens(y: Tensor, slices: int, rows: int, columns: int, order: list[int]) -> Tensor:
    """Latents (B, M, h, w) -> groups (B, G, h/rows, w/columns, M/slices).

    Group ``c * rows * columns + p`` holds channel slice ``c`` at spatial phase ``order[p]``.
    """
    b, m, h, w = y.shape
    y = y.view(b, slices, m // slices, h // rows, rows, w // columns, columns)
    y = y.permute(0, 1, 4, 6, 3, 5, 2)
    y = y.reshape(b, slices, rows * columns, h // rows, w // columns, m // slices)
    return reordered(y, 2, order).flatten(1, 2)


def ungroup_tokens(
    groups: Tensor, slices: int, rows: int, columns: int, order: list[int]
) -> Tensor:
    """Inverse of `group_tokens`."""
    b, _, hc, wc, cs = groups.shape
    inverse = [order.index(i) for i in range(len(order))]
    y = reordered(groups.view(b, slices, rows * columns, hc, wc, cs), 2, inverse)
    y = y.reshape(b, slices, rows, columns, hc, wc, cs).permute(0, 1, 6, 4, 2, 5, 3)
    return y.reshape(b, slices * cs, hc * rows, wc * columns)


def checker_tokens(y: Tensor, segments: int) -> Tensor:
    """Latents (B, M, h, w) -> checkerboard groups (B, 2 * segments, h, w/2, M/segments).

    Group ``2 * k + p`` holds channel segment ``k`` where row + column has parity ``p``; its
    position (i, j) is the latent at row i, column ``2 * j + (i + p) % 2``.
    """
    b, m, h, w = y.shape
    y = y.view(b, segments, m // segments, h // 2, 2, w // 2, 2)
    even, odd = y.permute(0, 1, 6, 3, 4, 5, 2).unbind(4)  # (B, K, parity of the column, h/2, ...)
    return torch.stack((even, odd.flip(2)), dim=4).reshape(b, 2 * segments, h, w // 2, -1)


def checker_latents(groups: Tensor, segments: int) -> Tensor:
    """Inverse of `checker_tokens`."""
    b, _, h, half, width = groups.shape
    even, odd = groups.view(b, segments, 2, h // 2, 2, half, width).unbind(4)
    y = torch.stack((even, odd.flip(2)), dim=4)
    return y.permute(0, 1, 6, 3, 4, 5, 2).reshape(b, segments * width, h, 2 * half)


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)
def checker_neighbours(
    h: int, w: int, offsets: tuple[tuple[int, int], ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Where the neighbours of each position of parity 1 lie among those of parity 0.

    ``offsets`` (row, column) have odd sums. Returns two tensors (h * w / 2, len(offsets)),
    positions in the order of `checker_tokens`: indices into the positions of parity 0, 0 where the
    neighbour lies outside the grid, and whether it lies inside.
    """
    row = torch.arange(h, device=device)[:, None, None]
    column = 2 * torch.arange(w // 2, device=device)[:, None] + (row + 1) % 2
    down, along = torch.tensor(offsets, device=device).unbind(1)
    row, column = row + down, column + along
    inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
    index = torch.where(inside, row * (w // 2) + column // 2, 0)
    return index.flatten(0, 1), inside.flatten(0, 1)


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)
def checker_index(window: int, query: int, device: torch.device) -> Tensor:
    """(n, (query + 1) * n) index into a table of offsets, n = window * window/2 positions.

    The query token of group ``query`` stands for the latent that it predicts, the one of group
    ``query + 1`` at its position; keys are groups 0..query. An entry is ``(k, rows, columns)``
    raveled: how many segments the key lies before that latent, and its offset on the latents' own
    grid, from ``1 - window`` to ``window - 1`` each. ``window`` is a multiple of 4, so that
    windows and shifted windows start in even rows.
    """
    group = torch.arange(query + 2, device=device)[:, None, None]
    row = torch.arange(window, device=device)[:, None]
    column = 2 * torch.arange(window // 2, device=device) + (row + group) % 2
    row, segment = row.expand_as(column), (group // 2).expand_as(column)

    def offset(axis: Tensor) -> Tensor:
        return axis[-1].flatten()[:, None] - axis[:-1].flatten()

    span = 2 * window - 1
    rows, columns = offset(row) + window - 1, offset(column) + window - 1
    return (offset(segment) * span + rows) * span + columns
