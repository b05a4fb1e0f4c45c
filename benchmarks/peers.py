"""lcodec and other codecs on one machine in one run: time, memory, start-up.

    pip install -r benchmarks/peers-requirements.txt
    python -m benchmarks.peers --json peers.json --plot peers.svg

Every codec codes the same picture in a fresh process, once cold and then warm; the codecs take
turns, so that other load on the machine affects all of them. Codecs that are not installed are left
out, with a message. The plot shows decoding time against BD-rate over VTM, in PSNR on Kodak, for
codecs with known curves: published ones, and that in a file of `lcodec bench --json`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.picture import natural
from benchmarks.processes import ROOT, environment
from benchmarks.speed import processor
from lcodec.bench import bd_rate, load_result, published_curve
from lcodec.startup import settings


class Entry(NamedTuple):
    """A codec: its name in `benchmarks.peerworker`, its title, its published curve."""

    name: str
    title: str
    curve: str | None = None


OWN = "lcodec:groupedmixer"
CODECS = (
    Entry("lcodec:groupedmixer-visual", "lcodec, groupedmixer-visual"),
    Entry(OWN, "lcodec, groupedmixer"),
    Entry("lcodec:groupedmixer-fast", "lcodec, groupedmixer-fast"),
    Entry("lcodec:checkerboard", "lcodec, checkerboard"),
    Entry("lcodec:memplusplus", "lcodec, MEM++"),
    Entry("lcodec:econtextformer", "lcodec, eContextformer"),
    Entry("compressai:bmshj2018-hyperprior", "CompressAI, bmshj2018-hyperprior", "hyperprior"),
    Entry("compressai:mbt2018-mean", "CompressAI, mbt2018-mean", "mbt2018-mean"),
    Entry("compressai:cheng2020-anchor", "CompressAI, cheng2020-anchor", "cheng2020-anchor"),
    Entry("avif:6", "AVIF 4:4:4, speed 6", "avif444_10b_s6_psnr"),
    Entry("avif:3", "AVIF 4:4:4, speed 3"),
    Entry("jxl:7", "JPEG XL, effort 7", "jxl"),
    Entry("jxl:9", "JPEG XL, effort 9"),
    Entry("webp", "WebP, method 6", "webp"),
    Entry("jpeg", "JPEG 4:2:0", "jpeg420"),
)
ANCHOR = "vtm"
Figures = dict[str, float]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--codecs", help="names, separated by commas; all if not given")
    parser.add_argument("--threads", default="1,2", help="numbers of threads")
    parser.add_argument("--rounds", type=int, default=3, help="warm repetitions in each process")
    parser.add_argument("--turns", type=int, default=2, help="number of processes per codec")
    parser.add_argument("--size", default="768x512", metavar="WxH", help="size of the picture")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    parser.add_argument("--bench", type=Path, metavar="FILE", help="curve of lcodec in the plot")
    options = parser.parse_args()
    wanted = options.codecs.split(",") if options.codecs else [entry.name for entry in CODECS]
    entries = [entry for entry in CODECS if entry.name in wanted]
    width, _, height = options.size.partition("x")
    with tempfile.TemporaryDirectory(prefix="lcodec-peers-") as name:
        picture = Path(name) / "picture.npy"
        np.save(picture, natural(int(width), int(height)))
        found = {
            threads: measure(entries, picture, threads, options.rounds, options.turns)
            for threads in map(int, options.threads.split(","))
        }
    megapixels = int(width) * int(height) / 1e6
    for threads, figures in found.items():
        print(f"\n{processor()}, {os.cpu_count()} processors, {threads} threads\n")
        print("\n".join(table(entries, figures, megapixels)))
    if options.json:
        tree = {"processor": processor(), "megapixels": megapixels, "threads": found}
        options.json.write_text(json.dumps(tree, indent=1) + "\n", "utf-8")
    if options.plot:
        figures = found[min(found)]
        plot(entries, figures, megapixels, options.plot, bench=options.bench)


def measure(
    entries: Sequence[Entry], picture: Path, threads: int, rounds: int, turns: int
) -> dict[str, Figures]:
    """Medians over the turns, by codec; codecs that do not run are left out."""
    found: dict[str, list[Figures]] = {}
    missing: set[str] = set()
    for _ in range(turns):
        for entry in entries:
            if entry.name not in missing:
                try:
                    found.setdefault(entry.name, []).append(
                        run(entry.name, picture, threads, rounds)
                    )
                except RuntimeError as error:
                    missing.add(entry.name)
                    found.pop(entry.name, None)
                    print(f"{entry.title}: left out: {error}", file=sys.stderr)
    return {
        name: {key: statistics.median(one[key] for one in every) for key in every[0]}
        for name, every in found.items()
    }


def run(name: str, picture: Path, threads: int, rounds: int) -> Figures:
    """The report of one process: seconds, bytes of memory, "start" in seconds.

    Raises:
        RuntimeError: it fails; the message is its last line.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peerworker", name, picture, str(threads), str(rounds)],
        cwd=ROOT,
        env=environment(ROOT, threads) | settings(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    ready = time.perf_counter() - start
    said, errors = process.communicate()
    if process.returncode:
        raise RuntimeError((errors.strip().splitlines() or ["no message"])[-1])
    figures: Figures = json.loads(said)
    return figures | {"start": ready}


def table(entries: Sequence[Entry], found: dict[str, Figures], megapixels: float) -> list[str]:
    """Markdown: seconds per megapixel, with ratios to lcodec's `OWN` if measured."""
    heads = ("codec", "encode s/MP", "decode s/MP", "encode x", "decode x", "start s", "peak MB")
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    own = found.get(OWN)
    for entry in entries:
        if entry.name in found:
            one = found[entry.name]
            cells = [f"{one[what] / megapixels:.3f}" for what in ("encode", "decode")]
            for what in ("encode", "decode"):
                cells.append("-" if own is None else f"{one[what] / own[what]:.2f}")
            cells += [f"{one['start']:.2f}", f"{one['peak'] / 1e6:.0f}"]
            lines.append(f"| {entry.title} | {' | '.join(cells)} |")
    return lines


def rates(entries: Sequence[Entry], bench: Path | None) -> dict[str, float]:
    """BD-rate over the anchor in percent, for codecs with known curves."""
    anchor = published_curve(ANCHOR)
    curves: dict[str, Any] = {}
    for entry in entries:
        if entry.curve is not None:
            curves[entry.name] = published_curve(entry.curve)
    if bench is not None:
        curves[OWN] = load_result(bench).curve()
    percents = {name: bd_rate(anchor, curve).percent for name, curve in curves.items()}
    return {name: percent for name, percent in percents.items() if percent is not None}


def plot(
    entries: Sequence[Entry],
    found: dict[str, Figures],
    megapixels: float,
    path: Path,
    *,
    bench: Path | None,
) -> None:
    """Time to decode against BD-rate."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    known = rates(entries, bench)
    for entry in entries:
        if entry.name in found and entry.name in known:
            point = found[entry.name]["decode"] / megapixels, known[entry.name]
            axes.plot(*point, "o", color="C0" if entry.name.startswith("lcodec") else "C7")
            axes.annotate(entry.title, point, xytext=(5, 4), textcoords="offset points", size=8)
    axes.set_xscale("log")
    axes.set_xlabel("decoding time (seconds per megapixel)")
    axes.set_ylabel("BD-rate over VTM, % (PSNR, Kodak)")
    axes.grid(alpha=0.3)
    figure.savefig(path)


if __name__ == "__main__":
    main()
