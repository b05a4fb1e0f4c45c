#!/usr/bin/env python3
"""Measure the visual tune by measures that nothing was trained on, and in smooth areas.

    python -m tools.visual_check kodak

At a few levels, every picture is encoded with the tune visual; the tune psnr gets the same size,
AVIF (4:4:4, speed 6) the smallest file that is not smaller. Means over the pictures go into
docs/visual.md: ColorVideoVDP, HaarPSI, VIF (pixel domain), DSS and MS-SSIM; blockiness and drift of
smooth areas; and how many bytes more or less than AVIF's the tune visual needs at equal quality by
each measure, where AVIF's mean curve is interpolated between its usual settings. The first four
need cvvdp and piq, and these a torchvision that matches their torch: install them into a separate
environment.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from lcodec.bench import find_pictures
from lcodec.bench.peers import PEERS
from lcodec.errors import TargetError
from lcodec.library.codec import Codec
from lcodec.metrics.msssim import ms_ssim
from lcodec.metrics.smooth import blockiness, drift
from lcodec.picture import Samples, load
from lcodec.pipeline.targets import Target
from tools.picture_comparison import smallest_file
from tools.results import put

LEVELS = (30, 50, 75, 85)
AVIF = PEERS["avif444"]
MEASURES = {"CVVDP": 3, "HaarPSI": 4, "VIF": 4, "DSS": 4, "MS-SSIM": 4}
"""Decimals of each measure; ColorVideoVDP counts just objectionable differences down from 10."""

Row = dict[str, float]


@cache
def observer() -> Any:
    """ColorVideoVDP for a 30-inch screen of 3840 x 2160 pixels, seen from 75 cm."""
    import pycvvdp

    return pycvvdp.cvvdp(display_name="standard_4k")


def unseen(reference: Samples, decoded: Samples) -> Row:
    """Measures of two 8-bit pictures, by name as in `MEASURES`."""
    import piq

    def planes(pixels: Samples) -> Tensor:
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255.0

    pair: tuple[Any, Any] = planes(decoded), planes(reference)
    return {
        "CVVDP": float(observer().predict(decoded, reference, dim_order="HWC")[0]),
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
        avif = smallest_file(AVIF, picture.pixels, len(own))
        decoded = {
            "visual": visual.decode(own).pixels,
            "psnr": psnr.decode(other).pixels,
            "AVIF": AVIF.decode(avif),
        }
        sizes = {"visual": len(own), "psnr": len(other), "AVIF": len(avif)}
        for name, pixels in decoded.items():
            seen = unseen(picture.pixels, pixels) | smooth(picture.pixels, pixels)
            rows[name].append({"bytes": float(sizes[name]), **seen})
    return {name: mean(values) for name, values in rows.items()}


def avif_curve(pictures: Sequence[Path]) -> list[Row]:
    """Mean bytes and measures of AVIF at each of its settings."""
    curve = []
    for setting in AVIF.settings:
        rows = []
        for path in pictures:
            pixels = load(path).stripped().pixels
            data = AVIF.encode(pixels, setting)
            rows.append({"bytes": float(len(data)), **unseen(pixels, AVIF.decode(data))})
        curve.append(mean(rows))
    return curve


def relative_bytes(row: Row, curve: Sequence[Row], name: str) -> float:
    """Bytes of a row relative to those that the curve needs for the same value of a measure.

    The logarithm of the bytes is interpolated by PCHIP, as for BD-rates; NaN beyond the curve.
    """
    known = sorted((point[name], math.log(point["bytes"])) for point in curve)
    needed = PchipInterpolator(*zip(*known, strict=True), extrapolate=False)(row[name])
    return row["bytes"] / math.exp(float(needed))


def needed_table(found: dict[int, dict[str, Row]], curve: Sequence[Row]) -> str:
    """The tune visual against AVIF at equal quality by each measure, as Markdown."""
    lines = [f"| level | {' | '.join(MEASURES)} |", "|---:|" + "---:|" * len(MEASURES)]
    for level, row in found.items():
        rates = (relative_bytes(row["visual"], curve, name) - 1.0 for name in MEASURES)
        lines.append(f"| {level} | {' | '.join(f'{100 * rate:+.0f} %' for rate in rates)} |")
    return "\n".join(lines)


def unseen_table(found: dict[int, dict[str, Row]]) -> str:
    """All three at equal bytes by the measures that nothing was trained on, as Markdown."""
    lines = [
        f"| level | codec | bytes | {' | '.join(MEASURES)} |",
        "|---:|---|---:|" + "---:|" * len(MEASURES),
    ]
    for level, row in found.items():
        for name, one in row.items():
            cells = " | ".join(f"{one[kind]:.{digits}f}" for kind, digits in MEASURES.items())
            lines.append(f"| {level} | {name} | {one['bytes']:.0f} | {cells} |")
    return "\n".join(lines)


def smooth_table(found: dict[int, dict[str, Row]]) -> str:
    """Smooth areas of all three at equal bytes, as Markdown."""
    lines = ["| level | codec | bytes | blockiness | drift |", "|---:|---|---:|---:|---:|"]
    for level, row in found.items():
        for name, one in row.items():
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
    put("needed", needed_table(found, avif_curve(pictures)) + "\n" + note)


if __name__ == "__main__":
    main()
