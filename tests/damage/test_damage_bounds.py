"""Damaged files take neither much memory nor much time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from lcodec.tunes import default_model
from lcodec.weights import ENVIRONMENT
from tests.conftest import RELEASED_MODELS, ROOT
from tests.damage.samples import sound_files

pytest.importorskip("resource", reason="no way to limit memory here")
if not Path("/proc/self/statm").exists():
    pytest.skip("the size of a process cannot be read here", allow_module_level=True)

from tests.damage.worker import Result, Task

MIB = 1 << 20
TIMEOUT = 3000  # seconds for the whole process, on a machine that is busy with something else


def run_limited(
    folder: Path,
    models: Path,
    flips: int,
    truncations: int,
    beneath: int,
    model: str = default_model(),
) -> Result:
    """Damage the sample files of a model in a process with limited memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT, str(models))
        for name, data in sound_files(model).items():
            (folder / f"{name}.lic").write_bytes(data)
    files = tuple(str(path) for path in sorted(folder.glob("*.lic")))
    done = subprocess.run(
        [sys.executable, "-m", "tests.damage.worker"],
        input=json.dumps(asdict(Task(files, flips, truncations, beneath, 64 * MIB))),
        capture_output=True,
        cwd=ROOT,
        env=os.environ | {ENVIRONMENT: str(models), "OMP_NUM_THREADS": "1"},
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    return Result(**json.loads(done.stdout))


def check(result: Result) -> None:
    assert not result.problems
    assert result.limit_holds
    assert {"4", "5"} <= set(result.codes) <= {"3", "4", "5", "6", "7"}
    # Damage is noticed on the way, so it costs no more than decoding; the rest is for a machine
    # that is busy with something else.
    assert result.slowest < 10 * result.normal + 2, result.slowest_case


def test_memory_and_time(tiny_models_folder: Path, tmp_path: Path) -> None:
    check(run_limited(tmp_path, tiny_models_folder, flips=25, truncations=5, beneath=6))


@pytest.mark.slow
def test_memory_and_time_of_many(tiny_models_folder: Path, tmp_path: Path) -> None:
    check(run_limited(tmp_path, tiny_models_folder, flips=500, truncations=100, beneath=60))


@pytest.mark.slow
@pytest.mark.parametrize("model", RELEASED_MODELS)
def test_memory_and_time_of_a_released_model(tmp_path: Path, model: str) -> None:
    models = ROOT / "models"
    check(run_limited(tmp_path, models, flips=100, truncations=20, beneath=10, model=model))
