"""Processes that are forked after a model was loaded work like others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lcodec.process.forks import Lock
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


def test_all_locks_are_renewed() -> None:
    """But for those of the running program, which forks no process that would use them."""
    programs = {"cli/waiting.py", "view/album.py"}
    package = ROOT / "lcodec"
    raw = re.compile(r"threading(\.| import .*)\b(R?Lock|Condition|(Bounded)?Semaphore|Barrier)\b")
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if raw.search(path.read_text(encoding="utf-8"))
    }
    assert found - programs == {"process/forks.py"}


def test_a_block_that_forks_ends() -> None:
    lock = Lock()
    with lock:
        lock.renew()  # as in the child
        with lock:
            pass
    with lock:
        pass
