"""Output files appear whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lcodec.atomic import atomic_write, delete_unfinished
from lcodec.errors import OutputError


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_writes_the_whole_file_and_nothing_else(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "out.lic", overwrite=False) as stream:
        stream.write(b"abc")
        assert not (tmp_path / "out.lic").exists()
    assert (tmp_path / "out.lic").read_bytes() == b"abc"
    assert names(tmp_path) == ["out.lic"]


def test_existing_file_is_kept_without_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "out.lic"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists"), atomic_write(path, overwrite=False):
        pytest.fail("the block must not run")
    assert path.read_bytes() == b"old"


def test_overwrite_replaces_and_keeps_the_permissions(tmp_path: Path) -> None:
    path = tmp_path / "out.lic"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with atomic_write(path, overwrite=True) as stream:
        stream.write(b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_new_file_follows_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "out", overwrite=False) as stream:
            stream.write(b"x")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_in_the_block_leaves_no_trace(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "out.lic"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_write(path, overwrite=True) as stream:
        stream.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["out.lic"]


def test_full_disk_is_an_output_error_and_leaves_no_trace(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="No space left"),
        atomic_write(tmp_path / "out", overwrite=False) as stream,
    ):
        stream.write(b"half")
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == []


def test_file_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(OutputError, match="exists"), atomic_write(path, overwrite=False) as stream:
        stream.write(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["out"]


def test_missing_folder_and_folder_as_output(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="No such file"),
        atomic_write(tmp_path / "no" / "out", overwrite=False),
    ):
        pass
    with pytest.raises(OutputError, match="is a folder"), atomic_write(tmp_path, overwrite=True):
        pass


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


def test_what_never_ended_can_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    writing = atomic_write(path, overwrite=True)
    # As if an exception came before the block.
    writing.__enter__().write(b"half")
    with atomic_write(tmp_path / "whole", overwrite=False) as stream:
        stream.write(b"new")
    assert len(names(tmp_path)) == 3
    delete_unfinished()
    assert names(tmp_path) == ["out", "whole"]
    assert path.read_bytes() == b"old"


LEFT_IN_A_CALLBACK = """
import os, signal, sys
from lcodec.atomic import atomic_write
from lcodec.batch import pool

class Dying:
    def __del__(self):  # an exception in here is printed and forgotten
        signal.raise_signal(signal.SIGTERM)

signal.signal(signal.SIGTERM, pool._leave)
writing = atomic_write(sys.argv[1], overwrite=False)
writing.__enter__()
Dying()
print("went on")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_worker_told_to_stop_anywhere_leaves_nothing(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LEFT_IN_A_CALLBACK, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (128 + signal.SIGTERM, "", "")
    assert names(tmp_path) == []
