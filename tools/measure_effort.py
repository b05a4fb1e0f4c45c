"""Gain and cost of encoding effort: BD-rate against effort 0 and CPU seconds, as JSON.

    python tools/measure_effort.py kodak --quality 30,50,75 --effort=-1,1,2,3,6 > seen.json
    python tools/measure_effort.py kodak --quality 15,50,85 --effort 1,2,3,6 --model groupedmixer \
        > effort.json
    python -m tools.results --effort effort.json --effort-visual seen.json

Encodes and decodes real files of the pictures in a folder. BD-rates of the mean curves at equal
SSIMULACRA2, MS-SSIM and RGB PSNR, less those that there are none of, as in MS-SSIM of small
pictures. The first and the last picture are encoded once more, on one
thread, for the seconds of CPU time, on which other work on the machine has little effect.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch

from lcodec.bench import BenchResult, PictureResult, bd_rate, find_pictures, run
from lcodec.bench.curves import Metric
from lcodec.cli.bench import parse_levels
from lcodec.effort import EFFORT_MAX, EFFORT_MIN
from lcodec.errors import UsageError
from lcodec.library.codec import Codec
from lcodec.picture import load
from lcodec.tunes import default_model

METRICS: tuple[Metric, ...] = ("ssimulacra2", "ms_ssim", "psnr")


def measure(codec: Codec, pictures: list[Path], qualities: list[int], effort: int) -> BenchResult:
    """All pictures at all qualities at one effort."""

    def shown(done: int, total: int, result: PictureResult) -> None:
        note = f"effort {effort}: {done}/{total} {result.picture} q{result.quality}"
        print(f"{note}: {result.bpp:.4f} bpp, {result.psnr:.3f} dB", file=sys.stderr, flush=True)

    return run(codec, pictures, qualities, effort=effort, name=f"e{effort}", progress=shown)


def cpu_seconds(codec: Codec, pictures: list[Path], qualities: list[int], effort: int) -> float:
    """Mean CPU time of encoding a picture on one thread, warm."""
    torch.set_num_threads(1)
    loaded = [load(path).stripped() for path in pictures]
    codec.encode(loaded[0], qualities[0], effort=effort)
    start = time.process_time()
    for picture in loaded:
        for quality in qualities:
            codec.encode(picture, quality, effort=effort)
    return (time.process_time() - start) / (len(loaded) * len(qualities))


def row(plain: BenchResult, result: BenchResult, effort: int, seconds: float) -> dict[str, float]:
    """The figures of one effort level."""
    figures: dict[str, float] = {"effort": effort}
    for metric in METRICS:
        with suppress(UsageError):  # the curves lack the measure, or share no range of it
            figures[metric] = bd_rate(plain.curve(), result.curve(), metric=metric).percent
    return figures | {"encode_seconds": seconds}


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--effort", default=",".join(map(str, range(EFFORT_MIN, EFFORT_MAX + 1))))
    parser.add_argument("--quality", default="5,25,50,75,95")
    parser.add_argument("--model", default=default_model())
    parser.add_argument("--device", default="auto")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth picture only")
    arguments = parser.parse_args(words)
    efforts = sorted({0, *(int(e) for e in arguments.effort.split(","))})
    if efforts[0] < EFFORT_MIN or efforts[-1] > EFFORT_MAX:
        parser.error(f"--effort {arguments.effort}: must be from {EFFORT_MIN} to {EFFORT_MAX}")
    try:
        qualities = list(parse_levels(arguments.quality, least=2))
    except UsageError as error:
        parser.error(str(error))
    pictures = find_pictures(arguments.folder)[:: arguments.every]
    codec = Codec(arguments.model, arguments.device)
    results = {effort: measure(codec, pictures, qualities, effort) for effort in efforts}
    timed = [pictures[0], *pictures[1:][-1:]]
    rows = [
        row(results[0], found, effort, cpu_seconds(codec, timed, qualities, effort))
        for effort, found in results.items()
    ]
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
