"""Measures of pictures in any form, from Python."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec.metrics.distortion import psnr
from lcodec.metrics.ssimulacra2 import ssimulacra2
from tests.tinymodel import picture


def test_every_form_gives_the_same_figures(tiny_model: Path, tmp_path: Path) -> None:
    pixels = picture(64, 80)
    data = lcodec.encode(pixels, quality=50)
    decoded = lcodec.decode(data)
    png, lic = tmp_path / "a.png", tmp_path / "A.LIC"
    Image.fromarray(pixels).save(png)
    lic.write_bytes(data)
    misnamed = tmp_path / "b.jpg"  # what files hold counts
    misnamed.write_bytes(data)
    (tmp_path / "c.lic").write_bytes(png.read_bytes())
    found = {
        lcodec.compare(reference, other)
        for reference in (
            *(pixels, Image.fromarray(pixels), lcodec.Picture(pixels)),
            *(png, str(png), tmp_path / "c.lic"),
        )
        for other in (
            *(data, bytearray(data), decoded, decoded.pixels, decoded.to_image()),
            *(lic, misnamed),
        )
    }
    (figures,) = found
    assert isinstance(figures, lcodec.Figures)
    assert figures.psnr == pytest.approx(psnr(pixels, decoded.pixels))
    assert figures.ssimulacra2 == pytest.approx(ssimulacra2(pixels, decoded.pixels))
    assert figures.ms_ssim is None  # too small
    assert lcodec.compare(io.BytesIO(png.read_bytes()), pixels).psnr == math.inf


def test_gray_beside_colour_and_depths() -> None:
    gray = picture(16, 24)[..., 1]
    assert lcodec.compare(gray, np.repeat(gray[..., None], 3, 2)).psnr == math.inf
    assert lcodec.compare(gray, gray.astype(np.uint16) * 257).psnr == math.inf


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(lcodec.UsageError, match="different"):
        lcodec.compare(picture(16, 24), picture(24, 16))
    with pytest.raises(lcodec.UsageError, match="not an int"):
        lcodec.compare(picture(16, 24), 7)  # type: ignore[arg-type]
    with pytest.raises(lcodec.InputError):
        lcodec.compare(tmp_path / "none.png", picture(16, 24))
    with pytest.raises(lcodec.InputError):
        lcodec.compare(picture(16, 24), tmp_path / "none.lic")
