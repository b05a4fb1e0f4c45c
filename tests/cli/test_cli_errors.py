"""Errors of each kind: one line, the documented exit status, nothing left behind."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lcodec import errors
from lcodec.cli import main
from lcodec.cli.main import run

from .command import MODEL_ID, PNG_HEAD, hollow_model, lcodec, lic_file


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """The one line on standard error since the last call."""

    def read() -> str:
        printed = capsys.readouterr()
        assert printed.out == ""
        lines = printed.err.splitlines()
        assert len(lines) == 1, printed.err
        assert lines[0].startswith("lcodec: ")
        return lines[0]

    return read


@pytest.fixture
def hollow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model without weights is the one that is found."""
    models = hollow_model(tmp_path / "store")
    monkeypatch.setenv("LCODEC_MODELS", str(models))
    return models


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (20, 10), (200, 30, 90)).save(path)
    return path


def test_picture_given_to_decode(picture: Path) -> None:
    result = lcodec("decode", picture)
    assert (result.status, result.out) == (4, b"")
    assert "photo.png: not a .lic file but a PNG picture" in result.error_line
    assert "lcodec encode" in result.error_line


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PNG_HEAD, "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "WebP"),
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (b"GIF89a", "GIF"),
        (b"MM\0*", "TIFF"),
    ],
)
def test_kinds_of_pictures_are_told_apart(
    head: bytes, kind: str, tmp_path: Path, line: Callable[[], str]
) -> None:
    (tmp_path / "a.lic").write_bytes(head + bytes(20))
    assert run(["decode", str(tmp_path / "a.lic")]) == 4
    assert f"but a{'n' if kind == 'AVIF' else ''} {kind} picture" in line()


def test_lic_file_given_to_encode(tmp_path: Path, line: Callable[[], str]) -> None:
    (tmp_path / "a.png").write_bytes(lic_file())
    assert run(["encode", str(tmp_path / "a.png")]) == 3
    assert "is a .lic file already" in line()


@pytest.mark.parametrize("name", ["encode", "decode"])
def test_missing_input_and_folder(name: str, tmp_path: Path, line: Callable[[], str]) -> None:
    assert run([name, str(tmp_path / "none")]) == 3
    assert "none: no such file" in line()
    assert run([name, str(tmp_path)]) == 3
    assert "is a folder" in line()


@pytest.mark.parametrize("name", ["encode", "decode", "inspect"])
def test_what_is_not_proposed(name: str, tmp_path: Path, line: Callable[[], str]) -> None:
    (tmp_path / "dangling.png").symlink_to("nowhere")
    (tmp_path / "nosuch").mkdir()
    assert run([name, str(tmp_path / "dangling.png")]) == 3
    assert line().endswith("dangling.png: is a link to a missing file")
    assert run([name, str(tmp_path / "nosuch.png")]) == 3
    assert line().endswith("nosuch.png: no such file")


@pytest.mark.parametrize("name", ["batch", "bench", "train", "weights export"])
def test_missing_folder(name: str, tmp_path: Path, line: Callable[[], str]) -> None:
    none, other = str(tmp_path / "none"), str(tmp_path / "other")
    arguments = {
        "batch": ["batch", none, other],
        "bench": ["bench", "--set", none],
        "train": ["train", "--data", none, "--run", other],
        "weights export": ["weights", "export", none, "mine"],
    }
    assert run(arguments[name]) == 3
    assert re.search(r"none: no such (file or )?folder", line())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "garbage"])
