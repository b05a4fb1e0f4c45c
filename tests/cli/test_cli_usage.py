"""Mistakes on the command line: one clear line, exit status 2, nothing on standard output."""

from __future__ import annotations

from pathlib import Path

import pytest

from lcodec import __version__
from lcodec.cli.main import run

from .command import lcodec

MISTAKES = [
    (["frobnicate"], "No such command"),
    (["encode"], "Missing argument"),
    (["encode", "a", "b", "c"], "c: several files need a folder"),
    (["inspect"], "Missing argument"),
    (["repack", "a.lic", "b.lic", "c.lic", "--model", "m"], "Unexpected argument 'c.lic'"),
    (["man", "a", "b"], "lcodec: Unexpected arguments: a b (see `lcodec man --help`)"),
    (["repack", "a.lic", "--model", "m"], "give one OUT"),
    (["encode", "a", "--frob"], "No such option"),
    (["encode", "a", "-q", "101"], "--quality"),
    (["encode", "a", "-q", "-1"], "--quality"),
    (["encode", "a", "-q", "high"], "--quality"),
    (["encode", "a", "--device", "abacus"], "--device"),
    (["encode", "a", "-q", "5", "--target-size", "9KB"], "--quality and --target-size cannot be"),
    (["encode", "a", "--target-bpp", "1", "--target-psnr", "30"], "cannot be combined"),
    (["encode", "a", "--target-size", "large"], "--target-size: `large` is not a size"),
    (
        ["encode", "a", "--target-size", "0"],
        "--target-size: a size must be at least one byte, not `0`",
    ),
    (["encode", "a", "--target-bpp", "-1"], "above 0"),
    (["encode", "a", "--target-psnr", "nan"], "above 0"),
    (["encode", "a", "-e", "10"], "--effort"),
    (["encode", "a", "-e", "-2"], "from -1 to 9"),
    (["decode"], "Missing argument"),
    (["batch", "a"], "no DST given; usage: `lcodec batch a DST`"),
    (["batch"], "Missing argument"),
    (["inspect"], "Missing argument"),
    (["compare"], "Missing argument"),
    (["compare", "a"], "at least two pictures"),
    (["compare", "a", "-"], "not standard input"),
    (["bench"], "--set"),
    (["bench", "--set", "{folder}", "--results", "f"], "either `--set DIR` or"),
    (["bench", "--set", "{folder}", "--html-quality", "101"], "--html-quality"),
    (["bench", "--set", "{folder}", "-q", "10,ten"], "10,ten"),
    (["bench", "--set", "{folder}", "-q", "10,10"], "each given once"),
    (["bench", "--set", "{folder}", "-q", "101"], "0 to 100"),
    (["bench", "--set", "{folder}", "--limit", "0"], "--limit"),
    (["bench", "--set", "{folder}", "--plot", "curve.gif"], "curve.gif"),
    (["train", "--data", "{folder}"], "--run"),
    (["train", "--data", "{folder}", "--run", "r", "--stage", "all"], "--stage"),
    (["train", "--data", "{folder}", "--run", "r", "--minutes", "0"], "--minutes"),
    (["train", "--data", "{folder}", "--run", "r", "--decay", "1.5"], "--decay"),
    (["train", "--data", "{folder}", "--run", "r", "--quantise-from", "1"], "--quantise-from"),
    (["train", "--data", "{folder}", "--run", "r", "--lr", "nan"], "--lr"),
    (["train", "--data", "{folder}", "--run", "r", "--crops", "8x128"], "--crops"),
    (["train", "--data", "{folder}", "--run", "r", "--crops", "0:8x100"], "multiples of 64"),
    (["train", "--data", "{folder}", "--run", "r", "--crops", "0.1:8x64"], "rise from 0"),
    (["weights"], "Missing command"),
    (["weights", "export", "run"], "Missing argument"),
    (["weights", "verify", "../models"], "name of a model"),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES, ids=lambda v: " ".join(v)[:40])
def test_mistake_is_one_line_and_status_2(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run([part.format(folder=tmp_path) for part in arguments])
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert printed.err.startswith("lcodec: ")
    assert words in printed.err


def test_mistake_in_a_real_process() -> None:
    result = lcodec("encode", "a", "--quality", "1000")
    assert result.status == 2
    assert result.out == b""
    assert "`lcodec encode --help`" in result.error_line


def test_nothing_asked_shows_help_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Usage: lcodec" in printed.err


def test_version() -> None:
    result = lcodec("--version")
    assert (result.status, result.out.decode().strip()) == (0, f"lcodec {__version__}")
