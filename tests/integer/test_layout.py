"""Rearrangements lose nothing and put things where they say."""

from __future__ import annotations

import pytest
import torch

from lcodec.integer.layout import (
    checker_index,
    checker_latents,
    checker_neighbours,
    checker_tokens,
    from_windows,
    group_tokens,
    neighbourhood,
    shuffle_up,
    to_windows,
    ungroup_tokens,
)


@pytest.mark.parametrize(("h", "w"), [(1, 1), (8, 8), (5, 13), (16, 7)])
@pytest.mark.parametrize(
    ("window", "shift"), [((8, 8), (0, 0)), ((8, 8), (4, 4)), ((8, 4), (4, 2)), ((4, 2), (0, 0))]
)
def test_windows_round_trip_and_mark_padding(
    h: int, w: int, window: tuple[int, int], shift: tuple[int, int]
) -> None:
    x = torch.randn(2, h, w, 3) + 10
    windows, valid = to_windows(x, window, shift)
    assert windows.shape[1:] == (window[0] * window[1], 3)
    assert torch.equal(from_windows(windows, (2, h, w), window, shift), x)
    if valid is not None:
        assert int(valid.sum()) == h * w
        assert bool(valid.any(1).all())  # no window without a real position
        assert torch.equal(windows.abs().sum(-1) > 0, valid.repeat(2, 1))


def test_windows_hold_neighbours() -> None:
    rows, columns = torch.meshgrid(torch.arange(10), torch.arange(7), indexing="ij")
    grid = torch.stack((rows, columns), -1)[None] + 100
    windows, valid = to_windows(grid, (8, 4), (4, 2))
    assert valid is not None
    for window, real in zip(windows, valid, strict=True):
        cells = {((r + 4) // 8, (c + 2) // 4) for r, c in (window[real] - 100).tolist()}
        assert len(cells) == 1


def test_groups_round_trip_and_order() -> None:
    y = torch.arange(2 * 8 * 4 * 6).view(2, 8, 4, 6)
    order = [0, 3, 1, 2]
    groups = group_tokens(y, 4, 2, 2, order)
    assert groups.shape == (2, 16, 2, 3, 2)
    assert torch.equal(ungroup_tokens(groups, 4, 2, 2, order), y)
    # Group 1 of slice 0 is the phase (1, 1).
    assert torch.equal(groups[0, 1, :, :, 0], y[0, 0, 1::2, 1::2])
    # The first group of slice 2 starts with channel 4.
    assert torch.equal(groups[0, 8, :, :, 1], y[0, 5, 0::2, 0::2])


@pytest.mark.parametrize("query", [0, 1, 4])
def test_checkerboard_offsets_are_those_of_the_latents(query: int) -> None:
    window, span = 4, 7
    index = checker_index(window, query, torch.device("cpu"))
    cells = [(i, j) for i in range(window) for j in range(window // 2)]
    assert index.shape == (len(cells), (query + 1) * len(cells))
    for n, (i, j) in enumerate(cells):
        for m, (group, (row, column)) in enumerate(
            (g, cell) for g in range(query + 1) for cell in cells
        ):
            target = (query + 1) // 2, i, 2 * j + (i + query + 1) % 2
            key = group // 2, row, 2 * column + (row + group) % 2
            segment, down, right = (a - b for a, b in zip(target, key, strict=True))
            expected = (segment * span + down + window - 1) * span + right + window - 1
            assert int(index[n, m]) == expected


def test_shuffle_up_places_quarters() -> None:
    x = torch.arange(8).view(1, 1, 1, 8)
    assert shuffle_up(x)[0, :, :, 0].tolist() == [[0, 2], [4, 6]]


@pytest.mark.parametrize("offsets", [[(-1, 2), (0, 0), (2, -1)], [(-2, -1)], [(1, 3)]])
def test_neighbourhood_gathers_by_offset(offsets: list[tuple[int, int]]) -> None:
    x = torch.randn(2, 3, 5, 4)
    out = neighbourhood(x, offsets)
    assert out.shape == (2, 3, 5, len(offsets) * 4)
    for tap, (down, right) in enumerate(offsets):
        for i in range(3):
            for j in range(5):
                inside = 0 <= i + down < 3 and 0 <= j + right < 5
                expected = x[:, i + down, j + right] if inside else torch.zeros(2, 4)
                assert torch.equal(out[:, i, j, 4 * tap : 4 * tap + 4], expected)


def test_neighbourhood_and_product_are_a_masked_convolution() -> None:
    x, weight = torch.randn(1, 6, 7, 3), torch.randn(4, 3, 5, 5)
    offsets = [(r, c) for r in range(-2, 3) for c in range(-2, 3) if (r + c) % 2]
    mask = torch.zeros(5, 5)
    for r, c in offsets:
        mask[r + 2, c + 2] = 1
    expected = torch.conv2d(x.permute(0, 3, 1, 2), weight * mask, padding=2)
    taps = torch.cat([weight[:, :, r + 2, c + 2] for r, c in offsets], dim=1)
    out = neighbourhood(x, offsets) @ taps.t()
    assert torch.allclose(out.permute(0, 3, 1, 2), expected, atol=1e-5)


def test_checkerboard_halves_hold_one_parity_each() -> None:
    y = torch.arange(2 * 6 * 4 * 8).view(2, 6, 4, 8)
    groups = checker_tokens(y, 3)
    assert groups.shape == (2, 6, 4, 4, 2)
    assert torch.equal(checker_latents(groups, 3), y)
    # Row 1 of the first group starts with column 1, of the second with column 0.
    assert torch.equal(groups[:, 2, 1, 3], y[:, 2:4, 1, 7])
    assert torch.equal(groups[:, 3, 1, 3], y[:, 2:4, 1, 6])


def test_checkerboard_neighbours_are_those_of_the_grid() -> None:
    grid = torch.randn(1, 4, 6, 1) + 10
    offsets = ((-2, 1), (-1, 0), (0, -1), (0, 1), (1, 2))
    index, inside = checker_neighbours(4, 6, offsets, torch.device("cpu"))
    anchors = checker_tokens(grid.permute(0, 3, 1, 2), 1)[0, 0].flatten()
    gathered = checker_tokens(neighbourhood(grid, offsets).permute(0, 3, 1, 2), 1)[0, 1]
    assert torch.equal(anchors[index] * inside, gathered.flatten(0, 1))
