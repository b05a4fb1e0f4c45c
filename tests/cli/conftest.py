"""What the tests of ``lcodec train`` begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcodec.training import trainer
from tests.cli.trainers import Notes


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> type[Notes]:
    monkeypatch.setattr(trainer, "Trainer", Notes)
    monkeypatch.setattr(Notes, "ending", None)
    monkeypatch.setattr(Notes, "made", [])
    return Notes


@pytest.fixture
def base(tmp_path: Path) -> list[str]:
    """The least that a command line needs."""
    (tmp_path / "data").mkdir()
    return ["train", "--data", str(tmp_path / "data"), "--run", str(tmp_path / "run")]
