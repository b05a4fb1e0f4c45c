"""Crops gathered on the device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lcodec.training.gather import SCALES, WHOLE, GatheredCrops, _mirrored
from lcodec.training.pictures import Pixels

CPU = torch.device("cpu")


def numbered(height: int, width: int, blue: int) -> Pixels:
    """Red counts rows, green columns; blue says which picture it is."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[..., 0] = np.arange(height)[:, None]
    picture[..., 1] = np.arange(width)[None]
    picture[..., 2] = blue
    return picture


def crops(pictures: list[Pixels], count: int, size: int) -> NDArray[np.int64]:
    torch.manual_seed(1)
    batch = GatheredCrops(pictures, CPU).batch(count, size)
    assert batch.shape == (count, 3, size, size) and batch.dtype == torch.uint8
    return batch.numpy().astype(np.int64)


def test_crops_are_parts_of_pictures_in_all_orientations() -> None:
    seen = set()
    others = whole = 0
    for crop in crops([numbered(90, 120, 200), numbered(70, 80, 250)], 400, 64):
        blue = crop[2]
        if blue.min() != blue.max() or blue[0, 0] not in (200, 250):
            others += 1  # other colours, or shrunk at an edge
            continue
        steps = tuple(
            int(np.median(np.diff(crop[channel], axis=axis)))
            for channel in (0, 1)
            for axis in (0, 1)
        )
        flat = crop[:2].reshape(2, -1)
        if np.abs(np.diff(crop[0], axis=0 if steps[0] else 1)).max() == 1:
            whole += 1
            seen.add(steps)
            limits = np.array([[90, 120]] if blue[0, 0] == 200 else [[70, 80]]).T
            inside = (flat < limits).all() or (flat < limits[::-1]).all()  # red and green swapped
            assert inside and (np.ptp(flat, axis=1) == 63).all()
    turns = {(a, 0, 0, b) for a in (1, -1) for b in (1, -1)}
    turns |= {(0, a, b, 0) for a in (1, -1) for b in (1, -1)}
    assert seen == turns
    assert 0 < others < 60
    # The smaller picture is large enough at no other scale than 1, the larger one at 0.8 too.
    assert WHOLE * 400 < whole < 350


def test_every_scale_that_is_large_enough_is_used() -> None:
    ramp = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (200, 1, 3))
    found = crops([ramp], 200, 64)
    slopes = [max(np.abs(np.diff(crop[0], axis=axis)).mean() for axis in (0, 1)) for crop in found]
    # 0.5, 0.67 and 0.8 of 200 pixels are more than 64.
    nearest = [min(SCALES, key=lambda scale: abs(1 / scale - slope)) for slope in slopes]
    counts = {scale: nearest.count(scale) for scale in SCALES}
    assert 80 < counts[1.0] < 120 and min(counts.values()) > 15
    assert all(abs(1 / s - slope) < 0.05 for s, slope in zip(nearest, slopes, strict=True))


def test_small_pictures_are_mirrored() -> None:
    index = torch.arange(12)
    assert _mirrored(index, torch.tensor(5)).tolist() == [0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 0, 1]
    found = crops([numbered(20, 30, 255)], 8, 64)
    assert {tuple(np.unique(crop[np.argsort(crop.max((1, 2)))[0]])) for crop in found} == {
        tuple(range(20))
    }


def test_large_pictures_are_seen_more_often() -> None:
    small, large = np.zeros((64, 64, 3), np.uint8), np.full((128, 128, 3), 255, np.uint8)
    share = crops([small, large], 900, 64).mean() / 255
    assert share == pytest.approx(2 / 3, abs=0.05)


def test_draws_follow_the_seed() -> None:
    pictures = [numbered(90, 120, 200)]
    assert (crops(pictures, 5, 64) == crops(pictures, 5, 64)).all()
