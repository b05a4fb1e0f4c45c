"""Estimate rate and distortion of training runs from their networks, without export or coding.

    python tools/estimate.py runs/a [runs/b ...] --set kodak [--quality 5,25,50,75,95]

A run may also be a released model. For each, this prints mean rates, PSNR, SSIMULACRA2, and costs:
bits per pixel together with what distortions are worth to the tune, which is what training makes
smaller; blockiness and drift of smooth areas (`lcodec.metrics.smooth`); the BD-rate against VTM 9.1
(a published curve for the 24 Kodak pictures: over other pictures the figure only serves to compare
runs); and from the second run on, BD-rates against the first in PSNR and SSIMULACRA2, the latter
also from 30 to 85, and by how much the costs differ. Rates are those of the rounded latents under
the float networks; `--integers` adds the rounding of the parse path. Qualities are those of the
networks, without the scale of a release. Sides are cropped to multiples of 64. Real files
(`lcodec bench`) are about 1 % larger.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from lcodec.bench import find_pictures, published_curve
from lcodec.bench.bdrate import NAMES, bd_rate
from lcodec.bench.curves import ANCHOR, Curve, Metric
from lcodec.cli.bench import parse_levels
from lcodec.errors import UsageError
from lcodec.metrics.distortion import psnr
from lcodec.metrics.smooth import blockiness, drift
from lcodec.metrics.ssimulacra2 import ssimulacra2
from lcodec.nets.precision import reduced_precision
from lcodec.nets.transforms import HYPER_STRIDE, PATCH
from lcodec.nets.tune import Tune
from lcodec.picture import Samples, load
from lcodec.training.export import load_run
from lcodec.training.objective import costs, distortions
from lcodec.training.start import is_released
from lcodec.twin.codec import TwinCodec
from lcodec.twin.restore import restore_model


def load_model(folder: Path) -> TwinCodec:
    """The averaged weights of a run, or a released model."""
    return restore_model(folder).eval() if is_released(folder) else load_run(folder)


def whole(pixels: Samples) -> Samples:
    """The part of a picture (H, W, 3) that whole hyper-latents cover, from the top left."""
    unit = PATCH * HYPER_STRIDE
    return pixels[: pixels.shape[0] // unit * unit, : pixels.shape[1] // unit * unit]


class Point(NamedTuple):
    """Bits per pixel, PSNR in dB, SSIMULACRA2, cost; measures of smooth areas, if there are any."""

    bpp: float
    psnr: float
    ssimulacra2: float
    cost: float
    blockiness: float | None
    drift: float | None


@torch.no_grad()
def point(model: TwinCodec, pixels: Samples, quality: int) -> Point:
    """The estimate for one 8-bit colour picture (H, W, 3) of whole hyper-latents."""
    picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255.0
    given = torch.tensor([float(quality)])
    with reduced_precision(picture.device):
        out = model(picture, given)
    planes = (255.0 * out.pixels.float()).round().clamp(0, 255)
    shown = planes[0].to(torch.uint8).permute(1, 2, 0).numpy()
    bpp = (out.bits_y + out.bits_z) / (pixels.shape[0] * pixels.shape[1])
    tune = model.config.factors
    cost = costs(bpp, tune, given, *distortions(tune, picture, planes / 255.0))
    seen = ssimulacra2(pixels, shown)
    smooth = blockiness(pixels, shown), drift(pixels, shown)
    return Point(float(bpp), psnr(pixels, shown), seen, float(cost), *smooth)


def mean(points: Sequence[Point]) -> Point:
    """Means of the known values."""
    means = []
    for values in zip(*points, strict=True):
        known = [value for value in values if value is not None]
        means.append(statistics.fmean(known) if known else None)
    return Point(*means)  # type: ignore[arg-type]


def line(found: Point) -> str:
    """The figures of a quality as a line."""
    text = f"{found.bpp:.4f} bpp, {found.psnr:.3f} dB, SSIMULACRA2 {found.ssimulacra2:.2f}"
    text += f", cost {found.cost:.4f}"
    if found.blockiness is not None and found.drift is not None:
        text += f", blockiness {found.blockiness:.3f}, drift {found.drift:.3f}"
    return text


def curve(name: str, points: Sequence[Point]) -> Curve:
    """The curve of the means at several qualities."""
    return Curve.from_points(name, [(p.bpp, p.psnr, None, p.ssimulacra2) for p in points])


def comparison(first: Curve, found: Curve) -> str:
    """BD-rates in both measures; in SSIMULACRA2 also between medium and high quality."""
    parts = []
    kinds: tuple[tuple[Metric, tuple[float, float] | None], ...]
    kinds = ("psnr", None), ("ssimulacra2", None), ("ssimulacra2", (30.0, 85.0))
    for metric, within in kinds:
        try:
            rate = bd_rate(first, found, metric=metric, within=within)
        except UsageError:  # no common range
            continue
        place = "" if within is None else f" from {within[0]:.0f} to {within[1]:.0f}"
        parts.append(f"{rate.percent:+.2f} % in {NAMES[metric]}{place}")
    return ", ".join(parts) or "no common range"


def cost_changes(first: Sequence[Point], found: Sequence[Point]) -> str:
    """By how much the costs of a run differ from those of the first, for each quality."""
    changes = [100.0 * (b.cost / a.cost - 1.0) for a, b in zip(first, found, strict=True)]
    each = ", ".join(f"{change:+.1f}" for change in changes)
    return f"{statistics.fmean(changes):+.2f} % in cost ({each} %)"


def against_published(found: Curve) -> str:
    """The BD-rate against VTM, or why there is none."""
    try:
        return f"{bd_rate(published_curve(ANCHOR), found).percent:+.1f} % against VTM 9.1"
    except UsageError as error:
        return f"no BD-rate against VTM 9.1: {error}"


def main(words: Sequence[str] | None = None) -> None:
    """Estimate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--set", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--only", help="names of pictures without suffix, separated by commas")
    parser.add_argument("--quality", default="5,25,50,75,95")
    parser.add_argument("--integers", action="store_true", help="round like the parse path")
    parser.add_argument("--threads", type=int, help="CPU threads; all if not given")
    options = parser.parse_args(words)
    try:
        qualities = sorted(parse_levels(options.quality, least=2))
    except UsageError as error:
        parser.error(str(error))
    if options.threads:
        torch.set_num_threads(options.threads)
    paths = find_pictures(options.set)
    if options.only:
        wanted = set(options.only.split(","))
        missing = sorted(wanted - {path.stem for path in paths})
        if missing:
            parser.error(f"{options.set}: no picture {', '.join(missing)}")
        paths = [path for path in paths if path.stem in wanted]
    pictures = [whole(load(path).pixels) for path in paths]
    first: tuple[Curve, list[Point], Tune] | None = None
    for run in options.runs:
        model = load_model(run)
        model.kit.rounding.enabled = options.integers
        points = []
        for quality in qualities:
            points.append(mean([point(model, pixels, quality) for pixels in pictures]))
            print(f"{run}: {quality}: {line(points[-1])}", flush=True)
        found = curve(str(run), points)
        print(f"{run}: {against_published(found)}")
        if first is not None:
            against, first_points, tune = first
            changes = comparison(against, found)
            if model.config.factors == tune:
                changes += f", {cost_changes(first_points, points)}"
            print(f"{run}: {changes} against {against.name}")
        first = first or (found, points, model.config.factors)


if __name__ == "__main__":
    main()
