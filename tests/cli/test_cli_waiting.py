"""The bar of what takes long: on terminals alone, and gone in the end."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from lcodec.cli import waiting
from tests.tinymodel import picture

from .command import TIMEOUT, environment

if sys.platform == "win32":
    pytest.skip("terminals of POSIX", allow_module_level=True)

import pty

AT_ONCE = """
from lcodec.cli import waiting
from lcodec.cli.main import main
waiting.DELAY = 0.0
main()
"""


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error from now on; a fixture would come before pytest's own."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


@pytest.mark.parametrize("no_color", ["", "1"])
def test_stage_and_steps(no_color: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(waiting, "DELAY", 0.0)
    with waiting.waiting() as progress:
        progress("loading networks", 0, 1)
        wait_for(terminal, "loading networks")
        for done in range(4):
            progress("quality 43: coding", done, 25)
        wait_for(terminal, "3/25")
        progress("synthesis", 0, 1)
        wait_for(terminal, "synthesis")
        progress("encoding", 70, 900, count="3/7", note="4.2 MP/s  [b]a\x1b.png")
        wait_for(terminal, "4.2 MP/s  [b]a\\x1b.png")
        assert "3/7" in terminal.getvalue()
    text = terminal.getvalue()
    assert "quality 43: coding" in text
    assert "0/1" not in text
    assert "70/900" not in text
    assert ("\x1b[38;5;" in text) is (not no_color)
    assert text.endswith("\x1b[2K")  # the line is wiped


def wait_for(terminal: Terminal, words: str) -> None:
    deadline = time.monotonic() + 20
    while words not in terminal.getvalue():
        assert time.monotonic() < deadline, terminal.getvalue()
        time.sleep(0.01)


def test_nothing_for_what_is_quick_or_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    with waiting.waiting() as progress:
        progress("analysis", 1, 2)
    monkeypatch.setattr(waiting, "DELAY", 0.0)
    with waiting.waiting(shown=False) as progress:
        progress("analysis", 1, 2)
        time.sleep(0.05)
    monkeypatch.setenv("TERM", "dumb")
    with waiting.waiting() as progress:
        progress("analysis", 1, 2)
        time.sleep(0.05)
    assert terminal.getvalue() == ""


def start(*arguments: str | Path, **changes: str) -> tuple[subprocess.Popen[bytes], int]:
    """The command with its standard error on a terminal, and the other end of that."""
    controller, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", AT_ONCE, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=side,
        env=environment(TERM="xterm-256color", COLUMNS="100", **changes),
    )
    os.close(side)
    return process, controller


def read(controller: int, until: bytes | None = None) -> bytes:
    """What comes to the terminal, up to some words or to its end."""
    shown = b""
    try:
        while chunk := os.read(controller, 4096):
            shown += chunk
            if until is not None and until in shown:
                break
    except OSError:  # Linux: the other side has closed
        pass
    return shown


@pytest.fixture
def photo(tmp_path: Path, tiny_model: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(picture(160, 160)).save(path)
    return path


def test_encode_on_a_terminal(photo: Path) -> None:
    process, controller = start("encode", photo, "-v", "--json", NO_COLOR="1")
    try:
        shown = read(controller).decode()
    finally:
        os.close(controller)
    out, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert b"\x1b" not in out
    assert "loading networks" in shown
    assert "\x1b[38;5;" not in shown
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown).replace("\r", "\n")
    assert re.search(r"^ *picture +160x160 RGB, 8 bit", plain, re.MULTILINE)
    assert re.search(rf"^{re.escape(str(photo))} .* -> .*bpp, .* s\s*$", plain, re.MULTILINE)


def test_no_bar_elsewhere(photo: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE, "encode", str(photo)],
        capture_output=True,
        env=environment(TERM="xterm-256color"),
        timeout=TIMEOUT,
        check=True,
    )
    assert done.stdout == b""
    assert b"\x1b" not in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_interrupted_in_the_middle(photo: Path) -> None:
    """Ctrl-C while the bar is there: one line, the status, and nothing left."""
    Image.fromarray(picture(600, 600)).save(photo)
    process, controller = start("encode", photo, "-e", "9")
    try:
        shown = read(controller, until=b"optimisation")
        assert b"optimisation" in shown
        process.send_signal(signal.SIGINT)
        shown += read(controller)
    finally:
        os.close(controller)
    process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert shown.rstrip().endswith(b"lcodec: interrupted")
    assert b"Traceback" not in shown
    assert [path.name for path in photo.parent.iterdir()] == ["photo.png"]
