"""Time the stages of coding, in this tree alone or against another commit.

    python -m benchmarks.speed --json docs/figures/speed.json    # for `tools/results.py --figures`
    python -m benchmarks.speed --against main                    # what `make speed` does

Seconds are CPU time with one thread, so that other work on the machine has little effect. Against
another commit, both trees run in turn, and a stage is compared by the median of the ratios of the
pairs; the exit status is 1 if a stage takes more than 10 % longer.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.picture import natural
from benchmarks.processes import ROOT, Worker, checkout, cpu_seconds
from lcodec import __version__

LOSS = 1.10
"""A stage that takes more than this many times as long is a failure."""
SMALLEST = 0.03
"""Stages below this share of their task are too short to judge."""
TASKS = ("encode", "decode")
START, TORCH = "start", "import torch"
STARTS = 3
"""Number of starts, fewer than pairs because they vary less and take longer."""

Samples = dict[str, dict[str, list[float]]]
"""Seconds by task and stage; each task has a stage "total"."""


def main() -> None:
    """See the module."""
    options = _parser().parse_args()
    width, _, height = options.size.partition("x")
    with tempfile.TemporaryDirectory(prefix="lcodec-speed-") as name, ExitStack() as stack:
        folder = Path(name)
        np.save(folder / "picture.npy", natural(int(width), int(height)))
        Image.fromarray(natural(64, 64)).save(folder / "small.png")
        trees = [ROOT]
        if options.against:
            trees.insert(0, stack.enter_context(checkout(options.against)))
        samples, facts = measure(trees, folder, options)
    if options.against:
        rows = compared(*samples)
        print("\n".join(table(rows)))
        raise SystemExit(1 if any(row.lost for row in rows) else 0)
    megapixels = int(width) * int(height) / 1e6
    figures = summary(samples[0], megapixels) | facts | {"version": __version__}
    figures |= {"model": options.model, "quality": options.quality, "megapixels": megapixels}
    text = json.dumps(figures, indent=1) + "\n"
    if options.json:
        options.json.write_text(text, "utf-8")
    else:
        print(text, end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--against", metavar="REV", help="commit to compare with")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--pairs", type=int, default=7, help="number of repetitions")
    parser.add_argument("--size", default="768x512", metavar="WxH", help="size of the picture")
    parser.add_argument("--model", default="groupedmixer-visual")
    parser.add_argument("--quality", type=int, default=75)
    return parser


def measure(
    trees: Sequence[Path], folder: Path, options: argparse.Namespace
) -> tuple[list[Samples], dict[str, Any]]:
    """Samples of each tree, taken in turn, and facts that the times depend on."""
    samples: list[Samples] = [{} for _ in trees]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                Worker(
                    tree,
                    folder / "picture.npy",
                    model=options.model,
                    quality=options.quality,
                    threads=1,
                    cpu=True,
                )
            )
            for tree in trees
        ]
        for turn in range(options.pairs):
            for task in TASKS:
                for number in in_turn(len(trees), turn):
                    for stage, seconds in workers[number].time(task).items():
                        samples[number].setdefault(task, {}).setdefault(stage, []).append(seconds)
        facts = workers[-1].facts
    program = [sys.executable, "-P", "-m", "lcodec", "encode", "small.png", "small.lic", "-f"]
    program += ["--quiet", "--model", options.model]
    plain = [sys.executable, "-c", "import torch"]
    for turn in range(STARTS):
        for number in in_turn(len(trees), turn):
            own = samples[number].setdefault(START, {})
            own.setdefault("total", []).append(cpu_seconds(program, trees[number], folder))
            own.setdefault(TORCH, []).append(cpu_seconds(plain, trees[number], folder))
    kept = {name: facts[name] for name in ("torch", "instructions")}
    return samples, kept | {"processor": processor(), "python": platform.python_version()}


def in_turn(count: int, turn: int) -> list[int]:
    """Alternating order, so that none is always first."""
    order = list(range(count))
    return order[::-1] if turn % 2 else order


def processor() -> str:
    """Name of the processor, as far as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def summary(samples: Samples, megapixels: float) -> dict[str, dict[str, float]]:
    """Medians: seconds per megapixel for coding, seconds for the start."""
    return {
        task: {
            stage: round(statistics.median(values) / (1 if task == START else megapixels), 4)
            for stage, values in stages.items()
        }
        for task, stages in samples.items()
    }


class Row:
    """One stage before and now: medians in seconds, and the median of the pairs' ratios."""

    def __init__(self, task: str, stage: str, before: list[float], now: list[float]) -> None:
        self.task, self.stage = task, stage
        self.before, self.now = statistics.median(before), statistics.median(now)
        self.ratio = statistics.median(n / max(b, 1e-9) for b, n in zip(before, now, strict=True))
        self.judged = True

    @property
    def lost(self) -> bool:
        """Whether it takes too much longer."""
        return self.judged and self.ratio > LOSS


def compared(before: Samples, now: Samples) -> list[Row]:
    """The common stages, marking those too short to judge."""
    rows = []
    for task, stages in now.items():
        whole = statistics.median(before[task]["total"])
        for stage in (stage for stage in stages if stage in before[task] and stage != TORCH):
            row = Row(task, stage, before[task][stage], stages[stage])
            row.judged = max(row.before, row.now) >= SMALLEST * whole
            rows.append(row)
    return rows


def table(rows: Sequence[Row]) -> list[str]:
    """Lines to print."""
    lines = [f"{'':24} {'before':>9} {'now':>9} {'ratio':>7}"]
    for row in rows:
        name = f"{row.task}: {row.stage}"
        remark = "  lost" if row.lost else "" if row.judged else "  (too short to judge)"
        lines.append(f"{name:24} {row.before:8.3f}s {row.now:8.3f}s {row.ratio:7.3f}{remark}")
    return lines


if __name__ == "__main__":
    main()
