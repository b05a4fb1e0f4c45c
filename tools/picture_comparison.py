#!/usr/bin/env python3
"""Draw crops of photographs from files of lcodec and other codecs of equal size.

    python tools/picture_comparison.py              # docs/comparison.webp: one crop, all codecs
    python tools/picture_comparison.py --gallery    # docs/crops.webp: ten crops beside AVIF

lcodec makes the best file of at most the size asked for, every other codec the smallest with at
least as many bytes, so that lcodec never has more. A crop is where the decoded pictures, summed
over all codecs, differ most from the original. The photographs come with scikit-image.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lcodec.bench.peers import PEERS, Peer
from lcodec.bench.regions import error_cells, worst_regions
from lcodec.library.codec import Codec
from lcodec.metrics.ssimulacra2 import ssimulacra2
from lcodec.picture import Picture, Samples, load
from lcodec.pipeline.targets import Target
from lcodec.process.atomic import atomic_write
from lcodec.region import Region
from lcodec.tunes import default_model

DOCS = Path(__file__).resolve().parent.parent / "docs"
OUT = DOCS / "comparison.webp"
GALLERY = DOCS / "crops.webp"
LARGEST = {OUT: 250_000, GALLERY: 1_200_000}
"""Most bytes of a drawing."""

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
CROPS = 2
"""Crops of each photograph in the gallery."""

NAMES = {"avif444": "AVIF", "jxl": "JPEG XL", "webp": "WebP", "jpeg": "JPEG"}

_GAP, _LINE = 8, 20
_BACK, _TEXT, _FAINT = (255, 255, 255), (29, 33, 38), (91, 100, 110)


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture in the drawing, and the file it was decoded from.

    ``points`` are its SSIMULACRA2; None for the original.
    """

    name: str
    pixels: Samples
    bytes: int | None = None
    points: float | None = None

    @property
    def caption(self) -> str:
        """The figures under the name."""
        if self.bytes is None or self.points is None:
            height, width = self.pixels.shape[:2]
            return f"{width} x {height} pixels"
        return f"{self.bytes} bytes, SSIM.2 {self.points:.1f}"


def smallest_file(peer: Peer, pixels: Samples, least: int) -> bytes:
    """The smallest file of a codec with at least ``least`` bytes, trying rising settings.

    Raises:
        SystemExit: none is as large.
    """
    settings: Sequence[float] = range(101)
    if peer.name == "jxl":
        settings = [25.0 * 0.95**step for step in range(110)]
    low, high = 0, len(settings)
    found = b""
    while low < high:
        middle = (low + high) // 2
        data = peer.encode(pixels, settings[middle])
        if len(data) >= least:
            high, found = middle, data
        else:
            low = middle + 1
    if not found:
        raise SystemExit(f"no {peer.title} file has {least} bytes; try a lower --bpp")
    return found


def code(
    picture: Picture, codec: Codec, bpp: float, effort: int, peers: Sequence[str] = tuple(NAMES)
) -> list[Shown]:
    """The original, and each codec's version of it."""
    limit = int(bpp * picture.width * picture.height / 8)
    own = codec.encode(picture, target=Target.size(limit), effort=effort, strip=True)
    decoded = {"lcodec": (own, codec.decode(own).pixels)}
    for name in peers:
        data = smallest_file(PEERS[name], picture.pixels, len(own))
        decoded[NAMES[name]] = (data, PEERS[name].decode(data))
    shown = [
        Shown(name, pixels, len(data), ssimulacra2(picture.pixels, pixels))
        for name, (data, pixels) in decoded.items()
    ]
    return [Shown("original", picture.pixels), *shown]


def worst_crops(shown: Sequence[Shown], side: int, count: int = 1) -> list[Region]:
    """The squares where the decoded pictures, in total, differ most from the original."""
    original = shown[0].pixels
    height, width = original.shape[:2]
    total = np.sum([error_cells(original, other.pixels) for other in shown[1:]], axis=0)
    found = worst_regions([total], width, height, side=side, count=count)
    if not found:
        return [Region(0, 0, min(side, width), min(side, height))]
    return [one.region for one in found]


def draw(shown: Sequence[Shown], crop: Region, scale: int) -> Image.Image:
    """The crop of all pictures in a row, enlarged ``scale`` times, with captions."""
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


def stacked(drawings: Sequence[Image.Image]) -> Image.Image:
    """Drawings one below the other."""
    width = max(drawing.width for drawing in drawings)
    height = sum(drawing.height + _GAP for drawing in drawings) - _GAP
    whole = Image.new("RGB", (width, height), _BACK)
    top = 0
    for drawing in drawings:
        whole.paste(drawing, (0, top))
        top += drawing.height + _GAP
    return whole


def save(drawing: Image.Image, path: Path, largest: int) -> int:
    """Write the drawing as a lossless WebP file; returns its size.

    Raises:
        SystemExit: the file has more than ``largest`` bytes.
    """
    stream = io.BytesIO()
    drawing.save(stream, "WEBP", lossless=True, method=6, quality=100)
    if len(stream.getvalue()) > largest:
        raise SystemExit(f"{len(stream.getvalue())} bytes, more than {largest}: try a lower --side")
    with atomic_write(path, overwrite=True) as file:
        file.write(stream.getvalue())
    return len(stream.getvalue())


def photograph(name: str) -> Picture:
    """A photograph that comes with scikit-image."""
    import skimage

    return load(Path(skimage.__file__).parent / "data" / name).stripped()


def gallery(codec: Codec, bpp: float, effort: int, side: int, scale: int) -> Image.Image:
    """Crops of all `PHOTOGRAPHS`: original, lcodec, AVIF."""
    drawings = []
    for name in PHOTOGRAPHS:
        shown = code(photograph(name), codec, bpp, effort, ("avif444",))
        for crop in worst_crops(shown, side, CROPS):
            drawings.append(draw(shown, crop, scale))
        for one in shown[1:]:
            print(f"{name}: {one.name}: {one.caption}")
    return stacked(drawings)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gallery", action="store_true", help="ten crops beside AVIF")
    parser.add_argument("--picture", type=Path, help="another picture")
    parser.add_argument("--bpp", type=float, default=0.3, help="approximate bits per pixel")
    parser.add_argument("--side", type=int, default=128, help="side of a crop in pixels")
    parser.add_argument("--scale", type=int, default=2, help="enlargement of the crops")
    parser.add_argument("-e", "--effort", type=int, default=0)
    parser.add_argument("--model", default=default_model())
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    codec = Codec(options.model)
    out = options.out or (GALLERY if options.gallery else OUT)
    if options.gallery:
        drawing = gallery(codec, options.bpp, options.effort, options.side, options.scale)
    else:
        picture = photograph("chelsea.png") if options.picture is None else load(options.picture)
        shown = code(picture, codec, options.bpp, options.effort)
        (crop,) = worst_crops(shown, options.side)
        drawing = draw(shown, crop, options.scale)
        for one in shown:
            print(f"{one.name}: {one.caption}")
        print(f"crop {crop.width}x{crop.height}+{crop.left}+{crop.top}")
    size = save(drawing, out, LARGEST.get(out, LARGEST[GALLERY]))
    print(f"{out}: {size} bytes")


if __name__ == "__main__":
    main()
