"""Signals, terminals and many files: ``lcodec batch`` as processes of the system."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from lcodec import container
from lcodec.batch.work import TOGETHER
from tests.tinymodel import picture

from .command import ROOT, TIMEOUT, command, environment
from .test_cli_batch import FAKE, files


def fake(*arguments: str | Path, **changes: str) -> subprocess.Popen[str]:
    """Start the command with the fake codec, in a process group of its own."""
    return subprocess.Popen(
        [*FAKE, *map(str, arguments)],
        cwd=ROOT,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_it_cleanly_and_a_second_run_finishes(
    sent: signal.Signals, jobs: int, tmp_path: Path
) -> None:
    source, coded = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(20):
        Image.new("L", (8, 8), number).save(source / f"{number}.png")
    arguments = (source, coded, "-j", str(jobs))
    process = fake(*arguments, FAKE_WRITE_SECONDS="0.2")
    wait_for(process, coded, 3)
    if sent is signal.SIGINT:
        os.killpg(process.pid, sent)  # Ctrl-C reaches all processes
    else:
        process.send_signal(sent)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + sent
    lines = err.splitlines()
    assert " stopped; " in lines[-2 if sent is signal.SIGINT else -1]
    assert "Traceback" not in err
    # The tracker of shared resources outlives the program by a moment.
    deadline = time.monotonic() + 20
    while group(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert group(process.pid) == []
    left = files(coded)
    assert 3 <= len(left) < 20
    assert all(name.endswith(".lic") for name in left), "unfinished files"
    for name in left:
        container.read((coded / name).read_bytes())
    again = fake(*arguments)
    again.communicate(timeout=TIMEOUT)
    assert again.returncode == 0
    assert len(files(coded)) == 20


def wait_for(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Until so many files are finished."""
    deadline = time.monotonic() + TIMEOUT
    while len(list(folder.rglob("*.lic"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def group(leader: int) -> list[int]:
    """Processes left in a process group, but those that have ended."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def test_progress_on_a_terminal_only(tmp_path: Path) -> None:
    import pty

    (tmp_path / "in").mkdir()
    for number in range(3):
        Image.new("RGB", (300, 200)).save(tmp_path / "in" / f"{number}.png")
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [*FAKE, str(tmp_path / "in"), str(tmp_path / "out"), "-j", "1"],
        cwd=ROOT,
        env=environment(TERM="xterm", COLUMNS="120", FAKE_SECONDS="0.9"),
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(controller, 4096):
            shown += chunk
    except OSError:  # Linux: the other side has closed
        pass
    os.close(controller)
    assert process.wait(TIMEOUT) == 0
    assert b"2/3" in shown
    assert b"MP/s" in shown
    assert b"files/s" in shown
    process_without = fake(tmp_path / "in", tmp_path / "other")
    _, err = process_without.communicate(timeout=TIMEOUT)
    assert process_without.returncode == 0
    assert "MP/s" not in err


@pytest.mark.slow
def test_500_mixed_files_killed_and_resumed(tmp_path: Path, tiny_model: Path) -> None:
    source, coded = tmp_path / "in", tmp_path / "out"
    broken = mixed_files(source, 500)
    manifest = tmp_path / "log.ndjson"
    arguments = command("batch", source, coded, "-q", "20", "-j", "2", "--manifest", manifest)
    process = subprocess.Popen(
        arguments, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(process, coded, 220)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + TIMEOUT
    while group(process.pid):  # they finish the picture they have
        assert time.monotonic() < deadline
        time.sleep(0.05)
    before = set(files(coded))
    assert 220 <= len(before) < 480
    recorded = [json.loads(line) for line in manifest.read_text().splitlines()]
    done_first = [r for r in recorded if r["status"] == "done"]
    # At most two bundles were finished or unfinished without a word.
    assert len(before) - 2 * TOGETHER <= len(done_first) <= len(before)

    done = subprocess.run(
        arguments, env=environment(), capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 1
    failures = [line for line in done.stderr.splitlines() if not line.startswith(str(source))]
    listed = {line.split(": ")[1] for line in failures if "warning" not in line}
    assert listed == {str(path) for path in broken}
    last = {r["source"]: r for r in map(json.loads, manifest.read_text().splitlines())}
    assert len(last) == 500
    for path, record in last.items():
        if Path(path) in broken:
            assert (record["status"], record["attempts"], record["code"]) == ("failed", 2, 3)
        else:
            header = container.read(Path(record["output"]).read_bytes()).header
            assert (header.width, header.height) == (record["width"], record["height"])
    assert len(files(coded)) == 500 - len(broken)
    assert f"{500 - len(broken) - len(before)} encoded" in done.stderr
    with_sizes = [r for r in last.values() if "bytes" in r]
    assert len(with_sizes) == 500 - len(broken)


def mixed_files(root: Path, count: int) -> set[Path]:
    """Tiny pictures of many kinds in a tree; returns those that are broken."""
    broken = set()
    for number in range(count):
        folder = root / f"{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(picture(16 + number % 23, 16 + number % 31, number))
        kind = number % 10
        path = folder / f"{number}{'.jpg' if kind in (1, 7) else '.png'}"
        if kind == 2:
            image = image.convert("L")
        elif kind == 3:
            image = image.quantize(16)
        elif kind == 4:
            image = image.convert("RGBA")
        elif kind == 5:
            image = image.convert("1")
        image.save(path)
        if kind == 8:
            path.write_bytes(path.read_bytes()[: 60 + number % 40])
            broken.add(path)
        elif kind == 9 and number % 20 == 9:
            path.write_bytes(b"no picture at all" * (number % 3))
            broken.add(path)
    return broken
