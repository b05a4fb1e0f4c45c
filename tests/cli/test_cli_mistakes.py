"""Mistakes and their answers, as one snapshot: what was likely meant, status, nothing written."""

from __future__ import annotations

import json
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from PIL import Image

from lcodec.cli.main import run
from lcodec.container import Header, TilePayload, write

from .command import MODEL_ID, PNG_HEAD, TIMEOUT, environment, lcodec, lic_file

SNAPSHOT = Path(__file__).with_name("mistakes.txt")

SCRIPT = """
import contextlib, io, json, shlex, sys
from lcodec.cli.main import run
report = []
for line in json.load(sys.stdin):
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(shlex.split(line))
    report.append([status, out.buffer.getvalue().decode(), err.getvalue()])
print(json.dumps([report, "torch" in sys.modules]))
"""


def cases() -> list[tuple[str, int, str]]:
    """Command line, status and message of the snapshot."""
    found = []
    lines = iter(SNAPSHOT.read_text("utf-8").splitlines())
    for line in lines:
        if line.startswith("$ "):
            status, _, message = next(lines).partition(" ")
            found.append((line[2:], int(status), message))
    return found


def fill(folder: Path) -> None:
    """The files that the snapshot speaks of."""
    Image.new("RGB", (20, 10), (200, 30, 90)).save(folder / "photo.png")
    Image.new("RGB", (20, 10)).save(folder / "photo.jpg")
    sound = lic_file()
    header = Header(8, 8, 1, 8, 50, 1024, 1, "gmix", bytes(byte ^ 1 for byte in MODEL_ID))
    (folder / "folder").mkdir()
    for name, data in {
        "folder/sound.lic": sound,
        "sound.lic": sound,
        "misnamed.png": sound,
        "photo.lic": sound,
        "nothing.png": b"",
        "half.png": PNG_HEAD[:12],
        "empty.lic": b"",
        "phone.jxl": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(80),
        "array.npy": b"\x93NUMPY\1\0v\0" + bytes(80),
        "text.lic": b"Dear reader,\n",
        "cut.lic": sound[:-3],
        "mangled.lic": sound.replace(b"\r\n", b"\n", 1),
        "newer.lic": sound[:8] + b"\x09\x00" + sound[10:],
        "strange.lic": write(header, [TilePayload(1, b"", b"")]),
    }.items():
        (folder / name).write_bytes(data)


def test_mistakes(tmp_path: Path, tiny_models_folder: Path) -> None:
    fill(tmp_path)
    listed = cases()
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([line for line, _, _ in listed]),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(LCODEC_MODELS=str(tiny_models_folder)),
        timeout=TIMEOUT,
        check=True,
    )
    report, heavy = json.loads(done.stdout)
    assert len(report) == len(listed) > 60
    wrong = []
    for (line, status, message), (own, out, err) in zip(listed, report, strict=True):
        pattern = f"lcodec: {message}\n".replace("[", "[[]")
        if (own, out) != (status, "") or not fnmatchcase(err, pattern) or err.count("\n") != 1:
            wrong.append(f"$ {line}\n{own} {out}{err}")
    assert not wrong, "\n".join(wrong)
    assert not heavy  # told at once
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before


def test_the_real_command_answers_the_same(tmp_path: Path) -> None:
    fill(tmp_path)
    for line, status, message in cases():
        if line in ("decode photo.jpg", "encode photo.png --effrt 3"):
            done = lcodec(*line.split(), cwd=tmp_path)
            assert (done.status, done.out, done.error_line) == (status, b"", message)


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        ("--target-psnr", ("38", "38dB", "38.5 DB"), "38bpp"),
        ("--target-bpp", ("0.5", "0.5bpp", ".5 bpp"), "0.5dB"),
    ],
)
def test_numbers_may_have_their_unit(
    option: str, good: tuple[str, ...], bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in good:
        assert run(["encode", "none.png", option, value]) == 3  # no such file
    assert run(["encode", "none.png", option, bad]) == 2
    assert f"`{bad}` is not a number above 0" in capsys.readouterr().err


def test_batch_that_goes_the_other_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    folder = str(tmp_path / "folder")
    assert run(["batch", folder, str(tmp_path / "out")]) == 9
    assert capsys.readouterr().err.endswith(
        "nothing found to encode; `--decode` decodes its .lic files\n"
    )
    (tmp_path / "folder" / "sound.lic").unlink()
    Image.new("L", (8, 8)).save(tmp_path / "folder" / "a.png")
    assert run(["batch", "--decode", folder, str(tmp_path / "out")]) == 9
    assert capsys.readouterr().err.endswith(
        "nothing found to decode; there are pictures to encode\n"
    )
