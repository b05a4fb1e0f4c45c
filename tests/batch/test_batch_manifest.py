"""The manifest: appended to line by line, usable after a kill, continued."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lcodec.batch.manifest import Manifest
from lcodec.batch.report import Outcome, Stamp, Status
from lcodec.errors import OutputError


def outcome(name: str, status: Status = Status.DONE) -> Outcome:
    stamp = Stamp(3, 4) if status is Status.DONE else None
    return Outcome(Path(name), Path(name + ".lic"), status, stamp=stamp)


def sources(path: Path) -> list[str]:
    return [json.loads(line)["source"] for line in path.read_text().splitlines()]


def test_lines_are_there_at_once_and_are_continued(tmp_path: Path) -> None:
    path = tmp_path / "m"
    with Manifest(path) as manifest:
        manifest.write(outcome("a"))
        assert sources(path) == ["a"]
        manifest.write(outcome("b", Status.FAILED))
    with Manifest(path) as manifest:
        assert manifest.known_stamp(Path("a.lic")) == Stamp(3, 4)
        assert manifest.known(Path("b.lic")) is None
        manifest.write(outcome("a", Status.SKIPPED))  # known already
        manifest.write(outcome("b", Status.SKIPPED))
    assert sources(path) == ["a", "b", "b"]
    again = Manifest(path, read_only=True)
    assert again.known(Path("b.lic")) is not None
    assert again.known_stamp(Path("b.lic")) is None


def test_line_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "m"
    with Manifest(path) as manifest:
        manifest.write(outcome("a"))
        manifest.write(outcome("b"))
    path.write_bytes(path.read_bytes()[:-5])
    reader = Manifest(path, read_only=True)
    assert reader.known(Path("a.lic")) is not None
    assert reader.known(Path("b.lic")) is None
    with Manifest(path) as manifest:
        manifest.write(outcome("c"))
    assert sources(path) == ["a", "c"]


@pytest.mark.parametrize("content", [b"letters", b"letters\n", b'{"a": 1}\n', b'{"a": 1', b"\n"])
def test_other_files_are_not_touched(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(OutputError, match="exists and is not a manifest"):
        Manifest(tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == content


def test_manifest_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        Manifest(tmp_path / "none" / "m")
    assert Manifest(tmp_path / "none" / "m", read_only=True).known(Path("a")) is None


def test_names_that_are_no_text(tmp_path: Path) -> None:
    with Manifest(tmp_path / "m") as manifest:
        manifest.write(outcome("\udcff"))
    assert sources(tmp_path / "m") == ["\udcff"]
    assert Manifest(tmp_path / "m", read_only=True).known(Path("\udcff.lic")) is not None
