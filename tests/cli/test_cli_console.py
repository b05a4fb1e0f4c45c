"""What reaches which stream."""

from __future__ import annotations

import io
import sys

import pytest

from lcodec.cli import console


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_color", ["", "1"])
def test_progress_on_a_terminal(no_color: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with console.progress_bar("{task.fields[name]}") as progress:
        assert progress is not None
        task = progress.add_task("", total=2, name="first.png")
        progress.update(task, advance=1)
    text = terminal.getvalue()
    assert "first.png" in text
    assert "1/2" in text
    assert ("\x1b[38;5;" in text) is (not no_color)


def test_no_progress_elsewhere_or_if_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    with console.progress_bar() as progress:
        assert progress is None
    monkeypatch.setattr(sys, "stderr", Terminal())
    with console.progress_bar(shown=False) as progress:
        assert progress is None


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
