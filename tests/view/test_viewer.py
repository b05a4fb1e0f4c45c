"""Pictures in the system's viewer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec.cli import viewer
from lcodec.cli.main import run

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("tiny_model")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the system's viewer writes what it shows; it cannot show c.png."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("xdg-open", "open"):
        (programs / name).write_text(
            '#!/bin/sh\necho "$1" >> "$LISTED"\ncase "$1" in */c.png) exit 3; esac\n'
        )
        (programs / name).chmod(0o755)
    monkeypatch.setenv("LISTED", str(tmp_path / "listed"))
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    return tmp_path / "listed"


def test_in_the_viewer_of_the_system(
    folder: Path,
    temporary: Path,
    listed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    (folder / "b.lic").write_bytes((folder / "a.lic").read_bytes())
    files = [str(folder / "a.lic"), str(folder / "b.lic")]
    assert run(["view", *files, "--device", "cpu"]) == 0
    opened = listed.read_text().split()
    assert [Path(path).name for path in opened] == ["a.png", "b.png"]
    assert all(Path(path).is_relative_to(temporary) for path in opened)
    assert capsys.readouterr().err.splitlines() == [
        f"{source} -> {output}" for source, output in zip(files, opened, strict=True)
    ]
    decoded = lcodec.decode(folder / "a.lic", device="cpu").pixels
    assert np.array_equal(np.asarray(Image.open(opened[0])), decoded)
    monkeypatch.setenv("PATH", str(folder / "nowhere"))
    assert run(["view", files[0]]) == 2
    assert "to open pictures with; `--browser` shows a page" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "status", "kept"),
    [
        (["a.lic", "bad.lic"], 4, 0),
        (["deep/c.lic"], 1, 0),
        (["a.lic", "deep/c.lic"], 1, 1),  # the first may still be on its way to the screen
    ],
)
def test_pictures_that_no_viewer_shows_are_deleted(
    names: list[str],
    status: int,
    kept: int,
    folder: Path,
    temporary: Path,
    listed: Path,
    capsys: Capture,
) -> None:
    files = [str(folder / name) for name in names]
    assert run(["view", *files, "--device", "cpu", "--quiet"]) == status
    assert listed.exists() == (status == 1)
    assert len(list(temporary.iterdir())) == kept
    (line,) = capsys.readouterr().err.splitlines()
    assert files[-1] in line


def test_pictures_of_other_days_are_deleted(temporary: Path) -> None:
    for name in ("lcodec-view-old", "lcodec-view-new", "other-old"):
        (temporary / name).mkdir()
        (temporary / name / "a.png").touch()
    (temporary / "lcodec-view-link").symlink_to(temporary / "other-old")
    (temporary / "lcodec-view-file").touch()
    for path in temporary.iterdir():
        if not path.name.endswith("-new"):
            os.utime(path, (1, 1), follow_symlinks=False)
    viewer.new_folder().rmdir()
    left = {path.name for path in temporary.iterdir()}
    assert left == {"lcodec-view-new", "other-old", "lcodec-view-link", "lcodec-view-file"}
    assert (temporary / "other-old" / "a.png").exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="users of POSIX")
def test_pictures_of_other_users_are_theirs(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = temporary / "lcodec-view-old"
    theirs.mkdir()
    os.utime(theirs, (1, 1))
    monkeypatch.setattr(os, "getuid", lambda: theirs.stat().st_uid + 1)
    viewer.new_folder()
    assert theirs.exists()


def test_no_folder_for_pictures(
    folder: Path, listed: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(folder / "nowhere"))
    assert run(["view", str(folder / "a.lic")]) == 8
    assert "no folder for the pictures can be created" in capsys.readouterr().err


def test_on_windows_no_shell_sees_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(os, "startfile", opened.append, raising=False)
    monkeypatch.setattr(subprocess, "Popen", None)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        viewer.viewer()("a&calc.png")
    assert opened == ["a&calc.png"]
