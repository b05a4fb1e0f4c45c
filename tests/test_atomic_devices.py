"""Devices, symbolic links and what is open already are written directly; disks may be full."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

from lcodec.batch.location import at_hand
from lcodec.batch.url import Url
from lcodec.errors import DiskFullError, OutputError
from lcodec.process import atomic
from lcodec.process.atomic import atomic_write, descriptor_of, scratch_file
from tests.test_atomic_write import WRITE


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links and /dev")
def test_symbolic_links_stay_and_devices_are_written_directly(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(target)
    with atomic_write(link, overwrite=True) as stream:
        stream.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    with atomic_write("/dev/null", overwrite=False) as stream:
        stream.write(b"gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no /dev/fd here")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/fd/N"])
@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_what_is_open_already_is_written_directly(name: str, kind: str, tmp_path: Path) -> None:
    if name.startswith("/proc") and not Path("/proc/self/fd").exists():
        pytest.skip("no /proc here")
    reader, writer = os.pipe()
    path = tmp_path / "out"
    with path.open("wb") as stream, os.fdopen(writer, "wb") as pipe:
        stream.write(b"before ")
        stream.flush()
        target = stream if kind == "file" else pipe
        done = subprocess.run(
            [sys.executable, "-c", WRITE, name.replace("N", str(target.fileno()))],
            stdout=target,
            stderr=subprocess.PIPE,
            pass_fds=[target.fileno()],
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    with os.fdopen(reader, "rb") as received:
        data = received.read()
    expected = b"before " + b"x" * 1000 if kind == "file" else b"before "
    assert path.read_bytes() == expected
    assert data == (b"" if kind == "file" else b"x" * 1000)


def test_descriptors_that_are_not_open() -> None:
    with pytest.raises(OutputError, match="Bad file"), atomic_write("/dev/fd/987", overwrite=True):
        pytest.fail("the block must not run")
    assert [descriptor_of(n) for n in ("/dev/fd/12", "/dev/fd/a", "/dev/null")] == [12, None, None]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_folder_for_temporary_files_is_told_from_what_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    full = re.escape(f"{tmp_path}: cannot be written: No space left on device")
    source = Url("memory", "full/a.tar")
    with fsspec.open("memory://full/a.tar", "wb") as stream:
        stream.write(bytes(1 << 17))
    with monkeypatch.context() as patch:
        # As if the new file had no room for anything.
        patch.setattr(atomic, "_opener", lambda _: lambda *_: os.open("/dev/full", os.O_RDWR))
        for size in (10, 1 << 17):
            with pytest.raises(DiskFullError, match=full), scratch_file() as (stream, _):
                stream.write(bytes(size))
        output = Url("memory", "full/a.lic")
        with pytest.raises(DiskFullError, match=full), output.write(overwrite=False) as stream:
            stream.write(bytes(10))
        with pytest.raises(DiskFullError, match=full), at_hand(source):
            pass
    assert not output.exists()
    assert list(tmp_path.iterdir()) == []
    fsspec.filesystem("memory").rm("/full", recursive=True)


def test_no_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(OutputError, match=r"none: cannot be written: No such file"), scratch_file():
        pass
    monkeypatch.setattr("tempfile._get_default_tempdir", none_usable)
    monkeypatch.setattr("tempfile.tempdir", None)
    source = Url("memory", "a.tar")
    with pytest.raises(OutputError, match=r"TMPDIR may name one"), at_hand(source):
        pass


def none_usable() -> str:
    raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")
