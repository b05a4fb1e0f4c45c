"""Rate and distortion of runs in training, from their networks alone: nothing is exported or coded.

    python tools/estimate.py runs/a [runs/b ...] --set kodak [--quality 5,25,50,75,95]

A run may also be a released model. Of each the mean rates and PSNRs are printed, its BD-rate
against VTM 9.1 (a published curve of the 24 Kodak pictures: over other pictures the figure only
serves to compare runs) and, from the second run on, against the first. Rates are those of the
rounded latents under the float networks; `--integers` adds the rounding of the parse path. Sides
are cut to multiples of 64. Real files (`lcodec bench`) come out about 1 % larger.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch

from lcodec.bench import find_pictures, published_curve
from lcodec.bench.bdrate import bd_rate
from lcodec.bench.curves import ANCHOR, Curve
from lcodec.metrics.distortion import psnr
from lcodec.nets.transforms import HYPER_STRIDE, PATCH
from lcodec.picture import Samples, load
from lcodec.training.export import load_run
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


@torch.no_grad()
def point(model: TwinCodec, pixels: Samples, quality: int) -> tuple[float, float]:
    """Estimated bits per pixel and PSNR in dB of one 8-bit colour picture (H, W, 3)."""
    picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255.0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(picture, torch.tensor([float(quality)]))
    shown = (255.0 * out.pixels[0]).round().clamp(0, 255).to(torch.uint8)
    bpp = float(out.bits_y + out.bits_z) / (pixels.shape[0] * pixels.shape[1])
    return bpp, psnr(pixels, shown.permute(1, 2, 0).numpy())


def curve(
    name: str, model: TwinCodec, pictures: Sequence[Samples], qualities: Sequence[int]
) -> Curve:
    """Means over all pictures at each quality."""
    points = []
    for quality in qualities:
        each = [point(model, pixels, quality) for pixels in pictures]
        points.append(tuple(statistics.fmean(values) for values in zip(*each, strict=True)))
    return Curve.from_points(name, points)


def main(words: Sequence[str] | None = None) -> None:
    """Estimate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--set", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--only", help="names of pictures without ending, separated by commas")
    parser.add_argument("--quality", default="5,25,50,75,95")
    parser.add_argument("--integers", action="store_true", help="round like the parse path")
    parser.add_argument("--threads", type=int, help="CPU threads; all if not given")
    options = parser.parse_args(words)
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
    qualities = sorted({int(q) for q in options.quality.split(",")})
    first: Curve | None = None
    for run in options.runs:
        model = load_model(run)
        model.kit.rounding.enabled = options.integers
        found = curve(str(run), model, pictures, qualities)
        for bpp, decibels in zip(found.bpp, found.psnr, strict=True):
            print(f"{run}: {bpp:.4f} bpp, {decibels:.3f} dB")
        print(f"{run}: {bd_rate(published_curve(ANCHOR), found).percent:+.1f} % against VTM 9.1")
        if first is not None:
            print(f"{run}: {bd_rate(first, found).percent:+.1f} % against {first.name}")
        first = first or found


if __name__ == "__main__":
    main()
