"""``lcodec batch`` as a command: what it does, shows and leaves behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import lcodec
from lcodec import container
from lcodec.cli.main import run
from tests.tinymodel import picture

from .command import TIMEOUT, environment
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


def test_a_full_disk_ends_the_batch(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "fills", "z"):
        Image.new("L", (12, 8)).save(tmp_path / "in" / f"{name}.png")
    command = [*FAKE, str(tmp_path / "in"), str(tmp_path / "out"), "-j", "1", "-q", "40"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 8
    stopped, error = done.stderr.splitlines()[-2:]
    assert stopped.endswith("stopped; 1 encoded, 2 left; run the same command to go on")
    assert error == f"lcodec: {tmp_path}/out/fills.lic: cannot be written: No space left on device"
    assert files(tmp_path / "out") == ["a.lic"]
