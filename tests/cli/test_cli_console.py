"""What reaches which stream."""

from __future__ import annotations

import pytest

from lcodec.cli import console


def test_warning_is_one_line_or_none(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn("a.png", [])
    console.warn("a.png", ["alpha channel dropped", "EXIF dropped"])
    printed = capsys.readouterr()
    expected = "lcodec: warning: a.png: alpha channel dropped, EXIF dropped\n"
    assert (printed.out, printed.err) == ("", expected)


def test_columns() -> None:
    assert console.align([]) == []
    assert console.align([("a", "10", "x"), ("bcd", "9", "")], "lr") == ["a    10  x", "bcd   9"]


def test_names_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("a\x1b[31mb\x07\x9b.png\nnext\tline")
    assert capsys.readouterr().err == "a\\x1b[31mb\\x07\\x9b.png\nnext\tline\n"
