"""Terminals, pipes and signals, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from .command import TIMEOUT, command, environment, hollow_model, lcodec, lic_file

if sys.platform == "win32":
    pytest.skip("terminals and signals of POSIX", allow_module_level=True)

import pty


def on_terminal(*arguments: str | Path, which: str) -> tuple[int, bytes, str]:
    """Status, what the terminal got, and standard error, of a command whose ``which`` is one."""
    controller, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            command(*arguments),
            stdin=terminal if which == "stdin" else subprocess.DEVNULL,
            stdout=terminal if which == "stdout" else subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        os.close(terminal)
        _, err = process.communicate(timeout=TIMEOUT)
        try:
            shown = os.read(controller, 4096)
        except OSError:  # Linux: nothing was written before the other side closed
            shown = b""
    finally:
        os.close(controller)
    return process.returncode, shown, err.decode()


@pytest.mark.parametrize("name", ["encode", "decode"])
def test_no_binary_data_to_a_terminal(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(hollow_model(tmp_path)))
    source = tmp_path / "in"
    if name == "encode":
        Image.new("L", (8, 8)).save(source, "PNG")
    else:
        source.write_bytes(lic_file())
    status, shown, err = on_terminal(name, source, "-", which="stdout")
    assert (status, shown) == (2, b"")
    assert err.startswith("lcodec: standard output is a terminal")
    assert len(err.splitlines()) == 1


def test_binary_data_is_not_awaited_from_a_terminal() -> None:
    status, _, err = on_terminal("decode", "-", "out.png", which="stdin")
    assert status == 2
    assert err.startswith("lcodec: standard input is a terminal")


@pytest.mark.parametrize("name", ["inspect a.lic", "--help", "help batch", "man"])
def test_reader_that_went_away(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.lic").write_bytes(lic_file())
    receiver, sender = os.pipe()
    os.close(receiver)
    try:
        done = subprocess.run(
            command(*name.split()),
            cwd=tmp_path,
            stdout=sender,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=TIMEOUT,
            check=False,
        )
    finally:
        os.close(sender)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("status", [0, 3])
@pytest.mark.parametrize("gone", [True, False], ids=["gone", "full"])
def test_messages_that_cannot_be_written_change_no_status(
    gone: bool, status: int, tmp_path: Path
) -> None:
    if not gone and not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    receiver, sender = os.pipe() if gone else (None, os.open("/dev/full", os.O_WRONLY))
    if receiver is not None:
        os.close(receiver)
    words = ["desktop", "remove", "--data", str(tmp_path)] if status == 0 else ["inspect", "none"]
    try:
        done = subprocess.run(
            command(*words),
            cwd=tmp_path,
            stderr=sender,
            env=environment(),
            timeout=TIMEOUT,
            check=False,
        )
    finally:
        os.close(sender)
    assert done.returncode == status


def test_interrupt_at_the_very_end() -> None:
    """While Python waits for its threads and forgets its modules."""
    program = """
import os, signal, sys, threading, time
import lcodec.cli.main

def late():
    threading.main_thread().join()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)

def main():
    threading.Thread(target=late).start()
    sys.exit(0)

lcodec.cli.main.main = main
from lcodec.__main__ import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        env=environment(),
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, b"lcodec: interrupted\n")


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (signal.SIGINT, 130, "lcodec: interrupted\n"),
        (signal.SIGTERM, 143, ""),
        (signal.SIGHUP, 129, ""),
        (signal.SIGQUIT, 131, ""),
    ],
)
def test_signals_end_it_without_a_traceback(
    sent: signal.Signals, status: int, words: str, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen(command("inspect", fifo), stderr=subprocess.PIPE, env=environment())
    with fifo.open("wb"):  # waits until the command reads
        process.send_signal(sent)
        _, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, err.decode()) == (status, words)


def test_file_from_standard_input() -> None:
    result = lcodec("inspect", "-", stdin=lic_file())
    assert (result.status, result.err) == (0, "")
    assert b"40x30 RGB" in result.out
    assert result.out.startswith(b"standard input: .lic format ")
    result = lcodec("inspect", "-", stdin=lic_file()[:-1])
    assert result.status == 4
    assert result.error_line.startswith("standard input: ")
