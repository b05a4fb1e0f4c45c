"""Processes that are forked after a model was loaded work like others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import TIMEOUT, environment
from tests.conftest import ROOT


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no forking here")
def test_forked_processes_do_not_wait_for_threads_of_their_parent(tiny_model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.processes.forking"],
        capture_output=True,
        cwd=ROOT,
        env=environment(OMP_NUM_THREADS="2", LCODEC_MODELS=str(tiny_model)),
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    lines = ["fork True", "thread True", "pool True", "loader True", "parent 2 True"]
    assert (done.stdout.splitlines(), done.stderr) == (lines, "")
