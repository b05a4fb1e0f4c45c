"""lcodec and other codecs on one machine in one run: time, memory, start-up.

    pip install -r benchmarks/peers-requirements.txt
    python -m benchmarks.peers --json peers.json
    python -m benchmarks.peers --from peers.json --bench bench.json --plot peers.svg

Every codec codes the same picture in a fresh process, once cold and then warm; the codecs take
turns, so that other load on the machine affects all of them. Codecs that are not installed are left
out, with a message. The plot, of this run or of an earlier one, shows decoding time against BD-rate
over VTM, in PSNR on Kodak, for codecs with known curves: published ones, and those of lcodec in
files of `lcodec bench --json`.
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.picture import natural
from benchmarks.processes import ROOT, environment
from benchmarks.speed import processor
from lcodec.bench import Curve, bd_rate, load_result, published_curve
from lcodec.bench.curves import ANCHOR
from lcodec.bench.plot import plot_format
from lcodec.bench.points import NamedPoint, plot_points
from lcodec.errors import InputError, LcodecError
from lcodec.process.startup import settings


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
Figures = dict[str, float]


class Run(NamedTuple):
    """What was measured: the machine, the size of the picture, figures by threads and codec."""

    processor: str
    megapixels: float
    threads: dict[int, dict[str, Figures]]


def main() -> None:
    """See the module."""
    parser = _parser()
    options = parser.parse_args()
    if options.bench and not options.plot:
        parser.error("--bench is for --plot")
    if options.earlier:
        for name in ("threads", "rounds", "turns", "size"):
            if getattr(options, name) != parser.get_default(name):
                parser.error(f"--{name} is for measuring, which --from does not")
    wanted = options.codecs.split(",") if options.codecs else [entry.name for entry in CODECS]
    entries = [entry for entry in CODECS if entry.name in wanted]
    try:
        if options.plot:  # before anything takes time
            plot_format(options.plot)
            known = curves(entries, options.bench)
        run = load(options.earlier) if options.earlier else measure_all(entries, options)
        for threads, figures in run.threads.items():
            print(f"\n{run.processor}, {counted(threads)}\n")
            print("\n".join(table(entries, figures, run.megapixels)))
        if options.json:
            options.json.write_text(json.dumps(run._asdict(), indent=1) + "\n", "utf-8")
        if options.plot:
            plot(entries, run, known, options.plot)
    except LcodecError as error:
        print(f"benchmarks.peers: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--codecs", help="names, separated by commas; all if not given")
    parser.add_argument("--threads", default="1,2", help="numbers of threads")
    parser.add_argument("--rounds", type=int, default=3, help="warm repetitions in each process")
    parser.add_argument("--turns", type=int, default=2, help="number of processes per codec")
    parser.add_argument("--size", default="768x512", metavar="WxH", help="size of the picture")
    files = parser.add_mutually_exclusive_group()
    files.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    files.add_argument(
        "--from",
        dest="earlier",
        type=Path,
        metavar="FILE",
        help="measure nothing, use figures that --json wrote",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="plot for the fewest threads")
    parser.add_argument(
        "--bench",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="curve of a model of lcodec in the plot, from `lcodec bench --json`; may be repeated",
    )
    return parser


def counted(threads: int) -> str:
    """Their number in words."""
    return f"{threads} thread" + "s" * (threads != 1)


def measure_all(entries: Sequence[Entry], options: argparse.Namespace) -> Run:
    """The figures for every number of threads."""
    width, _, height = options.size.partition("x")
    with tempfile.TemporaryDirectory(prefix="lcodec-peers-") as name:
        picture = Path(name) / "picture.npy"
        np.save(picture, natural(int(width), int(height)))
        found = {
            threads: measure(entries, picture, threads, options.rounds, options.turns)
            for threads in map(int, options.threads.split(","))
        }
    return Run(processor(), int(width) * int(height) / 1e6, found)


def load(path: Path) -> Run:
    """The figures that ``--json`` wrote.

    Raises:
        InputError: the file is missing, or of another kind.
    """
    try:
        tree = json.loads(path.read_text("utf-8"))
        threads = {
            int(number): {
                str(name): {str(key): float(value) for key, value in one.items()}
                for name, one in figures.items()
            }
            for number, figures in tree["threads"].items()
        }
        return Run(str(tree["processor"]), float(tree["megapixels"]), threads)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a file of benchmarks.peers") from error


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


def curves(entries: Sequence[Entry], results: Sequence[Path]) -> dict[str, Curve]:
    """The known curves on Kodak by codec: published ones, and those of lcodec in ``results``.

    Raises:
        InputError: a file of results is missing, of another kind, of other pictures than Kodak's,
            or of a model that is not among ``entries``.
    """
    known = {entry.name: published_curve(entry.curve) for entry in entries if entry.curve}
    for path in results:
        result = load_result(path)
        name = result.name.replace("lcodec ", "lcodec:", 1)
        if not result.is_kodak():
            raise InputError(f"{path}: not of the Kodak pictures, as the published curves are")
        if name not in {entry.name for entry in entries}:
            raise InputError(f"{path}: {result.name} is not among the codecs")
        known[name] = result.curve()
    return known


def plot(entries: Sequence[Entry], run: Run, known: Mapping[str, Curve], path: Path) -> None:
    """Time to decode with the fewest threads against BD-rate, for codecs with ``known`` curves.

    Raises UsageError if there are none, OutputError if the file cannot be written.
    """
    threads = min(run.threads)
    figures, anchor = run.threads[threads], published_curve(ANCHOR)
    points = [
        NamedPoint(
            entry.title,
            figures[entry.name]["decode"] / run.megapixels,
            bd_rate(anchor, known[entry.name]).percent,
            known[entry.name].kind,
        )
        for entry in entries
        if entry.name in figures and entry.name in known
    ]
    plot_points(
        points,
        path,
        size=(7.0, 4.5),
        overwrite=True,
        xlabel="decoding time (seconds per megapixel)",
        ylabel="BD-rate over VTM (%, RGB PSNR)",
        title=f"Kodak, mean of 24 pictures; {run.processor}, {counted(threads)}",
    )


if __name__ == "__main__":
    main()
