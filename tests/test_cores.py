"""How many cores other processes leave free."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lcodec.process import cores as sharing


@pytest.mark.parametrize(
    ("told", "others"),
    [
        ("0.52 0.58 0.59 5/812 4242", 4),
        ("9.00 9.00 9.00 1/812 4242", 0),
        ("0.00 0.00 0.00 0/0 1", 0),
        ("", 0),
        ("0.00 0.00", 0),
        ("a b c d/e f", 0),
    ],
)
def test_what_the_system_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, others: int
) -> None:
    monkeypatch.setattr(sharing, "LOAD", tmp_path / "loadavg")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    sharing.LOAD.write_text(told)
    assert sharing.others_running() == others
    assert sharing.free_cores() == max(1, 3 - others)


def test_a_system_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "LOAD", tmp_path / "none")
    assert sharing.others_running() == 0
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert sharing.free_cores() == 1


def test_what_runs_for_a_moment_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter((7, 2, 4))

    class Load:
        def read_text(self, encoding: str) -> str:
            return f"0.00 0.00 0.00 {next(counts)}/812 4242"

    monkeypatch.setattr(sharing, "LOAD", Load())
    assert sharing.others_running() == 1


def tells() -> bool:
    """Whether this system counts at least the thread that asks."""
    try:
        return not sharing.LOAD.read_text().split()[3].startswith("0/")
    except (OSError, IndexError):
        return False


@pytest.mark.skipif(not tells(), reason="this system does not tell what runs")
def test_a_busy_process_is_seen() -> None:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        seen = max(sharing.others_running() for _ in range(300))
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert seen >= 2
