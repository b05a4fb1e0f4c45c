"""How much of the machine's GEMM throughput analysis, entropy network and synthesis reach.

    python -m benchmarks.roofline --threads 1,2 --json roofline.json

In one process, in turn: a float32 product of large square matrices; the matrix products of each
stage, alone; and the stages themselves, while a picture is encoded and decoded. The shortest time
of several rounds counts. Multiplications are counted as they run; a stage's own products are all
but its depthwise convolutions.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from lcodec.process.startup import own_process, use_threads

if __name__ == "__main__":
    own_process()  # before torch is loaded

# isort: split
from lcodec.library.codec import Codec

# isort: split
import torch
from torch import nn

from benchmarks.picture import natural
from benchmarks.speed import processor
from lcodec.bench.macs import MacCounter
from lcodec.integer.kit import Attention, Head, Linear
from lcodec.library.forms import AnyPicture
from lcodec.weights.load import default_carrier

STAGES = {"analysis": "encode", "entropy network": "decode", "synthesis": "decode"}
"""The measured stages, as in timings, and in what they are timed."""


class Product(NamedTuple):
    """Products of ``pairs`` of matrices: (rows, inner) by (inner, columns)."""

    pairs: int
    rows: int
    inner: int
    columns: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return math.prod(self)


class Workload(MacCounter):
    """Counts multiply-accumulates, and how often products of each size are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.products: Counter[Product] = Counter()

    def count(self, layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        super().count(layer, inputs, output)
        self.products.update(products(layer, inputs))


class Stage(NamedTuple):
    """Multiply-accumulates of a stage, and GFLOP/s: of the stage, of its products alone."""

    macs: int
    rate: float
    products: float


class Figures(NamedTuple):
    """With one number of threads: GFLOP/s of the large product, and the stages by name."""

    gemm: float
    stages: dict[str, Stage]


def products(layer: nn.Module, inputs: tuple[Any, ...]) -> list[Product]:
    """The matrix products in one call of a layer."""
    x = inputs[0]
    match layer:
        case nn.Conv2d(kernel_size=(1, 1), groups=1):
            channels = layer.in_channels
            return [Product(1, x.numel() // channels, channels, layer.out_channels)]
        case Linear():
            return [Product(1, x.numel() // layer.n_in, layer.n_in, layer.n_out)]
        case Head():
            return [Product(1, x.numel() // layer.n_in, layer.n_in, 2 * layer.n_out)]
        case Attention():
            *several, queries, width = x.shape
            keys, pairs = inputs[1].shape[-2], math.prod(several)
            return [Product(pairs, queries, width, keys), Product(pairs, queries, keys, width)]
    return []


def workloads(codec: Codec, picture: AnyPicture, quality: int) -> tuple[dict[str, Workload], bytes]:
    """What each stage computes for a picture, and its file."""
    found = {stage: Workload() for stage in STAGES}
    transforms, network = codec.loaded.transforms, codec.loaded.entropy.network
    # Its time includes looks at what will be decoded, hence a synthesis for each.
    looking = transforms.analysis, transforms.hyper_analysis, transforms.synthesis
    with found["analysis"].watch(*looking):
        data = codec.encode(picture, quality)
    with (
        found["entropy network"].watch(network),
        found["synthesis"].watch(transforms.synthesis),
    ):
        codec.decode(data)
    return found, data


def multiply(product: Product) -> Callable[[], Any]:
    """A function that computes such products in float32, always of the same numbers."""
    pairs, rows, inner, columns = product
    shape = (pairs,) if pairs > 1 else ()
    left, right = torch.rand(*shape, rows, inner), torch.rand(*shape, inner, columns)
    out = torch.empty(*shape, rows, columns)
    return lambda: torch.matmul(left, right, out=out)


def shortest(run: Callable[[], Any]) -> float:
    """Seconds of the faster of two calls."""
    times = []
    for _ in range(2):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(codec: Codec, picture: AnyPicture, quality: int, side: int, rounds: int) -> Figures:
    """The figures, with as many threads as torch has now; large products are of ``side``."""
    work, data = workloads(codec, picture, quality)
    large = Product(1, side, side, side)
    sizes = {large, *(size for each in work.values() for size in each.products)}
    alone = dict.fromkeys(sizes, math.inf)
    stages = dict.fromkeys(work, math.inf)
    with torch.inference_mode():
        for _ in range(rounds):
            for size in sorted(sizes):
                alone[size] = min(alone[size], shortest(multiply(size)))
            times = {
                "encode": codec.encode_detailed(picture, quality).timings,
                "decode": codec.decode(data).timings,
            }
            for stage, task in STAGES.items():
                stages[stage] = min(stages[stage], times[task][stage])
    return Figures(
        rate(large.macs, alone[large]),
        {
            stage: Stage(
                each.total,
                rate(each.total, stages[stage]),
                rate(
                    sum(size.macs * often for size, often in each.products.items()),
                    sum(alone[size] * often for size, often in each.products.items()),
                ),
            )
            for stage, each in work.items()
        },
    )


def rate(macs: int, seconds: float) -> float:
    """GFLOP/s: a multiply-accumulate is two operations."""
    return 2e-9 * macs / seconds


def table(figures: Figures, megapixels: float) -> list[str]:
    """Markdown: work, throughput, and the share that this is of the large product's."""
    heads = ("stage", "GMAC/MP", "GFLOP/s", "of the large product", "its products alone, GFLOP/s")
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    for name, stage in figures.stages.items():
        work, share = stage.macs / 1e9 / megapixels, 100 * stage.rate / figures.gemm
        cells = (f"{work:.1f}", f"{stage.rate:.1f}", f"{share:.0f} %", f"{stage.products:.1f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--threads", default="1,2", help="numbers of threads")
    parser.add_argument("--rounds", type=int, default=5, help="number of repetitions")
    parser.add_argument("--size", default="768x512", metavar="WxH", help="size of the picture")
    parser.add_argument("--side", type=int, default=2048, help="side of the large matrices")
    parser.add_argument("--model", default="groupedmixer")
    parser.add_argument("--quality", type=int, default=50)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    options = parser.parse_args()
    width, _, height = options.size.partition("x")
    megapixels = int(width) * int(height) / 1e6
    codec = Codec(options.model, device="cpu")
    tree: dict[str, Any] = {
        "processor": processor(),
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "carrier": default_carrier(codec.loaded.device),
        "model": options.model,
        "quality": options.quality,
        "megapixels": megapixels,
        "side": options.side,
        "threads": {},
    }
    for threads in map(int, options.threads.split(",")):
        use_threads(threads)
        picture = natural(int(width), int(height))
        found = measure(codec, picture, options.quality, options.side, options.rounds)
        print(
            f"\n{tree['processor']} with {tree['instructions']}, threads: {threads};"
            f" a product of {options.side} x {options.side} matrices: {found.gemm:.1f} GFLOP/s;"
            f" {options.model}, integers as {tree['carrier']}\n"
        )
        print("\n".join(table(found, megapixels)), flush=True)
        stages = {name: stage._asdict() for name, stage in found.stages.items()}
        tree["threads"][threads] = {"gemm": found.gemm, "stages": stages}
    if options.json:
        options.json.write_text(json.dumps(tree, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
