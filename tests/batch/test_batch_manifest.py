"""The manifest: appended to line by line, usable after a kill, continued."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


def test_failure_tells_nothing_of_an_output_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "m"
    with Manifest(path) as manifest:
        manifest.write(outcome("a"))
        manifest.write(outcome("a", Status.FAILED))
    for _ in range(2):
        with Manifest(path) as manifest:
            assert manifest.known_stamp(Path("a.lic")) == Stamp(3, 4)
            manifest.write(outcome("a", Status.SKIPPED))
    # Once: the last line is to say how things are.
    statuses = [json.loads(line)["status"] for line in path.read_text().splitlines()]
    assert statuses == ["done", "failed", "skipped"]


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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("kind", ["named pipe", "pipe", "file that is open"])
def test_pipes_and_open_files_are_only_written_to(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "m"
    if kind == "named pipe":
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer = os.dup(reader)
    elif kind == "pipe":
        reader, writer = os.pipe()
        path = Path(f"/dev/fd/{writer}")
    else:
        reader = os.open(path, os.O_RDWR | os.O_CREAT)
        writer = os.dup(reader)
        path.unlink()
        path = Path(f"/dev/fd/{writer}")
    try:
        assert Manifest(path, read_only=True).notes == ()
        with Manifest(path) as manifest:
            manifest.write(outcome("a"))
            if kind == "file that is open":
                os.lseek(reader, 0, os.SEEK_SET)
            assert json.loads(os.read(reader, 4096))["source"] == "a"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_endless_devices_are_not_read() -> None:
    with Manifest(Path("/dev/full")) as manifest, pytest.raises(OutputError) as caught:
        manifest.write(outcome("a"))
    assert str(caught.value) == "/dev/full: cannot be written: No space left on device"


SOUND = {"source": "a", "output": "a.lic", "status": "done", "source_bytes": 3}
DAMAGED = {
    "output": {**SOUND, "output": 5},
    "outputs": {**SOUND, "output": ["a.lic"]},
    "source": {**SOUND, "source": None},
    "settings": {**SOUND, "settings": "x"},
    "list of settings": {**SOUND, "settings": [1]},
    "no settings": {**SOUND, "settings": None},
    "status": {**SOUND, "status": ["done"]},
    "other status": {**SOUND, "status": "finished"},
    "bytes": {**SOUND, "source_bytes": "3"},
    "time": {**SOUND, "source_mtime_ns": 1.5},
    "version": {**SOUND, "source_etag": 7},
    "version of the output": {**SOUND, "output_etag": ["x"]},
    "bytes of the output": {**SOUND, "bytes": "3"},
    "list": [SOUND],
    "text": "a",
}
LINES = {name: json.dumps(value).encode() for name, value in DAMAGED.items()} | {
    "deep": b'{"source": ' + b"[" * 100_000,
    "digits": b'{"source": "a", "source_bytes": ' + b"9" * 10_000 + b"}",
    "long": b"x" * (3 << 20),
    "zeros": bytes(5000),
    "no text": b'{"source": "\xff\xfe"}',
    "empty": b"",
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_damaged_lines_are_dropped(name: str, place: int, tmp_path: Path) -> None:
    path = tmp_path / "m"
    with Manifest(path) as manifest:
        manifest.write(outcome("b"))
        manifest.write(outcome("c"))
        assert not manifest.notes
    lines = path.read_bytes().splitlines(keepends=True)
    lines.insert(place, LINES[name] + b"\n")
    path.write_bytes(b"".join(lines))
    with Manifest(path) as manifest:
        assert len(manifest.notes) == 1
        assert manifest.notes[0].endswith("dropped")
        assert manifest.known(Path("b.lic"))
        assert manifest.known_stamp(Path("c.lic")) == Stamp(3, 4)
        assert manifest.known(Path("a.lic")) is None
        manifest.write(outcome("d"))
    assert Manifest(path, read_only=True).known(Path("d.lic"))


@pytest.mark.parametrize("tail", [bytes(1), bytes(4096), b"\xff" * 20, b'{"a": 1'])
def test_what_a_power_cut_left_is_taken_off(tail: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m"
    with Manifest(path) as manifest:
        manifest.write(outcome("a"))
    path.write_bytes(path.read_bytes() + tail)
    with Manifest(path) as manifest:
        assert manifest.notes == ("1 damaged line dropped",)
        manifest.write(outcome("b"))
    assert sources(path) == ["a", "b"]
    assert not Manifest(path, read_only=True).notes


records = st.dictionaries(
    st.sampled_from(["source", "output", "status", "settings", "source_bytes", "source_mtime_ns"]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["a", "done", "failed", "skipped"])
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.sampled_from(["", "q"]), st.integers(), max_size=2),
)
anything = st.binary(max_size=40) | records.map(lambda record: json.dumps(record).encode())


@settings(
    derandomize=True,
    database=None,
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(anything, max_size=4), st.binary(max_size=8))
def test_any_lines_behind_a_sound_one(lines: list[bytes], tail: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m"
        first = json.dumps({"source": "s", "output": "s.lic", "status": "done"}).encode()
        path.write_bytes(b"\n".join([first, *lines, tail]))
        with Manifest(path) as manifest:
            for name in ("a", "s.lic"):
                known = manifest.known(Path(name))
                assert known is None or isinstance(known.get("settings", {}), dict)
                stamp = manifest.known_stamp(Path(name))
                told = [] if stamp is None else [stamp.source_bytes, stamp.source_mtime_ns]
                assert all(isinstance(value, int | None) for value in told)
            manifest.write(outcome("z"))
        assert Manifest(path, read_only=True).known(Path("z.lic"))


def test_manifest_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        Manifest(tmp_path / "none" / "m")
    assert Manifest(tmp_path / "none" / "m", read_only=True).known(Path("a")) is None


def test_names_that_are_no_text(tmp_path: Path) -> None:
    with Manifest(tmp_path / "m") as manifest:
        manifest.write(outcome("\udcff"))
    assert sources(tmp_path / "m") == ["\udcff"]
    assert Manifest(tmp_path / "m", read_only=True).known(Path("\udcff.lic")) is not None
