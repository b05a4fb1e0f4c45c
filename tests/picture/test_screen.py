"""Pictures as a screen shows them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageCms

from lcodec.bench.html.embed import data_uri
from lcodec.picture import Metadata, Picture
from lcodec.picture.screen import GREY, on_screen
from lcodec.region import Region
from tests.tinymodel import picture


def test_screens_show_eight_opaque_bits_of_srgb() -> None:
    deep = np.full((4, 6, 3), 257 * 40, np.uint16)
    assert on_screen(Picture(deep)).getpixel((0, 0)) == (40, 40, 40)
    assert on_screen(Picture(deep[..., 0].copy())).getpixel((0, 0)) == (40, 40, 40)
    alpha = np.full((4, 6), 255, np.uint8)
    alpha[:, 3:] = 0
    seen = on_screen(Picture(np.full((4, 6, 3), 9, np.uint8), alpha=alpha))
    assert (seen.getpixel((0, 0)), seen.getpixel((5, 3))) == ((9, 9, 9), GREY)
    pixels = picture(8, 8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (srgb, b"no profile" * 20):
        same = on_screen(Picture(pixels, metadata=Metadata(icc=icc)))
        assert np.array_equal(np.asarray(same), pixels)
    # A space whose red is the green of sRGB.
    swapped = srgb.replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be"))
    swapped = swapped.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    red = np.full((2, 2, 3), (250, 0, 0), np.uint8)
    seen = np.asarray(on_screen(Picture(red, metadata=Metadata(icc=swapped))))[0, 0]
    assert seen[1] > 245 and max(seen[0], seen[2]) < 5
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    same = on_screen(Picture(pixels, metadata=Metadata(icc=lab)))
    assert np.array_equal(np.asarray(same), pixels)
    part = on_screen(Picture(pixels), Region(2, 1, 4, 6), 2)
    assert part.size == (2, 3)
    mean = pixels[1:3, 2:4].reshape(-1, 3).mean(axis=0)
    assert np.abs(np.array(part.getpixel((0, 0))) - mean).max() <= 0.5
    assert data_uri(Image.new("RGB", (20000, 1))).startswith("data:image/png;base64,")
