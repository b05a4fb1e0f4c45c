"""From a folder to jobs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lcodec.batch import plan
from lcodec.errors import InputError, OutputError


def outputs(root: Path, *names: str) -> dict[str, str]:
    """Sources and outputs of a plan for empty files of these names."""
    source = root / "in"
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    planned = plan(source, root / "out")
    assert planned.problems == ()
    assert list(planned.jobs) == sorted(planned.jobs)
    return {
        job.source.relative_to(source).as_posix(): job.output.relative_to(root / "out").as_posix()
        for job in planned.jobs
    }


def test_tree_is_mirrored_and_only_pictures_count(tmp_path: Path) -> None:
    names = [
        "b.png",
        "a/x.JPG",
        "a/b/c.tiff",
        "notes.txt",
        "a/old.lic",
        ".hidden.png",
        ".git/d.png",
    ]
    assert outputs(tmp_path, *names) == {
        "a/b/c.tiff": "a/b/c.lic",
        "a/x.JPG": "a/x.lic",
        "b.png": "b.lic",
    }
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "expected",
    [
        {"a.png": "a.png.lic", "a.jpg": "a.jpg.lic", "b.png": "b.lic"},
        # `a.png.png` alone would become `a.png.lic`, which `a.png` needs because of `a.jpg`.
        {"a.png": "a.png.lic", "a.jpg": "a.jpg.lic", "a.png.png": "a.png.png.lic"},
        {"a.png": "a.lic", "x/a.png": "x/a.lic"},
    ],
)
def test_no_two_outputs_are_the_same(expected: dict[str, str], tmp_path: Path) -> None:
    assert outputs(tmp_path, *expected) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that differ in case alone")
def test_names_that_differ_in_case_alone_count_as_the_same(tmp_path: Path) -> None:
    expected = {"Photo.png": "Photo.png.lic", "photo.jpg": "photo.jpg.lic"}
    assert outputs(tmp_path, *expected) == expected


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in")
    assert outputs(tmp_path, "a.png") == {"a.png": "a.lic"}


def test_unreadable_folder_is_a_problem_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "in" / "closed"
    closed.mkdir(parents=True)
    (tmp_path / "in" / "a.png").touch()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    planned = plan(tmp_path / "in", tmp_path / "out")
    assert [job.source.name for job in planned.jobs] == ["a.png"]
    assert len(planned.problems) == 1
    assert (planned.problems[0].source, planned.problems[0].code) == (closed, 3)


def test_wrong_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        plan(tmp_path / "none", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is not a folder"):
        plan(tmp_path / "file", tmp_path)
    with pytest.raises(OutputError, match="is not a folder"):
        plan(tmp_path, tmp_path / "file")
