"""``lcodec inspect``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lcodec import container, inspect
from lcodec.cli.main import run

from .command import MODEL_ID, PNG_HEAD, hollow_model, lcodec, lic_file

Capture = pytest.CaptureFixture[str]


def test_text(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a.lic"
    path.write_bytes(lic_file(2000, 1500))
    assert run(["inspect", str(path)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0] == f"{path}: .lic format 1.1, sound"
    facts = dict(line.split(None, 1) for line in lines[1:])
    size = path.stat().st_size
    assert facts["picture"] == "2000x1500 RGB, 8 bit"
    assert facts["quality"] == "50"
    assert facts["size"] == f"{size} bytes, {8 * size / 3_000_000:.4f} bpp"
    assert facts["streams"] == "32 bytes latent, 16 hyper"
    assert facts["other"] == f"{size - 48} bytes overhead, 0 metadata"
    assert facts["tiles"] == "4 of up to 1024x1024 pixels"
    assert facts["model"] == f"GroupedMixer (gmix), id {MODEL_ID.hex()}, arithmetic profile 1"
    assert facts["weights"] == "not at hand, and of no model that this version knows"


def test_weights_at_hand_that_were_never_released(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(hollow_model(tmp_path / "store", "mine")))
    path = tmp_path / "a.lic"
    path.write_bytes(lic_file())
    assert run(["inspect", str(path)]) == 0
    assert "  weights  mine, not a released model, tune psnr, at hand\n" in capsys.readouterr().out


def test_json_is_what_the_library_says(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a.lic"
    path.write_bytes(lic_file())
    assert run(["inspect", "--json", str(path)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record.pop("file") == str(path)
    assert record.pop("weights") == {
        "model": None,
        "generation": None,
        "version": None,
        "tune": None,
        "at_hand": False,
        "command": None,
    }
    assert record == json.loads(json.dumps(inspect(lic_file())))


def test_one_bad_file_does_not_stop_the_rest(tmp_path: Path, capsys: Capture) -> None:
    files = {"a.lic": lic_file(), "b.png": PNG_HEAD, "d.lic": lic_file()[:-1], "e.lic": lic_file()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    names = [str(tmp_path / name) for name in ("a.lic", "b.png", "c.lic", "d.lic", "e.lic")]
    assert run(["inspect", "--json", *names]) == 4
    printed = capsys.readouterr()
    records = [json.loads(line) for line in printed.out.splitlines()]
    assert [record["file"] for record in records] == names
    assert [record.get("code", 0) for record in records] == [0, 4, 3, 4, 0]
    errors = [f"lcodec: {record['error']}" for record in records if "error" in record]
    assert printed.err.splitlines() == errors
    assert "a PNG picture" in errors[0]


def test_packed_metadata_is_named(tmp_path: Path, capsys: Capture) -> None:
    file = container.read(lic_file())
    sections = [
        container.Section(container.PACKED, b"\1\0"),
        container.Section(container.EXIF, b"exif"),
        container.Section(0x9A, b"other"),
        *container.pack([container.Section(container.XMP, bytes(1000))]),
    ]
    path = tmp_path / "a.lic"
    path.write_bytes(container.write(file.header, file.tiles, sections))
    assert run(["inspect", str(path)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{path}: .lic format 1.2, sound\n")
    size = len(sections[3].payload) + 6
    assert (
        "  metadata  ICC sRGB IEC61966-2.1, 3,144 bytes in 8, EXIF 4 bytes, "
        f"XMP 1,000 bytes in {size}, 0x9A 5 bytes\n" in printed
    )
    path.write_bytes(container.write(file.header, file.tiles, [container.Section(132, b"\x13")]))
    assert run(["inspect", str(path)]) == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_no_picture_is_too_large(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a.lic"
    path.write_bytes(lic_file(30_000, 20_000))
    assert run(["inspect", str(path)]) == 0
    assert "30000x20000" in capsys.readouterr().out


def test_a_file_cut_in_its_only_tile_is_told_without_sound_tiles(tmp_path: Path) -> None:
    path = tmp_path / "cut.lic"
    path.write_bytes(lic_file()[:-10])
    done = lcodec("inspect", path)
    assert done.status == 4
    text = done.out.decode()
    assert "0 of 1 tiles sound" in text and "decodes them" not in text
    assert ("shows what is left" in text) == ("is cut off" in text)
