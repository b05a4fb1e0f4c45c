"""Blocks with halos give what the whole picture gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lcodec.library.codec import Codec
from lcodec.nets.blockwise import Span
from lcodec.picture import Picture
from lcodec.pipeline.pixels import PixelTransform
from tests.tinymodel import picture


def test_spans_cover_the_axis_once() -> None:
    found = Span(0, 25, 0, 25).spans(10, 3)
    assert [i for s in found for i in range(s.start, s.stop)] == list(range(25))
    assert [(s.outer_start, s.outer_stop) for s in found] == [(0, 13), (7, 23), (17, 25)]
    assert all(
        list(range(s.outer_start, s.outer_stop))[s.inner] == list(range(s.start, s.stop))
        for s in found
    )


def test_spans_of_a_part() -> None:
    part = Span.around(12, 25, 40, 3)
    assert (part.outer_start, part.outer_stop) == (9, 28)
    found = part.spans(8, 3)
    assert [(s.start, s.stop) for s in found] == [(12, 20), (20, 25)]
    assert [(s.outer_start, s.outer_stop) for s in found] == [(9, 23), (17, 28)]
    assert [part.inside(s) for s in found] == [slice(0, 14), slice(8, 19)]
    edge = Span.around(0, 40, 40, 3)
    assert (edge.outer_start, edge.outer_stop) == (0, 40)


@pytest.mark.parametrize("tune", ["psnr", "visual"])
def test_no_seams(tiny_model: Path, tune: str) -> None:
    codec = Codec(tune=tune, device="cpu")
    pixels = picture(230, 300)
    whole = PixelTransform(codec.loaded.transforms, codec.loaded.device, block=1000)
    pieces = PixelTransform(codec.loaded.transforms, codec.loaded.device, block=5)
    y = whole.analyse(pixels, 55)
    assert np.abs(pieces.analyse(pixels, 55) - y).max() < 1e-3 * np.abs(y).max()
    header = codec._header_of(Picture(pixels))(55)
    symbols = np.rint(y).astype(np.int16)
    one = whole.synthesise(symbols, header).astype(int)
    other = pieces.synthesise(symbols, header).astype(int)
    assert np.abs(one - other).max() <= 1
    assert (one != other).mean() < 0.001
