"""What commands do to files: odd names, times, limits, checks before and after."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

import lcodec
from lcodec.cli import figures
from lcodec.cli.main import run
from lcodec.errors import MismatchError
from lcodec.library.codec import Codec
from lcodec.tunes import default_model
from tests.tinymodel import picture

from .command import lcodec as command
from .command import lic_file

Capture = pytest.CaptureFixture[str]
TIME = 1_234_567_890_123_456_789
"""Nanoseconds: a day in February 2009."""


@pytest.fixture
def photo(tmp_path: Path, tiny_model: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(picture(50, 70)).save(path)
    os.utime(path, ns=(TIME, TIME))
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
@pytest.mark.parametrize(
    "name", [b"\xff.lic", b"a\x1b[31mb.lic", b"two\nlines.lic", b"\xc3\xa4.lic"]
)
def test_odd_names(name: bytes, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    with open(path, "wb") as stream:
        stream.write(lic_file())
    shown = command("inspect", os.fsdecode(path))
    assert (shown.status, shown.err) == (0, "")
    assert b"40x30 RGB" in shown.out
    assert b"\x1b" not in shown.out
    assert json.loads(command("inspect", "--json", os.fsdecode(path)).out)["file"]
    missing = command("decode", os.fsdecode(path) + "x")
    assert missing.status == 3
    assert "did you mean" in missing.error_line
    assert "\x1b" not in missing.error_line


def test_the_time_of_the_source(photo: Path, tmp_path: Path, capsys: Capture) -> None:
    coded, back, other = tmp_path / "photo.lic", tmp_path / "b.tif", tmp_path / "c.lic"
    assert run(["encode", str(photo), "--quiet"]) == 0
    assert coded.stat().st_mtime_ns > TIME
    assert run(["encode", str(photo), "-f", "-p"]) == 0
    assert run(["decode", str(coded), str(back), "--preserve"]) == 0
    assert run(["repack", str(coded), str(other), "--model", default_model(), "-p"]) == 0
    for path in (coded, back, other):
        assert path.stat().st_mtime_ns == TIME
    folders = [tmp_path / name for name in ("in", "out", "back")]
    folders[0].mkdir()
    photo.rename(folders[0] / "photo.png")
    encoding = ["batch", str(folders[0]), str(folders[1]), "-j", "1", "-p"]
    assert run(encoding) == 0
    assert run(["batch", "--decode", str(folders[1]), str(folders[2]), "-j", "1", "-p"]) == 0
    for path in (folders[1] / "photo.lic", folders[2] / "photo.png"):
        assert path.stat().st_mtime_ns == TIME
    assert run(encoding) == 9  # as new as its source: finished
    assert run(encoding[:-1]) == 9
    capsys.readouterr()


def test_largest_picture(photo: Path, tmp_path: Path, capsys: Capture) -> None:
    coded = tmp_path / "photo.lic"
    assert run(["encode", str(photo), "--max-pixels", "3499"]) == 3
    assert "70x50 is 3500 pixels, the limit is 3499" in capsys.readouterr().err
    assert run(["encode", str(photo), "--max-pixels", "3500"]) == 0
    assert run(["decode", str(coded), "--test", "--max-pixels", "3499"]) == 3
    (tmp_path / "in").mkdir()
    photo.rename(tmp_path / "in" / "photo.png")
    folders = [str(tmp_path / "in"), str(tmp_path / "out"), "-j", "1"]
    assert run(["batch", *folders, "--max-pixels", "3499"]) == 1
    assert run(["batch", *folders]) == 0
    back = [str(tmp_path / "out"), str(tmp_path / "back"), "-j", "1"]
    assert run(["batch", "--decode", *back, "--max-pixels", "3499"]) == 1
    capsys.readouterr()


def test_test_writes_nothing(photo: Path, tmp_path: Path, capsys: Capture) -> None:
    coded = tmp_path / "a.lic"
    data = bytearray(lcodec.encode(picture(50, 70), device="cpu"))
    coded.write_bytes(data)
    assert run(["decode", "--test", str(coded)]) == 0
    assert capsys.readouterr().err.startswith(
        f"{coded} {figures.size(len(data))}: decodes, 70x50, "
    )
    assert run(["decode", "-t", "--json", "--quiet", str(coded)]) == 0
    assert json.loads(capsys.readouterr().out)["output"] is None
    assert run(["decode", "-t", str(coded), str(tmp_path / "b.png")]) == 2
    assert run(["decode", "-t", str(photo)]) == 4
    data[-40] ^= 1
    coded.write_bytes(data)
    assert run(["decode", "-t", str(coded)]) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.lic", "photo.png"]


def test_verified_before_it_is_written(
    photo: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["encode", str(photo), "--verify"]
    assert run([*arguments, "--json", "--quiet"]) == 0
    assert "verification" in json.loads(capsys.readouterr().out)["stages"]
    photo.with_suffix(".lic").unlink()

    def differ(*_: object) -> None:
        raise MismatchError("the decoded symbols are not the ones that were encoded")

    monkeypatch.setattr(Codec, "decode_symbols", differ)
    assert run(arguments) == 7
    assert capsys.readouterr().err.startswith(f"lcodec: {photo}: the decoded symbols")
    assert not photo.with_suffix(".lic").exists()


def test_larger_than_its_source(photo: Path, capsys: Capture) -> None:
    assert run(["encode", str(photo), "-q", "5"]) == 0
    assert "warning" not in capsys.readouterr().err
    photo.write_bytes(b"P5 1 1 255\n\x80")
    assert run(["encode", str(photo), "-f"]) == 0
    warning = f"lcodec: warning: {photo.with_suffix('.lic')}: larger than its source of 12 bytes"
    assert capsys.readouterr().err.splitlines()[0] == warning
