"""A batch of many small pictures on Ray beside the local engine: time, and equal files.

    pip install 'lcodec[ray]'
    python -m benchmarks.engines [--pictures 10000] [--jobs 2]

Both code the same folder with as many workers, each of one thread; the figure is the ratio of
whole commands, from start to end, those of the cluster included. The exit status is 1 if Ray takes
more than 1.25 times as long or a file differs.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.picture import natural
from benchmarks.processes import ROOT, environment
from benchmarks.speed import processor

BOUND = 1.25
SHEET = 1024
"""Side of the pictures that small ones are cut from."""
PER_FOLDER = 1000


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pictures", type=int, default=10_000, metavar="N")
    parser.add_argument("--size", default="128x96", metavar="WxH", help="of each picture")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="workers of each engine")
    options = parser.parse_args()
    width, _, height = options.size.partition("x")
    with tempfile.TemporaryDirectory(prefix="lcodec-engines-") as name:
        folder = Path(name)
        draw(folder / "pictures", options.pictures, int(width), int(height))
        seconds = {}
        for engine, more in (
            ("local", ["--jobs", str(options.jobs)]),
            ("ray", ["--jobs", str(options.jobs), "--engine", "ray"]),
        ):
            command = [
                sys.executable,
                "-m",
                "lcodec",
                "batch",
                "pictures",
                engine,
                "--quiet",
                *more,
            ]
            start = time.perf_counter()
            subprocess.run(command, cwd=folder, env=environment(ROOT, 1), check=True)
            seconds[engine] = time.perf_counter() - start
            print(f"{engine}: {seconds[engine]:.1f} s", flush=True)
        same = digests(folder / "local") == digests(folder / "ray")
    ratio = seconds["ray"] / seconds["local"]
    print(
        f"{processor()}: {options.pictures} pictures of {options.size}, {options.jobs} workers:"
        f" Ray takes {ratio:.3f} times as long; files {'equal' if same else 'DIFFER'}"
    )
    sys.exit(not same or ratio > BOUND)


def draw(folder: Path, count: int, width: int, height: int) -> None:
    """So many different pictures, as PNG."""
    random = np.random.default_rng(1)
    sheets = [natural(SHEET, SHEET, seed) for seed in range(4)]
    for number in range(count):
        top, left = random.integers(SHEET - height), random.integers(SHEET - width)
        cut = sheets[number % len(sheets)][top : top + height, left : left + width]
        path = folder / f"{number // PER_FOLDER:03d}" / f"{number:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(cut).save(path, compress_level=1)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path there."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.lic"))
    }


if __name__ == "__main__":
    main()
