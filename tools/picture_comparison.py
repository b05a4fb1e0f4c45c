#!/usr/bin/env python3
"""Draw a crop of a photograph as lcodec, WebP and JPEG files of about one size show it.

    python tools/picture_comparison.py

JPEG and WebP get the largest file of at most the size asked for; lcodec gets at most the smaller
of the two, so that it never has more bytes. The crop is where the decoded pictures differ most
from the original. The default picture is a photograph that comes with scikit-image
(`skimage.data.chelsea`, by Stefan van der Walt, CC0).
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lcodec.atomic import atomic_write
from lcodec.bench import psnr
from lcodec.bench.regions import Region, error_cells, worst_regions
from lcodec.codec import Codec
from lcodec.picture import Picture, Samples, from_pil, load
from lcodec.pipeline.targets import Target
from lcodec.tunes import default_model

OUT = Path(__file__).resolve().parent.parent / "docs" / "comparison.webp"
LARGEST = 150_000
"""Bytes that the drawing may have."""

OPTIONS: dict[str, dict[str, Any]] = {
    "WebP": {"method": 6},
    "JPEG": {"optimize": True, "progressive": True},
}
"""Best compression that Pillow offers without changing what a quality level means."""

_GAP, _LINE = 8, 20
_BACK, _TEXT, _FAINT = (255, 255, 255), (29, 33, 38), (91, 100, 110)


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture in the drawing, and the file it was decoded from; ``psnr`` None: the original."""

    name: str
    pixels: Samples
    bytes: int | None = None
    psnr: float | None = None

    @property
    def caption(self) -> str:
        """Figures under the name."""
        if self.bytes is None or self.psnr is None:
            height, width = self.pixels.shape[:2]
            return f"{width} x {height} pixels"
        return f"{self.bytes} bytes, {self.psnr:.2f} dB"


def largest_file(image: Image.Image, kind: str, limit: int) -> bytes:
    """The largest file of one of `OPTIONS` with at most ``limit`` bytes, of all quality levels.

    Raises:
        SystemExit: none is as small.
    """
    files = []
    for quality in range(101):
        stream = io.BytesIO()
        image.save(stream, kind, quality=quality, **OPTIONS[kind])
        files.append(stream.getvalue())
    fitting = [data for data in files if len(data) <= limit]
    if not fitting:
        raise SystemExit(f"no {kind} file has at most {limit} bytes; try a higher --bpp")
    return max(fitting, key=len)


def code(picture: Picture, codec: Codec, bpp: float, effort: int) -> list[Shown]:
    """The original and what each codec makes of it, the smallest PSNR last."""
    limit = int(bpp * picture.width * picture.height / 8)
    image = Image.fromarray(picture.pixels)
    others = {kind: largest_file(image, kind, limit) for kind in OPTIONS}
    least = min(map(len, others.values()))
    own = codec.encode(picture, target=Target.size(str(least)), effort=effort, strip=True)
    decoded = {"lcodec": (own, codec.decode(own).pixels)}
    for kind, data in others.items():
        decoded[kind] = (data, from_pil(Image.open(io.BytesIO(data))).pixels)
    shown = [
        Shown(name, pixels, len(data), psnr(picture.pixels, pixels))
        for name, (data, pixels) in decoded.items()
    ]
    return [Shown("original", picture.pixels), *sorted(shown, key=lambda s: -(s.psnr or 0))]


def worst_crop(shown: Sequence[Shown], side: int) -> Region:
    """The square in which the decoded pictures, all together, differ most from the original."""
    original = shown[0].pixels
    height, width = original.shape[:2]
    total = np.sum([error_cells(original, other.pixels) for other in shown[1:]], axis=0)
    found = worst_regions([total], width, height, side=side, count=1)
    return found[0].region if found else Region(0, 0, min(side, width), min(side, height))


def draw(shown: Sequence[Shown], crop: Region, scale: int) -> Image.Image:
    """The crop of all pictures in a row, each pixel ``scale`` times as large, with captions."""
    width, height = crop.width * scale, crop.height * scale
    size = (len(shown) * (width + _GAP) - _GAP, height + 2 * _LINE + 6)
    drawing = Image.new("RGB", size, _BACK)
    pen = ImageDraw.Draw(drawing)
    for number, one in enumerate(shown):
        left = number * (width + _GAP)
        part = Image.fromarray(one.pixels).convert("RGB")
        part = part.crop(
            (crop.left, crop.top, crop.left + crop.width, crop.top + crop.height)
        ).resize((width, height), Image.Resampling.NEAREST)
        drawing.paste(part, (left, 0))
        pen.text((left, height + 4), one.name, _TEXT, ImageFont.load_default(16))
        pen.text((left, height + 4 + _LINE), one.caption, _FAINT, ImageFont.load_default(14))
    return drawing


def save(drawing: Image.Image, path: Path) -> int:
    """Write the drawing as a lossless WebP file; its size.

    Raises:
        SystemExit: it has more than `LARGEST` bytes.
    """
    stream = io.BytesIO()
    drawing.save(stream, "WEBP", lossless=True, method=6, quality=100)
    if len(stream.getvalue()) > LARGEST:
        raise SystemExit(f"{len(stream.getvalue())} bytes, more than {LARGEST}: try a lower --side")
    with atomic_write(path, overwrite=True) as file:
        file.write(stream.getvalue())
    return len(stream.getvalue())


def default_picture() -> Picture:
    """The photograph of the module's text."""
    import skimage.data

    return Picture(skimage.data.chelsea())  # type: ignore[no-untyped-call]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--picture", type=Path, help="another picture")
    parser.add_argument("--bpp", type=float, default=0.3, help="bits per pixel, about")
    parser.add_argument("--side", type=int, default=128, help="side of the crop in pixels")
    parser.add_argument("--crop", help="LEFT,TOP of the crop instead of the worst place")
    parser.add_argument("--scale", type=int, default=2, help="how much a pixel is enlarged")
    parser.add_argument("-e", "--effort", type=int, default=0)
    parser.add_argument("--model", default=default_model())
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    picture = default_picture() if options.picture is None else load(options.picture)
    shown = code(picture, Codec(options.model), options.bpp, options.effort)
    crop = worst_crop(shown, options.side)
    if options.crop is not None:
        left, top = map(int, options.crop.split(","))
        crop = Region(left, top, options.side, options.side)
    size = save(draw(shown, crop, options.scale), options.out)
    for one in shown:
        print(f"{one.name}: {one.caption}")
    print(f"{options.out}: {size} bytes, crop {crop.width}x{crop.height}+{crop.left}+{crop.top}")


if __name__ == "__main__":
    main()