def test_damaged_file(
    damage: str, tmp_path: Path, line: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    sound = lic_file()
    data = {
        "truncated": sound[:-3],
        "flipped": sound[:-10] + bytes([sound[-10] ^ 1]) + sound[-9:],
        "empty": b"",
        "garbage": b"no picture at all",
    }[damage]
    (tmp_path / "a.lic").write_bytes(data)
    assert run(["decode", str(tmp_path / "a.lic")]) == 4
    assert "a.lic: " in line()
    assert run(["inspect", str(tmp_path / "a.lic")]) == 4
    printed = capsys.readouterr()
    assert re.fullmatch(r"lcodec: .*a\.lic: .*\n", printed.err)
    # What is left of it is a result.
    assert ("tiles sound" in printed.out) is (damage in ("truncated", "flipped"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.lic"]


def test_file_of_a_newer_format(tmp_path: Path, line: Callable[[], str]) -> None:
    data = bytearray(lic_file())
    data[8] = 2
    (tmp_path / "a.lic").write_bytes(data)
    assert run(["decode", str(tmp_path / "a.lic")]) == 5
    assert "a.lic: " in line()


@pytest.mark.parametrize("name", ["encode", "decode"])
def test_existing_output_stays(
    name: str, tmp_path: Path, picture: Path, line: Callable[[], str]
) -> None:
    (tmp_path / "in.lic").write_bytes(lic_file())
    source = picture if name == "encode" else tmp_path / "in.lic"
    output = tmp_path / ("out.lic" if name == "encode" else "out.png")
    output.write_bytes(b"mine")
    assert run([name, str(source), str(output)]) == 8
    assert f"{output.name}: exists already; `-f` replaces it" in line()
    assert output.read_bytes() == b"mine"


def test_output_in_a_missing_folder(tmp_path: Path, picture: Path, line: Callable[[], str]) -> None:
    assert run(["encode", str(picture), str(tmp_path / "none" / "a.lic")]) == 8
    assert "no such folder: " in line()


@pytest.mark.parametrize("force", [[], ["-f"]])
def test_input_is_never_the_output(
    force: list[str], tmp_path: Path, line: Callable[[], str]
) -> None:
    source = tmp_path / "a.lic"
    source.write_bytes(lic_file())
    (tmp_path / "link.png").symlink_to(source)
    (tmp_path / "twin.png").hardlink_to(source)
    others = (tmp_path / ".." / tmp_path.name / "a.lic", tmp_path / "link.png")
    for output in (source, *others, tmp_path / "twin.png"):
        assert run(["decode", str(source), str(output), *force]) == 2
        assert "input and output are the same file" in line()
    assert source.read_bytes() == lic_file()


@pytest.mark.parametrize("name", ["encode", "decode"])
def test_json_and_data_cannot_share_standard_output(
    name: str, tmp_path: Path, picture: Path, line: Callable[[], str]
) -> None:
    (tmp_path / "a.lic").write_bytes(lic_file())
    source = picture if name == "encode" else tmp_path / "a.lic"
    assert run([name, str(source), "-", "--json"]) == 2
    assert "--json" in line()


def test_model_not_at_hand(
    picture: Path, tmp_path: Path, line: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(tmp_path / "nowhere"))
    assert run(["encode", str(picture), "--model", "missing-model"]) == 6
    message = line()
    assert "`missing-model`" in message
    assert str(tmp_path / "nowhere") in message
    assert not picture.with_suffix(".lic").exists()


def test_model_of_a_file_not_at_hand(
    tmp_path: Path, line: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(tmp_path / "nowhere"))
    (tmp_path / "a.lic").write_bytes(lic_file())
    assert run(["decode", str(tmp_path / "a.lic")]) == 6
    assert f"no model with id {MODEL_ID.hex()}" in line()


@pytest.mark.usefixtures("hollow")
def test_unknown_format_of_output(tmp_path: Path, line: Callable[[], str]) -> None:
    (tmp_path / "a.lic").write_bytes(lic_file())
    assert run(["decode", str(tmp_path / "a.lic"), str(tmp_path / "a.xyz")]) == 2
    assert "unknown picture format `.xyz`" in line()


@pytest.mark.usefixtures("hollow")
def test_damaged_picture_leaves_nothing(tmp_path: Path, line: Callable[[], str]) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, "PNG")
    source = tmp_path / "a.png"
    source.write_bytes(buffer.getvalue()[:700])
    assert run(["encode", str(source)]) == 3
    assert "a.png: " in line()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "store"]


def test_run_is_not_replaced(tmp_path: Path, line: Callable[[], str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"options": {}, "random": {}}')
    base = ["train", "--data", str(tmp_path), "--run", str(tmp_path / "run")]
    assert run(base) == 8
    assert "`--resume` goes on with it" in line()
    assert run([*base, "--resume", "--start", str(tmp_path / "run")]) == 2
    assert "the run has none and keeps it" in line()


@pytest.mark.parametrize("error", errors.LcodecError.__subclasses__())
def test_every_error_of_ours_becomes_its_status(
    error: type[errors.LcodecError], line: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error("what went\nwrong")

    monkeypatch.setattr(main, "app", broken)
    assert run([]) == error.exit_code
    assert line() == "lcodec: what went wrong"


def test_unexpected_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(main, "app", broken)
    monkeypatch.delenv("LCODEC_DEBUG", raising=False)
    assert run([]) == 70
    expected = "lcodec: unexpected ZeroDivisionError: by zero (LCODEC_DEBUG=1 shows where)\n"
    assert capsys.readouterr().err == expected
    monkeypatch.setenv("LCODEC_DEBUG", "1")
    assert run([]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_interrupt(line: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "app", broken)
    assert run([]) == 130
    assert line() == "lcodec: interrupted"
