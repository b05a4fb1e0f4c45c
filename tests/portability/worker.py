"""Carry out one `Job` (JSON on standard input), print its `Report` (JSON on standard output).

    python -m tests.portability.worker < job.json

Instruction sets and library paths are fixed when the libraries load, so every setting takes a
process of its own, with the setting in its environment.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from lcodec.errors import LcodecError
from lcodec.library.codec import Codec
from lcodec.weights import ENVIRONMENT
from tests.portability.jobs import Coded, Job, Report


def symbols_hash(y: NDArray[np.int16]) -> str:
    """Hash of latents (M, h, w): shape and little-endian values."""
    digest = hashlib.sha256(repr(y.shape).encode())
    digest.update(np.ascontiguousarray(y).astype("<i2").tobytes())
    return digest.hexdigest()


def use_models(folder: str) -> None:
    """Take the models from ``folder``."""
    os.environ[ENVIRONMENT] = folder


def encode_all(job: Job) -> Iterator[Coded]:
    """Write every picture with every carrier, tiles in batches as large as any asked for."""
    for source, carrier in product(job.encode, job.carriers):
        use_models(source.models)
        codec = Codec(
            source.model,
            device="cpu",
            carrier=carrier,
            tile_edge=source.tile_edge,
            tiles_at_once=max(job.tiles_at_once),
        )
        path = Path(f"{source.stem}.{carrier}.lic")
        path.write_bytes(codec.encode(np.load(source.pixels), source.quality))
        yield Coded(source.models, source.model, str(path))


def decode_one(codec: Codec, path: str) -> str:
    """Hash of a file's symbols, or what stopped it."""
    try:
        return symbols_hash(codec.decode_symbols(Path(path).read_bytes()).y)
    except LcodecError as error:
        return f"{type(error).__name__}: {error}"


def decode_all(job: Job, files: Sequence[Coded]) -> dict[str, dict[str, str]]:
    """Decode every file in every way: path -> way -> hash."""
    found: dict[str, dict[str, str]] = {coded.path: {} for coded in files}
    models = sorted({(coded.models, coded.model) for coded in files})
    ways = product(models, job.carriers, job.tiles_at_once, job.cached)
    for (folder, model), carrier, tiles, cached in ways:
        use_models(folder)
        codec = Codec(model, device="cpu", carrier=carrier, cached=cached, tiles_at_once=tiles)
        way = f"{carrier}, {tiles} at once, {'cached' if cached else 'uncached'}"
        for coded in files:
            if (coded.models, coded.model) == (folder, model):
                found[coded.path][way] = decode_one(codec, coded.path)
    return found


def tensor_hash(tensor: torch.Tensor) -> str:
    """Hash of a tensor's bytes."""
    return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()


@torch.inference_mode()
def probes() -> dict[str, str]:
    """Results of operations that depend on the setting, and must not occur on the parse path."""
    random = np.random.default_rng(1)
    a = torch.from_numpy(random.normal(size=(1, 64, 24, 24)).astype(np.float32))
    kernel = torch.from_numpy(random.normal(size=(64, 64, 3, 3)).astype(np.float32))
    rows = torch.from_numpy(random.normal(size=(100, 333)).astype(np.float32))
    narrow = torch.from_numpy(random.integers(-128, 128, (64, 256)).astype(np.int8))
    return {
        "convolution": tensor_hash(F.conv2d(a, kernel, padding=1)),
        "linear": tensor_hash(F.linear(rows, rows)),
        "softmax": tensor_hash(torch.softmax(rows, -1)),
        "norm": tensor_hash(F.layer_norm(rows, (333,))),
        "full 8-bit product": tensor_hash(torch._int_mm(narrow, narrow.t().contiguous())),
    }


def carry_out(job: Job) -> Report:
    """Do all a job asks for, in this process."""
    torch.set_num_threads(job.threads)
    written = list(encode_all(job))
    files = [*job.decode, *(written if job.decode_written else [])]
    return Report(
        capability=torch.backends.cpu.get_cpu_capability(),
        threads=torch.get_num_threads(),
        written=written,
        symbols=decode_all(job, files),
        probes=probes(),
    )


if __name__ == "__main__":
    print(carry_out(Job.from_json(sys.stdin.read())).to_json())
