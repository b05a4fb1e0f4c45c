"""``lcodec batch`` as a command: what it does, shows and leaves behind."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

import lcodec
from lcodec import container
from lcodec.batch.work import TOGETHER
from lcodec.cli.main import run
from lcodec.picture import Metadata, Picture, save
from tests.picture.samples import exif, icc
from tests.tinymodel import picture

from .command import ROOT, TIMEOUT, command, environment
from .command import lcodec as real

Capture = pytest.CaptureFixture[str]
FAKE = [sys.executable, "-m", "tests.batch.fakes", "batch"]
"""The command with a codec that takes no time."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures in ``in``, one of them in a folder of its own, and a broken one."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    Image.fromarray(picture(40, 40)).save(tmp_path / "in" / "a.png")
    Image.fromarray(picture(40, 40, 1)).save(tmp_path / "in" / "deep" / "b.png")
    Image.fromarray(picture(30, 50, 2)[..., 0]).save(tmp_path / "in" / "c.jpg")
    (tmp_path / "in" / "bad.jpg").write_bytes(b"nothing")
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


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


def test_targets_and_effort_are_passed_on(folder: Path, tiny_model: Path) -> None:
    source, coded = folder / "in", folder / "out"
    (source / "bad.jpg").unlink()
    arguments = ["batch", str(source), str(coded), "-j", "1", "--device", "cpu", "--quiet"]
    assert run([*arguments, "-q", "60", "-e", "-1"]) == 0
    quick = lcodec.encode(picture(40, 40), 60, effort=-1, device="cpu")
    assert (coded / "a.lic").read_bytes() == quick
    assert quick != lcodec.encode(picture(40, 40), 60, device="cpu")
    assert run([*arguments, "--target-size", "600", "-e", "1", "-f"]) == 0
    target = lcodec.Target.size(600)
    expected = lcodec.encode(picture(40, 40), target=target, effort=1, device="cpu")
    assert (coded / "a.lic").read_bytes() == expected
    assert all(path.stat().st_size <= 600 for path in coded.rglob("*.lic"))
    assert run([*arguments, "-q", "3", "--target-bpp", "1"]) == 2
    assert run([*arguments, "--decode", "--target-bpp", "1"]) == 2


def test_real_command_encodes_resumes_and_decodes(folder: Path, tiny_model: Path) -> None:
    source, coded, back = folder / "in", folder / "out", folder / "back"
    manifest = folder / "log.ndjson"
    result = real("batch", source, coded, "-q", "30", "-j", "2", "--manifest", manifest, "--json")
    assert result.status == 1
    assert files(coded) == ["a.lic", "c.lic", "deep/b.lic"]
    header = container.read((coded / "deep" / "b.lic").read_bytes()).header
    assert (header.width, header.height, header.quality) == (40, 40, 30)
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert sorted(lines, key=lambda r: r["source"]) == sorted(
        map(json.loads, manifest.read_text().splitlines()), key=lambda r: r["source"]
    )
    assert {Path(r["source"]).name: (r["status"], r["attempts"]) for r in lines} == {
        "a.png": ("done", 1),
        "b.png": ("done", 1),
        "c.jpg": ("done", 1),
        "bad.jpg": ("failed", 2),
    }
    for record in lines:
        if record["status"] == "done":
            assert record["bytes"] == Path(record["output"]).stat().st_size
            assert record["bpp"] > 0
        else:
            assert record["code"] == 3
    assert result.err.splitlines()[-2].startswith(f"lcodec: {source / 'bad.jpg'}: ")
    assert "3 encoded, 1 failed; " in result.err.splitlines()[-1]

    result = real("batch", "--decode", coded, back, "--format", "tif", "--quiet")
    assert (result.status, result.out, result.err) == (0, b"", "")
    assert files(back) == ["a.tif", "c.tif", "deep/b.tif"]
    with Image.open(back / "deep" / "b.tif") as image:
        data = (coded / "deep" / "b.lic").read_bytes()
        assert image.tobytes() == lcodec.decode(data).pixels.tobytes()


