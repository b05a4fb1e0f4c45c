"""Output files appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lcodec.batch.location import tidy
from lcodec.errors import OutputError
from lcodec.process.atomic import (
    atomic_write,
    delete_stale,
    delete_unfinished,
    scratch_file,
    token,
)


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


@pytest.fixture
def open_umask() -> Iterator[None]:
    previous = os.umask(0)
    yield
    os.umask(previous)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.usefixtures("open_umask")
def test_temporary_files_are_private_where_outputs_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_file() as (_, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path = tmp_path / "out.lic"
    path.write_bytes(b"old")
    path.chmod(0o640)
    before: list[int] = []
    change = os.chmod

    def noted(name: Path, mode: int) -> None:
        before.append(stat.S_IMODE(name.stat().st_mode))
        change(name, mode)

    monkeypatch.setattr(os, "chmod", noted)
    with atomic_write(path, overwrite=True) as stream:
        stream.write(b"new")
    assert before == [0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


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


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links of POSIX")
def test_link_to_nothing_is_not_written_through_unless_asked(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = tmp_path / "link"
    link.symlink_to(outside / "new")
    with pytest.raises(OutputError, match="as a link to"), atomic_write(link, overwrite=False):
        pytest.fail("the block must not run")
    assert names(outside) == []
    with atomic_write(link, overwrite=True) as stream:
        stream.write(b"new")
    assert (outside / "new").read_bytes() == b"new"
    assert link.is_symlink()


def test_two_writers_of_one_output(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with atomic_write(path, overwrite=True) as slow:
        slow.write(b"slow")
        with atomic_write(path, overwrite=True) as quick:
            quick.write(b"quick")
        assert path.read_bytes() == b"quick"
    assert path.read_bytes() == b"slow"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("links", [True, False])
def test_of_two_new_files_the_first_stays(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another makes its own between looking and writing."""
    path = tmp_path / "out"
    real = os.link

    def beaten(source: Path, target: Path) -> None:
        path.write_bytes(b"theirs")
        if not links:
            raise OSError(1, "Operation not permitted")
        real(source, target)

    monkeypatch.setattr(os, "link", beaten)
    with pytest.raises(OutputError, match="exists"), atomic_write(path, overwrite=False) as stream:
        stream.write(b"mine")
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["out"]


def test_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with atomic_write(tmp_path / "out", overwrite=False) as stream:
        stream.write(b"new")
    assert names(tmp_path) == ["out"]


def test_folder_removed_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with (
        pytest.raises(OutputError, match="No such file"),
        atomic_write(folder / "out", overwrite=False) as stream,
    ):
        stream.write(b"half")
        shutil.rmtree(folder)
    assert names(tmp_path) == []


WRITE = """
import resource, sys
from lcodec.process.atomic import atomic_write
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    with atomic_write(sys.argv[1], overwrite=False) as stream:
        stream.write(b"x" * 1000)
except Exception as error:
    print(type(error).__name__, error, file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_full_disk_of_a_real_process(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", WRITE, str(tmp_path / "out"), "limited"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.stderr.startswith("OutputError ")
    assert "File too large" in result.stderr
    assert names(tmp_path) == []


HELD = """
import sys
from lcodec.process.atomic import atomic_write
with atomic_write(sys.argv[1], overwrite=False) as stream:
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
def test_stale_temporaries_are_deleted_and_those_of_writers_are_not(tmp_path: Path) -> None:
    long_ago = time.time() - 3600
    killed = subprocess.Popen(
        [sys.executable, "-c", HELD, str(tmp_path / "a")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert killed.stdout is not None
    killed.stdout.readline()
    for path in tmp_path.iterdir():
        os.utime(path, (long_ago, long_ago))
    assert delete_stale(tmp_path) == 0  # it is being written to
    killed.kill()
    killed.communicate()
    (tmp_path / ".lcodec-0123456789abcdef.tmp").touch()  # made just now
    for name in (".lcodec-notes.tmp", "x.tmp", "b.lic"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (long_ago, long_ago))
    assert len(names(tmp_path)) == 5
    assert delete_stale(tmp_path) == 1
    young = ".lcodec-0123456789abcdef.tmp"
    assert names(tmp_path) == sorted([young, ".lcodec-notes.tmp", "x.tmp", "b.lic"])
    assert delete_stale(tmp_path / "none") == 0


def test_temporaries_of_a_process_that_was_seen_to_end_go_at_once(tmp_path: Path) -> None:
    mine, other = f".lcodec-{token()}-0123.tmp", ".lcodec-0123456789ab-0123.tmp"
    for name in (mine, other, ".lcodec-0123.tmp", f"lcodec-{token()}-0123.tmp"):
        (tmp_path / name).touch()
    assert delete_stale(tmp_path, dead={""}) == 0  # an actor that never told its own
    assert delete_stale(tmp_path, dead={token(), ""}) == 1
    assert mine not in names(tmp_path) and len(names(tmp_path)) == 3


def test_files_on_their_way_to_a_store_are_temporaries_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    output = tmp_path / "out" / "a.lic"  # its folder is not there
    with scratch_file() as (_, path):
        os.utime(path, (1, 1))
        assert tidy([output]) == 0 or sys.platform == "win32"
    for dead in (None, {token()}):
        path.touch()
        os.utime(path, (1, 1))
        assert tidy([output], dead) == 1
    assert names(tmp_path) == []


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
from lcodec.process.atomic import atomic_write
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
