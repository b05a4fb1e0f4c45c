"""Outputs in stores appear whole, and what ended processes left there goes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from lcodec.batch.location import tidy
from lcodec.batch.report import Stamp
from lcodec.batch.url import Url
from lcodec.cli.main import run
from lcodec.errors import InputError, OutputError
from tests.batch.conftest import contents, read

Capture = pytest.CaptureFixture[str]


def test_s3_outputs_appear_whole_and_are_not_replaced(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    output = Url("s3", "pictures/a.lic")
    with pytest.raises(KeyboardInterrupt), output.write(overwrite=False) as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert not output.exists()
    with output.write(overwrite=False) as stream:
        stream.write(b"one")
    assert read(output) == b"one"
    # Another program comes between the question and the answer: the store itself refuses.
    monkeypatch.setattr(type(bucket), "exists", lambda *_, **__: False)
    with (
        pytest.raises(OutputError, match=r"a\.lic: exists already"),
        output.write(overwrite=False) as stream,
    ):
        stream.write(b"two")
    assert read(output) == b"one"
    with output.write(overwrite=True) as stream:
        stream.write(b"three")
    assert read(output) == b"three"
    assert list(tmp_path.iterdir()) == []


def test_bucket_that_is_not_there(
    server: str, tmp_path: Path, tiny_model: Path, capsys: Capture
) -> None:
    assert run(["batch", "s3://none/in", str(tmp_path / "out")]) == 3
    assert run(["batch", "s3://pictures/none", str(tmp_path / "out")]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1] == "lcodec: s3://pictures/none: no such file or folder"


class Renaming(LocalFileSystem):  # type: ignore[misc]
    """A store of files below a folder, in which uploads grow and files are renamed."""

    protocol = "renaming"
    uploaded: tuple[str, ...] = ()

    @classmethod
    def _strip_protocol(cls, path: str) -> Any:
        return LocalFileSystem._strip_protocol(str(path).removeprefix("renaming://"))

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        type(self).uploaded += (rpath,)
        Path(rpath).write_bytes(b"half")
        if b"fails" in Path(lpath).read_bytes():
            raise RuntimeError("connection\nlost")
        Path(rpath).write_bytes(Path(lpath).read_bytes())


def test_store_that_renames(tmp_path: Path) -> None:
    fsspec.register_implementation("renaming", Renaming, clobber=True)
    output = Url("renaming", f"{tmp_path}/deep/a.lic")
    with output.write(overwrite=False) as stream:
        stream.write(b"all")
    assert read(output) == b"all"
    assert not any(name.endswith("a.lic") for name in Renaming.uploaded)
    with (
        pytest.raises(OutputError, match="cannot be written: RuntimeError: connection lost"),
        output.write(overwrite=True) as stream,
    ):
        stream.write(b"fails")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.lic"]
    assert read(output) == b"all"
    assert Stamp.of(output).source_mtime_ns is not None
    with pytest.raises(InputError, match="no such file"):
        Stamp.of(Url("renaming", f"{tmp_path}/none"))
    with pytest.raises(InputError, match="is a folder"):
        Stamp.of(Url("renaming", str(tmp_path)))


def test_only_what_ended_processes_left_in_a_store_is_deleted(
    tmp_path: Path, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    fsspec.register_implementation("renaming", Renaming, clobber=True)
    names = (".lcodec-abc-01.tmp", ".lcodec-abc-02.tmp", ".lcodec-def-01.tmp", ".lcodec-01.tmp")
    (tmp_path / "out").mkdir()
    for name in names:
        (tmp_path / "out" / name).touch()
        os.utime(tmp_path / "out" / name, (1, 1))
        bucket.pipe_file(f"pictures/out/{name}", b"half")
    outputs = [Url("renaming", f"{tmp_path}/out/{name}") for name in ("a.lic", "b.lic")]
    stored_there = fsspec.filesystem("renaming").glob(f"{tmp_path}/**/.lcodec-*.tmp")
    assert sorted(map(os.path.basename, stored_there)) == sorted(names)  # as in docs/scale.md
    assert tidy(outputs) == 0  # nothing tells whether they are still written to
    assert tidy(outputs, {""}) == 0
    assert tidy([*outputs, Url("renaming", f"{tmp_path}/new/a.lic")], {"abc", "123"}) == 2
    assert sorted(contents(tmp_path / "out")) == sorted(names[2:])
    assert tidy([Url("s3", "pictures/out/a.lic")], {"abc"}) == 0  # not made by a batch
