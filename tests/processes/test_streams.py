"""Closed streams, devices, signals and full disks, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from lcodec import container
from lcodec.cli.details import Details
from lcodec.cli.paths import check_output
from lcodec.errors import InputError, OutputError
from lcodec.picture import load, reader
from tests.cli.command import (
    MODEL_ID,
    TIMEOUT,
    command,
    environment,
    hollow_model,
    lcodec,
    lic_file,
)
from tests.tinymodel import picture

if sys.platform == "win32":
    pytest.skip("streams and signals of POSIX", allow_module_level=True)


def shell(script: str, *arguments: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in which ``$@`` is the command line of lcodec with arguments."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *command(*arguments)],
        capture_output=True,
        env=environment(**changes),
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.png"
    Image.fromarray(picture(30, 40)).save(path)
    return path


def test_closed_standard_error_puts_nothing_into_a_file(
    source: Path, tmp_path: Path, tiny_model: Path
) -> None:
    coded = tmp_path / "c.lic"
    done = shell(f'"$@" - 2>&- > {coded}', "encode", source, "--device", "cpu", "-v")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert container.read(coded.read_bytes()).header.width == 40


def test_closed_standard_output_matters_only_to_what_is_written_there(
    source: Path, tmp_path: Path, tiny_model: Path
) -> None:
    coded = tmp_path / "c.lic"
    done = shell('"$@" >&-', "encode", source, coded)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"{source} ") and f" -> {coded} " in done.stderr
    assert container.read(coded.read_bytes()).header.width == 40
    done = shell('"$@" >&-', "inspect", coded)
    assert (done.returncode, done.stderr) == (8, "lcodec: standard output: Bad file descriptor\n")


@pytest.mark.parametrize("closed", ["<&-", "<&- >&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("name", ["inspect -", "encode - a.lic", "decode - a.png", "batch - out"])
def test_closed_standard_input(closed: str, name: str, tiny_model: Path, tmp_path: Path) -> None:
    done = shell(f'cd "$FOLDER"; "$@" {closed}', *name.split(), FOLDER=str(tmp_path))
    words = (
        "" if "2>" in closed else "lcodec: standard input: cannot be read: Bad file descriptor\n"
    )
    assert (done.returncode, done.stderr) == (3, words)
    assert not list(tmp_path.iterdir())


def test_outputs_that_are_open_already(source: Path, tmp_path: Path, tiny_model: Path) -> None:
    script = '"$@" /dev/fd/3 3> >(cat > "$OUT.part"; mv "$OUT.part" "$OUT") | cat'
    coded, shown = tmp_path / "c.lic", tmp_path / "c.png"
    done = shell(script, "encode", source, "-p", OUT=str(coded))
    for _ in range(TIMEOUT):  # the shell does not wait for what reads
        if coded.exists():
            break
        time.sleep(0.1)
    assert container.read(coded.read_bytes()).header.width == 40, done.stderr
    done = shell(f'"$@" /dev/stdout | cat > {shown}', "decode", coded)
    assert "bytes -> /dev/stdout, 40x30" in done.stderr
    with Image.open(shown) as image:
        assert (image.format, image.size) == ("PNG", (40, 30))
    done = shell('"$@" /dev/null', "decode", coded)
    assert done.returncode == 0 and " -> /dev/null, 40x30" in done.stderr
    pipe, shown = tmp_path / "fifo", tmp_path / "d.png"
    os.mkfifo(pipe)
    done = shell(f'cat {pipe} > {shown} & "$@" {pipe}; wait', "decode", coded)
    assert done.returncode == 0 and shown.read_bytes() == (tmp_path / "c.png").read_bytes()
    if os.path.exists("/dev/full"):
        done = shell('"$@" /dev/full', "decode", coded)
        words = "lcodec: /dev/full: cannot be written: No space left on device\n"
        assert (done.returncode, done.stderr) == (8, words)


def test_outputs_are_checked_beforehand(tmp_path: Path) -> None:
    check_output("/dev/stdout", force=False)
    check_output("/dev/null", force=False)
    os.mkfifo(tmp_path / "fifo")
    check_output(str(tmp_path / "fifo"), force=False)
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(OutputError, match="link to a missing file"):
        check_output(str(tmp_path / "link"), force=False)
    check_output(str(tmp_path / "link"), force=True)


def test_no_folder_for_temporary_files(source: Path, tmp_path: Path, tiny_model: Path) -> None:
    done = shell('ulimit -f 0; "$@"', "encode", source, tmp_path / "c.lic")
    assert done.returncode == 8
    assert done.stderr.startswith("lcodec: ")
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png"]


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [("> /dev/full", "No space left on device"), (">&-", "Bad file descriptor")],
)
@pytest.mark.parametrize(
    "name",
    [
        *("inspect a.lic", "encode a.png -", "man", "weights list", "--version", "--help"),
        *("encode --help", "help batch", "--show-completion bash"),
    ],
)
def test_results_that_cannot_be_written(
    source: Path, tmp_path: Path, tiny_model: Path, name: str, redirection: str, reason: str
) -> None:
    if "full" in redirection and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "a.lic").write_bytes(lic_file())
    source.rename(tmp_path / "a.png")
    done = shell(f'cd "$FOLDER"; "$@" {redirection}', *name.split(), FOLDER=str(tmp_path))
    # Warnings may come before.
    *_, error = done.stderr.splitlines()
    assert (done.returncode, error) == (8, f"lcodec: standard output: {reason}")


def test_ignored_hang_up_stays_ignored(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        ["bash", "-c", "trap '' HUP; exec \"$@\"", "bash", *command("inspect", fifo)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    with fifo.open("wb") as stream:  # waits until the command reads
        process.send_signal(signal.SIGHUP)
        stream.write(lic_file())
    out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, err) == (0, b"")
    assert b"40x30" in out


INTERRUPTED_AT = """
import os, signal, sys
from pathlib import Path
sys.argv[0] = "lcodec"
number, stage, output = int(sys.argv[1]), sys.argv[2], sys.argv[3]

