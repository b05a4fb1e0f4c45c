"""Check how well targets are met: every picture in a folder at five targets, as a table.

    python tools/target_check.py FOLDER [--model NAME] [--limit N] [--effort E] > targets.txt
    python -m tools.results --targets targets.txt

The targets are a size and a bpp for a small file, a bpp and a size for a large one, and a PSNR, all
with real files. A size is met by a file that is not larger, a PSNR by a picture that is not worse
after decoding. The distance is how far the result is on the right side, in percent of the target.
The exit status is 1 if a target that is possible is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from lcodec import Target
from lcodec.bench import find_pictures
from lcodec.errors import TargetError
from lcodec.library.codec import Codec
from lcodec.metrics.distortion import psnr
from lcodec.picture import Picture, load
from lcodec.pipeline.targets import Quantity, percent
from lcodec.tunes import default_model

BPP_LOW, BPP_HIGH, DECIBEL = 0.25, 0.75, 34.0
SIZE_LOW, SIZE_HIGH = 3000 * 8 / (768 * 512), 1.0
"""Bits per pixel of the two sizes; the lower one is 3000 bytes for a picture of Kodak's set."""


@dataclass(frozen=True)
class Check:
    """One picture at one target.

    Attributes:
        met: whether the file is on the right side of the target; None if no file can be.
        reached: bytes, bpp or dB of the file; None without one.
        distance: distance between target and result, in percent of the target.
        kept: share of the latents that were coded; below 1 where even level 0 was too large.
        evaluations: number of files tried.
    """

    picture: str
    target: str
    met: bool | None
    reached: float | None = None
    distance: float | None = None
    quality: int | None = None
    kept: float = 1.0
    evaluations: int = 0


def targets(picture: Picture) -> list[Target]:
    """Sizes for pictures of this many pixels, bits per pixel, and a PSNR."""
    pixels = picture.width * picture.height
    return [
        Target.size(round(SIZE_LOW * pixels / 8)),
        Target.bpp(BPP_LOW),
        Target.bpp(BPP_HIGH),
        Target.size(round(SIZE_HIGH * pixels / 8)),
        Target.psnr(DECIBEL),
    ]


def check(codec: Codec, name: str, picture: Picture, target: Target, effort: int = 0) -> Check:
    """Encode to the target, and measure the file itself."""
    try:
        encoded = codec.encode_detailed(picture, target=target, effort=effort)
    except TargetError:
        return Check(name, str(target), None)
    size = len(encoded.data)
    if target.quantity is Quantity.PSNR:
        reached = psnr(picture.pixels, codec.decode(encoded.data).pixels)
        over = reached - target.value
    else:
        pixels = picture.width * picture.height
        reached = 8 * size / pixels if target.quantity is Quantity.BPP else size
        over = target.value - reached
    distance = 100 * over / target.value
    known = encoded.quality, encoded.kept, encoded.evaluations
    return Check(name, str(target), over >= 0, reached, distance, *known)


def table(checks: list[Check]) -> str:
    """All checks as Markdown, below the summary."""
    lines = [
        summary(checks),
        "",
        "| picture | target | met | reached | distance | quality | tried |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    words = {True: "yes", False: "**no**", None: "cannot be"}
    for c in checks:
        reached = "-" if c.reached is None else f"{c.reached:g}"
        distance = "-" if c.distance is None else f"{c.distance:.2f} %"
        quality = "-" if c.quality is None else str(c.quality)
        quality += f", {percent(c.kept)} of its latents" if c.kept < 1.0 else ""
        row = (c.picture, c.target, words[c.met], reached, distance, quality, str(c.evaluations))
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def summary(checks: list[Check]) -> str:
    """How many were met, and how closely."""
    made = [c for c in checks if c.met is not None]
    if not made:
        return f"None of {len(checks)} targets can be had."
    distances = sorted(c.distance or 0.0 for c in made)
    tried = [c.evaluations for c in made]
    return (
        f"{sum(bool(c.met) for c in made)} of {len(made)} targets met, "
        f"{len(checks) - len(made)} cannot be had. Distance: median "
        f"{distances[len(distances) // 2]:.2f} %, at most {distances[-1]:.2f} %. Files tried: "
        f"{sum(tried) / len(tried):.1f} on average, at most {max(tried)}."
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, help="first pictures only")
    parser.add_argument("--effort", type=int, default=0)
    parser.add_argument("--model", default=default_model())
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, help="also write the checks to this file")
    arguments = parser.parse_args()
    codec = Codec(arguments.model, arguments.device)
    checks = []
    for path in find_pictures(arguments.folder)[: arguments.limit]:
        picture = load(path)
        for target in targets(picture):
            checks.append(check(codec, path.name, picture, target, arguments.effort))
            print(checks[-1], file=sys.stderr, flush=True)
    print(table(checks))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(c) for c in checks], indent=1) + "\n")
    sys.exit(any(c.met is False for c in checks))


if __name__ == "__main__":
    main()
