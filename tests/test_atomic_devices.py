"""Devices, symbolic links and what is open already are written directly."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lcodec.errors import OutputError
from lcodec.process.atomic import (
    atomic_write,
    descriptor_of,
)
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
