"""How much longer each of several processes takes at once than one alone.

    python -m benchmarks.fairness [--processes 1,2,4]

All are measured in one run, in turn: with the settings that lcodec makes at start-up
(`lcodec.process.startup`), and with `--bare` also with torch's own. A ratio little above the number
of processes is fair; otherwise the exit status is 1.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.picture import natural
from benchmarks.processes import ROOT, Worker
from lcodec.process.startup import settings

FAIR = 1.1
"""Two at once may each take 2.2 times as long as one alone, four 4.4 times."""
OURS, BARE = "lcodec", "torch alone"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--processes", default="1,2,4", help="how many at once")
    parser.add_argument("--rounds", type=int, default=5, help="number of repetitions")
    parser.add_argument("--size", default="768x512", metavar="WxH", help="size of the picture")
    parser.add_argument("--model", default="groupedmixer-visual")
    parser.add_argument("--bare", action="store_true", help="also measure torch's own settings")
    options = parser.parse_args()
    counts = sorted({1, *map(int, options.processes.split(","))})
    width, _, height = options.size.partition("x")
    with tempfile.TemporaryDirectory(prefix="lcodec-fairness-") as name:
        picture = Path(name) / "picture.npy"
        np.save(picture, natural(int(width), int(height)))
        names = [OURS, BARE] if options.bare else [OURS]
        seconds = {way: measure(way, counts, picture, options) for way in names}
    print(f"{'':12} {'at once':>8} {'seconds each':>13} {'ratio':>7}")
    unfair = False
    for way, found in seconds.items():
        for count in counts:
            ratio = found[count] / found[1]
            unfair |= way == OURS and not is_fair(count, ratio)
            print(f"{way:12} {count:8} {found[count]:12.3f}s {ratio:7.2f}")
    raise SystemExit(1 if unfair else 0)


def is_fair(count: int, ratio: float) -> bool:
    """Whether ``count`` processes at once may take ``ratio`` times as long as one alone."""
    return count == 1 or ratio <= FAIR * count


def measure(
    way: str, counts: list[int], picture: Path, options: argparse.Namespace
) -> dict[int, float]:
    """Median seconds to encode and decode of each process, by the number running at once."""
    added = settings({}) if way == OURS else {}
    found: dict[int, list[float]] = {count: [] for count in counts}
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                Worker(
                    ROOT,
                    picture,
                    model=options.model,
                    quality=75,
                    threads=0,
                    cpu=False,
                    variables=added,
                )
            )
            for _ in range(max(counts))
        ]
        for _ in range(options.rounds):
            for count in counts:
                found[count] += at_once(workers[:count])
    return {count: statistics.median(values) for count, values in found.items()}


def at_once(workers: list[Worker]) -> list[float]:
    """Seconds that each worker takes to encode and decode while the others do the same."""
    for worker in workers:
        worker.ask("both")
    return [worker.answer()["total"] for worker in workers]


if __name__ == "__main__":
    main()
