"""Unwanted pixels get smooth colours; the others stay."""

from __future__ import annotations

import numpy as np
import pytest

from lcodec.picture.pushpull import fill

ROWS, COLUMNS = np.mgrid[0:70, 0:333]
NOISE = np.random.default_rng(1).integers(0, 256, (70, 333, 3), np.uint8)


def test_visible_pixels_stay_and_the_rest_is_smooth() -> None:
    inside = np.hypot(ROWS - 30, COLUMNS - 100) < 25
    pixels = NOISE.copy()
    pixels[inside] = (200, 100, 50)
    filled = fill(pixels, ~inside)
    assert np.array_equal(filled, np.full_like(pixels, (200, 100, 50)))
    assert np.array_equal(pixels[~inside], NOISE[~inside])  # the argument is left alone


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_fill_goes_from_colour_to_colour_without_steps(dtype: type[np.unsignedinteger]) -> None:
    full = int(np.iinfo(dtype).max)
    pixels = np.zeros((70, 333), dtype)
    pixels[:, 300:] = full
    alpha = np.full((70, 333), full, dtype)
    alpha[:, 20:300] = 0
    pixels[:, 20:300] = NOISE[:, 20:300, 0]
    filled = fill(pixels, alpha == 0)
    assert filled.dtype == dtype
    assert np.array_equal(filled[alpha > 0], pixels[alpha > 0])
    steps = np.diff(filled[:, 19:301].astype(int), axis=1)
    assert steps.max() < 0.15 * full
    assert steps.min() > -0.02 * full


def test_nothing_to_do_and_nothing_to_see() -> None:
    everywhere = np.ones((70, 333), np.bool_)
    assert fill(NOISE, ~everywhere) is NOISE
    assert (fill(NOISE, everywhere) == 128).all()


def test_bands_do_not_show() -> None:
    tall = np.random.default_rng(2).integers(0, 256, (600, 40), np.uint8)
    alpha = (np.random.default_rng(3).random((600, 40)) < 0.1).astype(np.uint8)
    whole = fill(tall, alpha == 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lcodec.picture.pushpull._BAND", 2)
        assert np.array_equal(fill(tall, alpha == 0), whole)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (2, 3)])
def test_small_pictures(shape: tuple[int, int]) -> None:
    alpha = np.zeros(shape, np.uint8)
    alpha[-1, -1] = 9
    pixels = np.full(shape, 77, np.uint8)
    pixels[0, 0] = 77 if shape == (1, 1) else 3
    assert (fill(pixels, alpha == 0) == 77).all()