def send(*_, **__):
    signal.raise_signal(number)
    return unchanged(*_, **__)

from lcodec.process import atomic
from lcodec.cli import main as program

def work(*_, **__):
    global unchanged
    module, name = {"making": (atomic, "hold"), "naming": (os, "link")}.get(stage, (None, ""))
    if module is not None:
        unchanged = getattr(module, name)
        setattr(module, name, send)
    with atomic.atomic_write(output, overwrite=False) as stream:
        stream.write(b"half")
        if stage == "writing":
            signal.raise_signal(number)
        stream.write(b"whole")
    print("went on")

program.app = work
program.main()
"""


@pytest.mark.parametrize("stage", ["making", "writing", "naming"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGQUIT, 131),
    ],
)
def test_signals_at_any_stage_leave_nothing(
    sent: signal.Signals, status: int, stage: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT, str(int(sent)), stage, str(tmp_path / "out")],
        capture_output=True,
        env=environment(),
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    words = "lcodec: interrupted\n" if sent == signal.SIGINT else ""
    assert (done.returncode, done.stdout, done.stderr) == (status, "", words)
    assert not list(tmp_path.iterdir())


AT_ONCE = """
import runpy, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
runpy.run_module("lcodec", run_name="__main__", alter_sys=False)
"""


@pytest.mark.parametrize("module", ["typer", "lcodec.cli.main", "lcodec.weights", "json"])
def test_interrupt_while_the_program_is_imported(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE, module],
        capture_output=True,
        env=environment(),
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "lcodec: interrupted\n")


def test_source_that_changes_while_it_is_read(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = reader._load_stream

    def slow(*arguments: object) -> object:
        result = real(*arguments)  # type: ignore[arg-type]
        with source.open("ab") as stream:
            stream.write(b"more")
        return result

    assert load(source).width == 40
    monkeypatch.setattr(reader, "_load_stream", slow)
    with pytest.raises(InputError, match=r"in\.png: changed while it was being read"):
        load(source)


def test_names_with_line_ends_stay_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Details(True).say("done", "a\nb\tc\x1b.png")
    assert capsys.readouterr().err == "  done      a\\x0ab\\x09c\\x1b.png\n"


def test_batch_deletes_what_a_killed_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(hollow_model(tmp_path)))
    for name in ("in/deep", "out/deep"):
        (tmp_path / name).mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(tmp_path / "in" / "deep" / "a.png")
    (tmp_path / "out" / "deep" / "a.lic").write_bytes(lic_file())
    left = tmp_path / "out" / "deep" / ".lcodec-0123456789abcdef.tmp"
    left.touch()
    os.utime(left, (1, 1))
    folders = (tmp_path / "in", tmp_path / "out")
    arguments = ["batch", *map(str, folders), "-q", "50", "--model", "groupedmixer"]
    assert lcodec(*arguments, "-n").status == 9
    assert left.exists()
    result = lcodec(*arguments)
    assert result.status == 9, result.err
    assert not left.exists()
    assert MODEL_ID.hex() == "01020304"


def test_devices_and_huge_files_are_not_read_to_their_end(
    source: Path, tmp_path: Path, tiny_model: Path
) -> None:
    result = lcodec("decode", "/dev/zero", tmp_path / "out.png")
    assert (result.status, result.error_line) == (4, "/dev/zero: not a .lic file")
    folder = tmp_path / "files"
    folder.mkdir()
    assert lcodec("encode", source, folder / "good.lic").status == 0
    good = (folder / "good.lic").read_bytes()
    for name, start in (("zeros", b""), ("head", good[:40]), ("tail", good)):
        with (folder / f"{name}.lic").open("wb") as stream:
            stream.write(start)
            stream.truncate(60 << 30)
    result = lcodec("batch", "--decode", folder, tmp_path / "out", "-j", "1")
    assert result.status == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]
    *failed, summary = result.err.splitlines()
    assert [line.split(": ")[1] for line in failed] == [
        str(folder / f"{name}.lic") for name in ("head", "tail", "zeros")
    ]
    assert "1 decoded, 3 failed" in summary
