#!/usr/bin/env python3
"""Measure the visual tune by measures that nothing was trained on, and in smooth areas.

    python -m tools.visual_check kodak

At a few levels, every picture is encoded with the tune visual; the tune psnr gets the same size,
AVIF (4:4:4, speed 6) the smallest file that is not smaller. Means over the pictures go into
docs/visual.md: HaarPSI, VIF (pixel domain), DSS and MS-SSIM of both tunes, blockiness and drift of
smooth areas compared with AVIF. The first three need piq, which needs a torchvision that matches
its torch: install it into a separate environment.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcodec.bench import find_pictures
from lcodec.bench.peers import PEERS
from lcodec.codec import Codec
from lcodec.errors import TargetError
from lcodec.metrics.msssim import ms_ssim
from lcodec.metrics.smooth import blockiness, drift
from lcodec.picture import Samples, load
from lcodec.pipeline.targets import Target
from tools.picture_comparison import smallest_file
from tools.results import put

LEVELS = (30, 50, 75, 85)

Row = dict[str, float]


def unseen(reference: Samples, decoded: Samples) -> Row:
    """HaarPSI, VIF, DSS and MS-SSIM of two 8-bit pictures."""
    import piq

    def planes(pixels: Samples) -> Tensor:
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255.0

    pair: tuple[Any, Any] = planes(decoded), planes(reference)
    return {
        "HaarPSI": float(piq.haarpsi(*pair)),
        "VIF": float(piq.vif_p(*pair)),
        "DSS": float(piq.dss(*pair)),
        "MS-SSIM": ms_ssim(reference, decoded),
    }


def smooth(reference: Samples, decoded: Samples) -> Row:
    """Blockiness and drift; NaN if the picture has no smooth area."""
    values = {"blockiness": blockiness(reference, decoded), "drift": drift(reference, decoded)}
    return {name: math.nan if value is None else value for name, value in values.items()}


def mean(rows: Sequence[Row]) -> Row:
    """Means by name, over the rows that have a number."""
    means = {}
    for name in rows[0]:
        known = [row[name] for row in rows if not math.isnan(row[name])]
        means[name] = math.fsum(known) / len(known) if known else math.nan
    return means


def measure(pictures: Sequence[Path], level: int, visual: Codec, psnr: Codec) -> dict[str, Row]:
    """Means over the pictures at one level of the tune visual, by codec."""
    rows: dict[str, list[Row]] = {"visual": [], "psnr": [], "AVIF": []}
    for path in pictures:
        picture = load(path).stripped()
        own = visual.encode(picture, level)
        try:
            other = psnr.encode(picture, target=Target.size(len(own)))
        except TargetError:  # its smallest file is larger
            other = psnr.encode(picture, 0)
        avif = smallest_file(PEERS["avif444"], picture.pixels, len(own))
        decoded = {
            "visual": visual.decode(own).pixels,
            "psnr": psnr.decode(other).pixels,
            "AVIF": PEERS["avif444"].decode(avif),
        }
        sizes = {"visual": len(own), "psnr": len(other), "AVIF": len(avif)}
        for name, pixels in decoded.items():
            found = {"bytes": float(sizes[name]), **smooth(picture.pixels, pixels)}
            if name != "AVIF":
                found |= unseen(picture.pixels, pixels)
            rows[name].append(found)
    return {name: mean(values) for name, values in rows.items()}


def unseen_table(found: dict[int, dict[str, Row]]) -> str:
    """Both tunes at equal bytes, as Markdown."""
    names = ("HaarPSI", "VIF", "DSS", "MS-SSIM")
    lines = [f"| level | tune | bytes | {' | '.join(names)} |", "|---:|---|---:|" + "---:|" * 4]
    for level, row in found.items():
        for tune in ("visual", "psnr"):
            cells = " | ".join(f"{row[tune][name]:.4f}" for name in names)
            lines.append(f"| {level} | {tune} | {row[tune]['bytes']:.0f} | {cells} |")
    return "\n".join(lines)


def smooth_table(found: dict[int, dict[str, Row]]) -> str:
    """Smooth areas of all three at equal bytes, as Markdown."""
    lines = ["| level | codec | bytes | blockiness | drift |", "|---:|---|---:|---:|---:|"]
    for level, row in found.items():
        for name in ("visual", "psnr", "AVIF"):
            one = row[name]
            lines.append(
                f"| {level} | {name} | {one['bytes']:.0f} | {one['blockiness']:.3f} "
                f"| {one['drift']:.3f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pictures", type=Path, help="folder of 8-bit colour pictures")
    parser.add_argument("--every", type=int, default=1, help="use only every Nth picture")
    options = parser.parse_args()
    pictures = find_pictures(options.pictures)[:: options.every]
    visual, psnr = Codec(tune="visual"), Codec(tune="psnr")
    found = {level: measure(pictures, level, visual, psnr) for level in LEVELS}
    note = f"\nMeans of {len(pictures)} pictures.\n"
    put("unseen", unseen_table(found) + "\n" + note)
    put("smooth", smooth_table(found) + "\n" + note)


if __name__ == "__main__":
    main()
