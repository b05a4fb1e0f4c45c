"""What is drawn is found by its pixels, and filled beneath."""

from __future__ import annotations

import numpy as np
import torch

from lcodec.picture.pushpull import fill
from lcodec.pipeline.drawn import has_few_colours, new_pixels, round_edges
from lcodec.pipeline.layers import unforetold
from lcodec.pipeline.outlines import closed, opened
from tests.tinymodel import picture


def test_what_is_foretold_of_a_plane() -> None:
    steps = torch.tensor([[3.0, 3.0, 8.0], [5.0, 5.0, 10.0], [5.0, 9.0, 12.0]])
    left = [[3.0, 0.0, 5.0], [2.0, 0.0, 2.0], [0.0, 4.0, 2.0]]
    assert unforetold(steps).tolist() == left
    assert unforetold(steps[:1]).tolist() == left[:1]


def test_outlines() -> None:
    blocks = np.zeros((12, 13), np.bool_)
    blocks[3:9, 3:10] = True
    holed = blocks.copy()
    holed[5, 6] = holed[7, 3] = False
    everywhere = np.ones_like(blocks)
    assert np.array_equal(closed(holed, everywhere), blocks)
    few = everywhere.copy()
    few[5, 6] = False
    assert np.array_equal(closed(holed, few), blocks & few)
    specked = blocks.copy()
    specked[11, 1] = specked[0, 4] = specked[4, 0] = True
    assert np.array_equal(opened(specked), blocks)
    for same in (everywhere, ~everywhere):
        assert np.array_equal(opened(same), same) and np.array_equal(closed(same, same), same)


def test_pixels_that_are_new() -> None:
    flat = np.full((20, 40, 3), 7, np.uint8)
    assert np.array_equal(new_pixels(flat), np.zeros((2, 3)))
    rows, columns = np.mgrid[0:32, 0:32]
    plane = np.stack([rows + 2 * columns, 3 * rows, columns], axis=2).astype(np.uint8)
    assert new_pixels(plane).sum() == 0
    steps = np.stack([rows / 3 + columns / 7, columns / 2, rows / 5 + columns / 4], axis=2)
    assert new_pixels(steps.astype(np.uint8)).sum() == 0  # no two colours change at one place
    dot = flat.copy()
    dot[5, 20] = (7, 7, 9)  # and what is to the right of it, below and between is foretold or not
    assert new_pixels(dot).tolist() == [[0, 1, 0], [0, 0, 0]]
    assert new_pixels(dot[..., 2]).tolist() == [[0, 1, 0], [0, 0, 0]]
    noise = np.random.default_rng(0).integers(0, 256, (32, 16, 3), np.uint8)
    assert new_pixels(noise).min() >= 15 * 15  # edges repeat themselves
    few = np.random.default_rng(1).choice(np.array([0, 1, 2, 254, 255], np.uint8), (32, 16, 3))
    near = np.pad(few.astype(int), ((1, 0), (1, 0), (0, 0)), mode="edge")
    here, left, above, between = near[1:, 1:], near[1:, :-1], near[:-1, 1:], near[:-1, :-1]
    known = [(here == other).all(2) for other in (left, above)]
    known.append((np.abs(left + above - between - here) <= 1).all(2))
    new = ~np.logical_or.reduce(known)
    assert new_pixels(few).tolist() == [[new[:16].sum()], [new[16:].sum()]]


def test_few_colours() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert not has_few_colours(ramp) and has_few_colours(ramp // 8)
    assert not has_few_colours(np.repeat(ramp[..., None], 3, axis=2))
    tinted = np.dstack([ramp, ramp, np.zeros_like(ramp)])
    assert has_few_colours(tinted)
    tinted[0, 0, 2] = 1
    assert has_few_colours(tinted)
    assert not has_few_colours(np.vstack([tinted, tinted + np.array([0, 0, 7], np.uint8)]))


def test_rounding_spares_flat_areas_and_gradients() -> None:
    rows, columns = np.mgrid[0:16, 0:16]
    ramp = np.repeat((rows * 3 + columns * 5)[..., None], 3, axis=2).astype(np.uint8)
    assert np.array_equal(round_edges(ramp, 8), ramp)
    flat = np.full((16, 16, 3), 101, np.uint8)
    flat[:, 8:] = 30
    assert np.array_equal(round_edges(flat, 8), flat)
    smoothed = flat.copy()
    smoothed[:, 8] = np.arange(40, 88, 3)[:, None]
    rounded = round_edges(smoothed, 8)
    assert np.array_equal(np.delete(rounded, 8, axis=1), np.delete(flat, 8, axis=1))
    assert set(rounded[:, 8].flat) <= {round(255 * step / 32) for step in range(33)}
    assert np.abs(rounded[:, 8].astype(int) - smoothed[:, 8]).max() <= 4
    assert round_edges(smoothed, 1) is smoothed
    assert np.array_equal(round_edges(smoothed[..., 0], 8), rounded[..., 0])
    bright = smoothed.copy()
    bright[:, 8] = 254 - np.arange(16)[:, None] % 3
    assert (round_edges(bright, 8)[:, 8] == 255).all()
    black_and_white = 255 * np.eye(4, dtype=np.uint8)
    for step in (2, 7, 40, 100, 255):  # nothing is gained where two colours become two others
        assert np.array_equal(round_edges(black_and_white, step), black_and_white), step


def test_filling_is_smooth_and_keeps_the_rest() -> None:
    source = picture(75, 101)
    unwanted = np.zeros(source.shape[:2], np.bool_)
    unwanted[16:64, 32:80] = True
    filled = fill(source, unwanted)
    assert np.array_equal(filled[~unwanted], source[~unwanted])
    inside = filled[17:63, 33:79].astype(int)
    assert max(np.abs(np.diff(inside, axis=axis)).max() for axis in (0, 1)) < 40
    near = source[10:70, 26:86][~unwanted[10:70, 26:86]]
    assert near.min() <= inside.min() and inside.max() <= near.max()
    assert np.array_equal(fill(source[..., 1], unwanted), filled[..., 1])
    assert (fill(source, np.ones_like(unwanted)) == 128).all()
    assert np.array_equal(fill(source, np.zeros_like(unwanted)), source)
