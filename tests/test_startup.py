"""Processes start fast, and wait for their threads without keeping others from working."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lcodec.process import startup
from tests.conftest import ROOT

BOUND = 1.35
"""Times what importing torch takes."""
ATTEMPTS = 6

NEEDLESS = ("sympy", "torch._dynamo", "lcodec.training", "lcodec.twin", "matplotlib", "scipy")
SCRIPT = """
import gc, json, os, sys
from lcodec.process.startup import own_process
if {own}:
    own_process()
assert "torch" not in sys.modules
import lcodec, numpy
data = lcodec.encode(numpy.full((32, 48, 3), 90, numpy.uint8))
lcodec.decode(data)
print(json.dumps([sorted(sys.modules), os.environ.get("GOMP_SPINCOUNT"), gc.get_freeze_count()]))
assert gc.isenabled()
"""


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | variables


@pytest.mark.parametrize(
    ("user", "added"),
    [
        ({}, {"GOMP_SPINCOUNT", "KMP_BLOCKTIME", "TORCH_DEVICE_BACKEND_AUTOLOAD"}),
        ({"GOMP_SPINCOUNT": "9"}, {"KMP_BLOCKTIME", "TORCH_DEVICE_BACKEND_AUTOLOAD"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"TORCH_DEVICE_BACKEND_AUTOLOAD"}),
        (
            {"KMP_LIBRARY": "turnaround", "TORCH_DEVICE_BACKEND_AUTOLOAD": "1"},
            {"GOMP_SPINCOUNT"},
        ),
    ],
)
def test_what_the_user_has_settled_stays(user: dict[str, str], added: set[str]) -> None:
    assert set(startup.settings(user)) == added


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("own", [True, False])
def test_what_coding_loads(own: bool, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(own=own)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        check=True,
    )
    modules, spin, frozen = json.loads(done.stdout)
    assert [name for name in NEEDLESS if name in modules] == []
    assert (spin, frozen > 0) == (("2000", True) if own else (None, False))


def test_the_program_and_the_workers_call_it() -> None:
    """Before anything of torch: `lcodec.cli.main` imports none of it."""
    script = (
        "import sys\nfrom lcodec.cli import main\nsys.argv = ['lcodec', '--version']\n"
        "try:\n    main.main()\nfinally:\n    import os; print(os.environ['GOMP_SPINCOUNT'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment()
    )
    assert done.stdout.splitlines()[-1] == startup.SHORT_SPINS["GOMP_SPINCOUNT"]


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is that of glibc")
@pytest.mark.parametrize("settled", [{}, {"MALLOC_TRIM_THRESHOLD_": "131072"}])
def test_memory_is_kept(settled: dict[str, str]) -> None:
    """Pages that arrays take from the system, of which each takes 8192 if nothing is kept."""
    script = """
import resource, sys
from lcodec.process.startup import own_process
own_process()
import lcodec.process.quicktorch, torch
for _ in range(32):  # until freed pieces have the sizes that are asked for
    torch.ones(8 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    torch.ones(8 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(**settled),
        check=True,
    )
    assert (int(done.stdout) > 8 * 8192 // 2) is bool(settled)


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import torch

    monkeypatch.setattr(startup._Process, "own", True)
    monkeypatch.setattr(startup._Process, "threads", 4)
    before = torch.get_num_threads()
    monkeypatch.setattr(startup._Process, "chosen", before)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("ours")
def test_threads_by_the_size_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(startup, "free_cores", lambda: 8)
    chosen = []
    for side in (16, 256, 400, 4000):
        startup.suit_threads(side * side)
        chosen.append(torch.get_num_threads())
    assert chosen == [1, 1, 2, 4]
    torch.set_num_threads(2)
    startup.suit_threads(16)
    assert torch.get_num_threads() == 2
    startup.use_threads(3)
    startup.suit_threads(16)
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(("free", "expected"), [(1, [1, 1, 1]), (3, [1, 2, 3]), (9, [1, 2, 4])])
def test_no_more_threads_than_free_cores(
    monkeypatch: pytest.MonkeyPatch, free: int, expected: list[int]
) -> None:
    import torch

    monkeypatch.setattr(startup, "free_cores", lambda: free)
    chosen = []
    for side in (100, 400, 4000):
        startup.suit_threads(side * side)
        chosen.append(torch.get_num_threads())
    assert chosen == expected


@pytest.mark.usefixtures("ours")
def test_threads_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    torch.set_num_threads(2)
    monkeypatch.setattr(startup._Process, "own", False)
    startup.suit_threads(16)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("tiny_model")
def test_loading_takes_none_of_the_random_numbers() -> None:
    import torch

    from lcodec.library.codec import Codec

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Codec()
    assert torch.equal(torch.rand(3), expected)


def test_the_first_picture_comes_soon(tmp_path: Path) -> None:
    """With the released model, in seconds of the processor beside those of importing torch."""
    resource = pytest.importorskip("resource", reason="POSIX only")
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / "a.png")

    def spent(*words: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment(), check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return float(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    plain = least = math.inf
    for _ in range(ATTEMPTS):
        plain = min(plain, spent("-c", "import torch"))
        least = min(least, spent("-m", "lcodec", "encode", "a.png", "-f", "--quiet"))
        if least < BOUND * plain:
            break
    assert least < BOUND * plain