@pytest.mark.usefixtures("tiny_model")
def test_alpha_and_metadata_go_through(tmp_path: Path, capsys: Capture) -> None:
    source, coded, back = (tmp_path / name for name in ("in", "out", "back"))
    source.mkdir()
    levels = picture(20, 30)
    whole = Picture(levels, alpha=levels[..., 0], metadata=Metadata(icc()))
    save(whole, source / "a.png")
    arguments = ["batch", str(source), str(coded), "-j", "1"]
    assert run(arguments) == 0
    data = (coded / "a.lic").read_bytes()
    assert data == lcodec.encode(whole)
    capsys.readouterr()
    assert run([*arguments, "--strip"]) == 1
    assert "made without --strip; `-f` replaces it" in capsys.readouterr().err
    assert run([*arguments, "--strip", "--force"]) == 0
    assert (coded / "a.lic").read_bytes() == lcodec.encode(whole, strip=True)
    assert run([*arguments, "--strip"]) == 9
    capsys.readouterr()
    decoding = ["batch", "--decode", str(coded), str(back), "--format", "jpg", "-j", "1"]
    assert run([*decoding, "--strip"]) == 2
    assert "`--strip` is for encoding" in capsys.readouterr().err
    assert run([*decoding, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["notes"] == ["a .jpg file cannot hold everything; lost: alpha"]


@pytest.mark.usefixtures("tiny_model")
def test_runs_one_after_the_other(folder: Path, capsys: Capture) -> None:
    source, coded = folder / "in", folder / "out"
    arguments = ["batch", str(source), str(coded), "-q", "30"]
    assert run([*arguments, "-j", "1"]) == 1
    (source / "bad.jpg").unlink()
    assert (coded / "a.lic").read_bytes() == lcodec.encode(picture(40, 40), 30)
    capsys.readouterr()
    assert run(arguments) == 9
    assert "3 skipped (finished before)" in capsys.readouterr().err
    (coded / "c.lic").write_bytes((coded / "c.lic").read_bytes()[:-1])
    assert run([*arguments, "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"encode {source / 'c.jpg'} -> {coded / 'c.lic'} (damaged)\n"
    assert "1 to encode, 2 skipped" in printed.err
    assert run(arguments) == 0
    assert "1 encoded, 2 skipped" in capsys.readouterr().err
    assert run(["batch", str(source), str(coded), "-q", "31"]) == 1
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 4
    assert shown[0] == (
        f"lcodec: {coded / 'a.lic'}: exists, made with quality 30, not 31; `-f` replaces it"
    )
    assert run([*arguments, "-f", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_list_on_standard_input(folder: Path, tmp_path: Path) -> None:
    names = ["in/a.png", "in/deep/b.png", "in/none.png"]
    odd = "in/line\nbreak.png"
    shutil.copy(folder / "in" / "a.png", folder / odd)

    def listed(data: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*FAKE, "-", "out", "--json", "--dry-run", *options],
            input=data,
            cwd=folder,
            env=environment(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )

    done = listed("\n".join(names).encode())
    assert done.returncode == 0
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["output"] for r in records] == [
        "out/in/a.lic",
        "out/in/deep/b.lic",
        "out/in/none.lic",
    ]
    assert [r["reason"] for r in records] == ["new", "new", "cannot be read"]
    done = listed("\0".join([odd, names[0]]).encode(), "-0", "--base", "in")
    outputs = [json.loads(line)["output"] for line in done.stdout.splitlines()]
    assert outputs == ["out/a.lic", "out/line\nbreak.lic"]
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--decode", "-q", "3"], 2, "`--quality` is for encoding"),
        (["--decode", "--model", "x"], 2, "`--model` is for encoding"),
        (["--decode", "--format", "gif"], 2, "unknown picture format `.gif`"),
        (["--format", "png"], 2, "`--format` needs `--decode`"),
        (["-0"], 2, "`--null` needs SRC `-`"),
        (["--base", "x"], 2, "`--base` is for files"),
        (["-j", "0"], 2, "--jobs"),
        (["--model", "none"], 6, "model `none`: not found"),
        (["--manifest", "in/bad.jpg"], 8, "exists and is not a manifest"),
        (["--manifest", "none/m"], 8, "none/m: cannot be written"),
    ],
)
def test_mistakes(
    arguments: list[str],
    status: int,
    words: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(folder)
    assert run(["batch", "in", "out", *arguments]) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert words in printed.err
    assert not (folder / "out").exists()


@pytest.mark.usefixtures("tiny_model")
def test_records_have_the_size_of_the_coded_picture(tmp_path: Path, capsys: Capture) -> None:
    source, coded = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    turned = {f"{side}{suffix}" for side in range(1, 9) for suffix in (".jpg", ".tif", ".webp")}
    turned |= {"6.png", "6.avif"} if features.check("avif") else {"6.png"}
    for name in turned:
        tags = Image.Exif()
        tags[0x0112] = int(name[0])
        Image.fromarray(picture(20, 30)).save(source / name, exif=tags)
    arguments = ["batch", str(source), str(coded), "-j", "1", "--json", "--quiet"]
    runs: tuple[tuple[list[str], int, str], ...] = (
        (["-n"], 0, "planned"),
        ([], 0, "done"),
        ([], 9, "skipped"),
        (["-q", "3"], 1, "failed"),
        (["-q", "3", "-n", "-f"], 0, "planned"),
    )
    for more, status, word in runs:
        assert run([*arguments, *more]) == status
        records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {record["status"] for record in records} == {word}
        for record in records:
            sides = (30, 20) if int(Path(record["source"]).name[0]) < 5 else (20, 30)
            assert (record["width"], record["height"]) == sides, record
        assert len(records) == len(turned)


@pytest.mark.usefixtures("tiny_model")
def test_an_orientation_after_the_pixels_is_known_from_the_file(
    tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "in").mkdir()
    stream = io.BytesIO()
    Image.fromarray(picture(20, 30)).save(stream, "PNG")
    chunk = b"eXIf" + exif(6)
    late = (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    data = stream.getvalue()
    (tmp_path / "in" / "a.png").write_bytes(data[:-12] + late + data[-12:])
    arguments = ["batch", str(tmp_path / "in"), str(tmp_path / "out"), "-j", "1", "--json"]
    for status in (0, 9):
        assert run(arguments) == status
        record = json.loads(capsys.readouterr().out)
        assert (record["width"], record["height"]) == (20, 30)


@pytest.mark.usefixtures("tiny_model")
def test_a_dry_run_counts_what_cannot_be_read_apart(folder: Path, capsys: Capture) -> None:
    source, coded = folder / "in", folder / "out"
    (source / "worse.png").write_bytes(b"nothing")
    assert run(["batch", str(source), str(coded), "-n"]) == 0
    printed = capsys.readouterr()
    assert printed.out.count("(cannot be read)\n") == 2
    assert printed.err == f"{source}: 3 to encode, 2 that cannot be read\n"
    assert run(["batch", str(source / "bad.jpg"), str(coded), "-n"]) == 0
    assert capsys.readouterr().err == f"{source / 'bad.jpg'}: 1 that cannot be read\n"
    coded.mkdir()
    (coded / "a.lic").write_bytes(b"nothing")
    assert run(["batch", "--decode", str(coded), str(folder / "back"), "-n"]) == 0
    assert capsys.readouterr().err == f"{coded}: 1 that cannot be read\n"
    assert run(["batch", str(source), str(folder / "new"), "-n", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(record["reason"] == "cannot be read" for record in records) == 2


@pytest.mark.usefixtures("tiny_model")
def test_what_is_left_out_is_told(folder: Path, capsys: Capture) -> None:
    source, coded, manifest = folder / "in", folder / "out", folder / "in" / "log.ndjson"
    (source / "bad.jpg").rename(source / "e.cr2")
    for name in ("d.jxl", "deep/f.mp4", "deep/.g.jxl", "deep/h.lic"):
        (source / name).touch()
    arguments = ["batch", str(source), str(coded), "-q", "30", "-j", "1"]
    told = "3 files of other kinds left out: 1 .cr2, 1 .jxl, 1 .mp4"
    for more, status in (["-n"], 0), (["--manifest", str(manifest)], 0), (["--json"], 9):
        assert run([*arguments, *more]) == status
        lines = capsys.readouterr().err.splitlines()
        assert lines[:-1] == [f"{source}: {told}"] or "--json" in more
    # The manifest is the batch's own only where it is one.
    assert "4 files of other kinds left out: 1 .cr2, 1 .jxl, 1 .mp4, 1 .ndjson" in lines[0]
    assert run([*arguments, "--quiet"]) == 9
    assert capsys.readouterr().err == ""
    (coded / "notes.txt").touch()
    assert run(["batch", "--decode", str(coded), str(folder / "back"), "-j", "1"]) == 0
    assert f"{coded}: 1 file of other kinds left out: 1 .txt\n" in capsys.readouterr().err


def test_batch_of_nothing(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "in").mkdir()
    assert run(["batch", str(tmp_path / "in"), str(tmp_path / "out")]) == 9
    assert "nothing found to encode" in capsys.readouterr().err


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


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
@pytest.mark.usefixtures("tiny_model")
def test_metadata_that_is_half_of_some_files(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "in").mkdir()
    random = np.random.default_rng(0)
    for name, size in (("a", 3000), ("b", 4000), ("c", 0)):
        metadata = Metadata(xmp=random.bytes(size) if size else None)
        save(Picture(picture(32, 32), metadata=metadata), tmp_path / "in" / f"{name}.png")
    log = tmp_path / "log.ndjson"
    command = ["batch", str(tmp_path / "in"), str(tmp_path / "out"), "-q", "30", "-j", "1"]
    assert run([*command, "--manifest", str(log)]) == 0
    warning, _ = capsys.readouterr().err.splitlines()
    told = re.fullmatch(
        r"lcodec: warning: .*in: metadata makes up (.*) bytes, 9\d\.\d % of .*b\.lic, and half or "
        "more of 1 other file; `--strip` drops it",
        warning,
    )
    records = {Path(r["output"]).name: r for r in map(json.loads, log.read_text().splitlines())}
    assert records.pop("c.lic")["metadata_bytes"] == 0
    for name, record in records.items():
        data = (tmp_path / "out" / name).read_bytes()
        assert record["metadata_bytes"] == container.describe(data)["metadata_bytes"] > 1000
    assert told and int(told[1].replace(",", "")) == records["b.lic"]["metadata_bytes"]
    assert run([*command, "-f", "--strip"]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1


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
