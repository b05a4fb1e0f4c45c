"""One codec, many threads: the same bytes as from one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from PIL import Image

import lcodec
from lcodec.effort.proxy import Proxy
from lcodec.integer.carriers import full_float32
from lcodec.library.codec import Codec
from lcodec.picture import from_pil
from lcodec.weights.load import load_model
from tests.conftest import ROOT
from tests.picture.samples import exif
from tests.tinymodel import picture

THREADS = 6

T = TypeVar("T")


@pytest.fixture(autouse=True)
def restless() -> Iterator[None]:
    """Threads take turns fifty times as often as usual, and have no helpers of their own."""
    before, helpers = sys.getswitchinterval(), torch.get_num_threads()
    sys.setswitchinterval(1e-4)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(helpers)
    sys.setswitchinterval(before)


def in_threads(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Results of all jobs, at work in threads that begin at the same moment."""
    barrier = threading.Barrier(THREADS, timeout=60)
    with ThreadPoolExecutor(THREADS, initializer=barrier.wait) as pool:
        # One job each to begin with, so that all threads are there when the barrier falls.
        return [future.result() for future in [pool.submit(job) for job in jobs]]


def jobs_of(codec: Codec) -> list[Callable[[], Any]]:
    """Encoding, decoding and encoding of many, of different pictures at different qualities."""
    jobs: list[Callable[[], Any]] = []
    for number, size in enumerate(((40, 50), (64, 130))):
        pixels = picture(*size, number)
        alpha = np.zeros(size, np.uint8)
        alpha[: size[0] // 2] = 255
        rgba = np.dstack([pixels, alpha])
        for quality in (10, 85):
            data = codec.encode(rgba, quality)
            jobs.append(lambda p=rgba, q=quality: codec.encode(p, q))  # type: ignore[misc]
            jobs.append(lambda d=data: codec.decode(d).pixels.tobytes())  # type: ignore[misc]
    many = [picture(40, 50, seed) for seed in range(3)]
    jobs.append(lambda: [encoded.data for encoded in codec.encode_many(many, 30)])
    jobs.append(lambda: codec.encode(many[0], target=lcodec.Target.size(900)))
    jobs.append(lambda: codec.encode(many[1], 50, effort=1))
    return jobs


@pytest.mark.parametrize("carrier", ["int8", "float32"])
def test_mixed_work_gives_the_same_bytes(tiny_model: Path, carrier: str) -> None:
    jobs = jobs_of(Codec(device="cpu", carrier=carrier, tile_edge=64))
    expected = [job() for job in jobs]
    order = list(range(len(jobs)))
    Random(0).shuffle(order)
    found = in_threads([jobs[number] for number in order])
    assert found == [expected[number] for number in order]


def test_twin_of_effort_is_made_once(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Counted(Proxy):
        def __init__(self, *arguments: Any) -> None:
            made.append(arguments)
            time.sleep(0.05)
            super().__init__(*arguments)

    monkeypatch.setattr("lcodec.effort.proxy.Proxy", Counted)
    codec = Codec(device="cpu")
    pixels = picture(40, 50)
    files = in_threads([lambda: codec.encode(pixels, 50, effort=1)] * THREADS)
    assert len(made) == 1
    assert set(files) == {Codec(device="cpu").encode(pixels, 50, effort=1)}


def test_model_is_loaded_once(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = picture(40, 50)
    data = Codec(device="cpu").encode(pixels, 60)
    loaded = []

    def counted(*arguments: Any) -> Any:
        loaded.append(arguments)
        time.sleep(0.05)
        return load_model(*arguments)

    monkeypatch.setattr("lcodec.library.codec.load_model", counted)
    jobs: list[Callable[[], Any]] = [
        lambda: lcodec.encode(pixels, 60),
        lambda: lcodec.decode(data).pixels.shape,
    ]
    assert in_threads(jobs * (THREADS // 2)) == [data, (40, 50, 3)] * (THREADS // 2)
    assert len(loaded) == 1


SCRIPT = """
import sys, threading
sys.setswitchinterval(1e-6)
import numpy as np
import lcodec
pixels = np.arange(40 * 50 * 3, dtype=np.uint8).reshape(40, 50, 3)
barrier, found = threading.Barrier(8), []
def work():
    barrier.wait()
    found.append(lcodec.inspect(lcodec.encode(pixels, 60))["total_bytes"])
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
print(len(found), len(set(found)))
"""


def test_first_use_of_a_process_may_be_in_threads(tiny_model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("8 1", "")


def test_one_image_in_many_threads() -> None:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    Image.fromarray(noise).save(stream, "PNG", exif=b"Exif\0\0" + exif(6))
    for _ in range(5):
        with Image.open(io.BytesIO(stream.getvalue())) as image:
            pictures = in_threads([lambda i=image: from_pil(i)] * THREADS)  # type: ignore[misc]
        for found in pictures:
            assert np.array_equal(found.pixels, np.rot90(noise, -1))
            assert found.metadata.exif == exif(1)


def precisions() -> set[str]:
    """How the process multiplies float32."""
    if not hasattr(torch.backends, "fp32_precision"):
        return {torch.get_float32_matmul_precision()}
    backends: Any = torch.backends
    return {backends.mkldnn.matmul.fp32_precision, backends.cuda.matmul.fp32_precision}


def test_precision_is_full_until_the_last_one_is_done() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        reduced = precisions()
        first, second = full_float32(), full_float32()
        first.__enter__()
        full = precisions()
        second.__enter__()
        first.__exit__(None, None, None)
        assert precisions() == full
        assert not full & reduced
        second.__exit__(None, None, None)
        assert precisions() == reduced
    finally:
        torch.set_float32_matmul_precision(before)


def test_whoever_loads_gives_all_gradients(tiny_model: Path) -> None:
    pixels = picture(40, 50)
    expected = Codec(device="cpu").encode(pixels, 50, effort=1)
    with torch.inference_mode():
        codec = Codec(device="cpu")
        assert codec.encode(pixels, 50, effort=1) == expected
    assert codec.encode(pixels, 50, effort=1) == expected
