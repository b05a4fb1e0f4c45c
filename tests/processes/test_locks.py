"""Folders that one process has to itself."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from lcodec.errors import OutputError
from lcodec.process import locks
from lcodec.process.locks import own_folder

TAKEN = "another process is writing to it"


def refuse(*_args: object, **_options: object) -> NoReturn:
    raise PermissionError(errno.EACCES, "a process has it open")


@pytest.fixture(params=["locks", "open files"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a folder is kept: with locks, or as on Windows."""
    if request.param == "open files" and not locks.OPEN_FILES_STAY:
        monkeypatch.setattr(locks, "fcntl", None)
        monkeypatch.setattr(locks, "OPEN_FILES_STAY", True)
    return str(request.param)


def test_a_folder_has_one_owner(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new" / "run"
    with own_folder(folder):
        (folder / "file").touch()
        with monkeypatch.context() as patch:
            if way == "open files":
                patch.setattr(Path, "unlink", refuse)
            with pytest.raises(OutputError, match=TAKEN), own_folder(folder):
                pytest.fail("the block must not run")
        assert (folder / "file").is_file()
    assert os.listdir(folder) == ["file"]
    with own_folder(folder):
        pass


@pytest.mark.usefixtures("way")
def test_a_folder_goes_if_nothing_was_put_into_it(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for name in ("old", "new"):
        with pytest.raises(ZeroDivisionError), own_folder(tmp_path / name):
            raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["old"]


def test_a_file_system_may_have_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, way: int) -> NoReturn:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(locks, "fcntl", SimpleNamespace(flock=flock, LOCK_EX=2, LOCK_NB=4))
    monkeypatch.setattr(locks, "OPEN_FILES_STAY", False)
    with own_folder(tmp_path), own_folder(tmp_path):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be created"), own_folder(tmp_path / "file"):
        pytest.fail("the block must not run")
