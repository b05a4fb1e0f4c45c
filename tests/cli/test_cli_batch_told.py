"""What ``lcodec batch`` says of files that are not as they should be."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from lcodec.cli.main import run
from lcodec.picture import save
from tests.tinymodel import picture

Capture = pytest.CaptureFixture[str]


@pytest.mark.usefixtures("tiny_model")
def test_files_that_are_larger_than_their_source(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "in").mkdir()
    for name, value in (("a", 3), ("b", 4)):
        (tmp_path / "in" / f"{name}.pgm").write_bytes(b"P5 1 1 255 %c" % value)
    save(picture(64, 64), tmp_path / "in" / "c.bmp")
    command = ["batch", str(tmp_path / "in"), str(tmp_path / "out"), "-q", "30", "-j", "1"]
    assert run(command) == 0
    warning, _ = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"lcodec: warning: .*in: .*[ab]\.lic is larger than its source of \d+ bytes; so is 1 more",
        warning,
    )
    assert run([*command, "-f", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not allow")
@pytest.mark.usefixtures("tiny_model")
def test_names_with_control_characters(tmp_path: Path, capsys: Capture) -> None:
    source, name = tmp_path / "in", "e\x1b[31m\t\nr.png"
    source.mkdir()
    (source / name).write_bytes(b"nothing")
    command = ["batch", str(source), str(tmp_path / "out"), "-j", "1"]
    assert run([*command, "-n"]) == 0
    planned = capsys.readouterr().out
    assert planned.startswith(f"encode {source}/e\\x1b[31m\\x09\\x0ar.png -> ")
    assert planned.count("\n") == 1
    assert run([*command, "--json"]) == 1
    told = capsys.readouterr()
    failed, _ = told.err.splitlines()
    assert failed.count("r.png") == 1 and "\x1b" not in failed
    record = json.loads(told.out)
    assert record["error"].startswith(f"{record['source']}: ")


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("tunes", [("visual", "psnr"), ("psnr", "visual")])
def test_another_tune_is_named_not_its_quality(
    tmp_path: Path, capsys: Capture, tunes: tuple[str, str]
) -> None:
    (tmp_path / "in").mkdir()
    save(picture(32, 32), tmp_path / "in" / "a.png")
    command = ["batch", str(tmp_path / "in"), str(tmp_path / "out"), "-j", "1", "--tune"]
    assert run([*command, tunes[0]]) == 0
    capsys.readouterr()
    assert run([*command, tunes[1]]) == 1
    told = capsys.readouterr().err
    assert f"a.lic: exists, made with tune {tunes[0]}, not {tunes[1]}; `-f`" in told


@pytest.mark.skipif(sys.platform == "win32", reason="names of other lengths")
@pytest.mark.usefixtures("tiny_model")
def test_outputs_that_cannot_exist(tmp_path: Path, capsys: Capture) -> None:
    source, coded = tmp_path / "in", tmp_path / "coded"
    source.mkdir()
    save(picture(32, 32), source / "a.png")
    assert run(["batch", str(source), str(source / "a.png" / "x"), "-j", "1"]) == 8
    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith("x: the folder cannot be created: Not a directory")
    assert run(["batch", str(source), str(coded), "-j", "1", "--quiet"]) == 0
    long = coded / ("a" * 251 + ".lic")
    (coded / "a.lic").rename(long)
    back = str(tmp_path / "back")
    assert run(["batch", "--decode", str(coded), back, "--format", "tiff", "--quiet"]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith("a.tiff: cannot be looked up: File name too long")


@pytest.mark.usefixtures("tiny_model")
def test_empty_files_are_called_so(tmp_path: Path, capsys: Capture) -> None:
    source, empty = tmp_path / "in", tmp_path / "in" / "a.png"
    source.mkdir()
    empty.touch()
    out = str(tmp_path / "a.lic")
    commands = (
        ["encode", str(empty), out],
        ["encode", str(empty), out, "--strips"],
        ["batch", str(source), str(tmp_path / "out"), "-j", "1"],
    )
    for words in commands:
        assert run(words) in (1, 3)
        said = capsys.readouterr().err.splitlines()[0]
        # Without pyvips nothing is said of the file itself.
        assert said == f"lcodec: {empty}: the file is empty" or "lcodec[strips]" in said
