"""What reaches which stream."""

from __future__ import annotations

import pytest

from lcodec.cli import console
from lcodec.cli.tables import fitted


def test_warning_is_one_line_or_none(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn("a.png", [])
    console.warn("a.png", ["alpha channel dropped", "EXIF dropped"])
    printed = capsys.readouterr()
    expected = "lcodec: warning: a.png: alpha channel dropped, EXIF dropped\n"
    assert (printed.out, printed.err) == ("", expected)


def test_columns() -> None:
    assert console.align([]) == []
    assert console.align([("a", "10", "x"), ("bcd", "9", "")], "lr") == ["a    10  x", "bcd   9"]


def on_screen(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """Standard output is a terminal of that width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)


def test_a_text_is_wrapped_under_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("one", "1"), ("model", "a long text with `a command` in it")]
    assert fitted(rows, indent=2)[1] == "  model  a long text with `a command` in it"
    on_screen(monkeypatch, 30)
    assert fitted(rows, indent=2) == [
        "  one    1",
        "  model  a long text with `a",
        "         command` in it",
    ]


def test_what_does_not_fit_goes_into_further_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/a/very/long/path/of/a/model"
    rows = [("model", "bytes", "state", "folder"), ("mine", "12", "ok", path)]
    assert fitted(rows, "lr")[1] == f"mine      12  ok     {path}"
    on_screen(monkeypatch, 40)
    assert fitted(rows, "lr") == [
        "model  bytes  state",
        "    folder",
        "mine      12  ok",
        f"    {path}",
    ]


@pytest.mark.parametrize("columns", range(1, 60))
@pytest.mark.parametrize("right", ["", "lrrlr", "rrrrr"])
def test_nothing_is_lost_at_any_width(
    columns: int, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("id", "a name", "12", "", "some words"), ("12345678", "b", "1,234", "ok", "/x/y z")]
    on_screen(monkeypatch, columns)
    lines = fitted(rows, right, 3)
    assert " ".join(lines).split() == " ".join(cell for row in rows for cell in row).split()
    assert columns < 24 or max(map(len, lines)) <= columns


def test_names_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("a\x1b[31mb\x07\x9b.png\nnext\tline")
    assert capsys.readouterr().err == "a\\x1b[31mb\\x07\\x9b.png\nnext\tline\n"
