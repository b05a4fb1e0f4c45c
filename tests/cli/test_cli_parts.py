"""Regions, previews, salvage and strips of several files, and what the commands say of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image

from lcodec.cli.main import run
from lcodec.cli.parts import parse_scale
from lcodec.library.codec import Codec
from tests.tinymodel import picture

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def files(tmp_path: Path, tiny_model: Path) -> tuple[Path, Path]:
    """Two .lic files of 130x90; of the second a tile is damaged."""
    data = Codec(device="cpu", tile_edge=64).encode(picture(90, 130), 40)
    good, bad = tmp_path / "good.lic", tmp_path / "bad.lic"
    good.write_bytes(data)
    bad.write_bytes(data[:-20] + bytes((data[-20] ^ 3,)) + data[-19:])
    return good, bad


def test_regions_of_several(files: tuple[Path, Path], tmp_path: Path, capsys: Capture) -> None:
    good, _ = files
    other = tmp_path / "other.lic"
    other.write_bytes(good.read_bytes())
    folder = tmp_path / "out"
    options = ["--region", "10,20,30x40", "--format", "tif", "--device", "cpu", "--threads", "1"]
    assert run(["decode", "-o", f"{folder}/", str(good), str(other), *options, "-v"]) == 0
    assert torch.get_num_threads() == 1
    said = capsys.readouterr().err
    assert said.count("30x40") >= 2 and "2 files" in said
    for name in ("good.tif", "other.tif"):
        with Image.open(folder / name) as image:
            assert image.size == (30, 40)


def test_salvage_of_several(files: tuple[Path, Path], tmp_path: Path, capsys: Capture) -> None:
    good, bad = files
    options = ["--salvage", "--device", "cpu", "--json"]
    assert run(["decode", str(bad), str(good), "-o", f"{tmp_path / 'out'}/", *options]) == 11
    said = capsys.readouterr()
    records = [json.loads(line) for line in said.out.splitlines()]
    assert [len(record["lost_tiles"]) for record in records] == [1, 0]
    assert [bool(record["faults"]) for record in records] == [True, False]
    assert "is lost" in said.err and "2 files" in said.err and "failed" not in said.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"bad.png", "good.png"}
    assert run(["decode", "-t", str(bad), "--salvage", "--device", "cpu"]) == 11
    assert "decodes" in capsys.readouterr().err


def test_many_lost_tiles_are_not_all_named(
    tiny_model: Path, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "a.lic"
    path.write_bytes(Codec(device="cpu", tile_edge=64).encode(picture(256, 640), 10)[:200])
    assert run(["decode", "-t", str(path), "--salvage", "--device", "cpu"]) == 11
    said = capsys.readouterr().err
    assert said.count("is lost") == 8 and "more tiles are lost" in said


def test_strips_of_several(tmp_path: Path, tiny_model: Path, capsys: Capture) -> None:
    pixels = picture(150, 70)
    np.save(tmp_path / "a.npy", pixels)
    np.save(tmp_path / "b.npy", pixels)
    options = ["--strips", "--device", "cpu", "--threads", "1", "--json"]
    sources = [str(tmp_path / name) for name in ("a.npy", "b.npy")]
    assert run(["encode", *sources, *options, "-q", "30"]) == 0
    said = capsys.readouterr()
    assert [json.loads(line)["quality"] for line in said.out.splitlines()] == [30, 30]
    assert "a.npy" in said.err and " bpp" in said.err and "2 files" in said.err
    coded = [str(tmp_path / name) for name in ("a.lic", "b.lic")]
    assert run(["decode", *coded, *options, "--format", "npy"]) == 8  # they exist
    capsys.readouterr()
    assert run(["decode", *coded, *options, "--format", "npy", "-f"]) == 0
    whole = Codec(device="cpu").decode(Path(coded[0])).pixels
    assert np.array_equal(np.load(sources[1]), whole)
    assert run(["decode", "-t", *coded, *options]) == 0
    tested = capsys.readouterr().err
    assert tested.count("decodes") == 2
    total = tested.splitlines()[-1]
    assert total.startswith("2 files, ") and "->" not in total


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["decode", "a.lic", "--format", "npy"], "only be written with `--strips`"),
        (["decode", "a.lic", "b.npy"], "only be written with `--strips`"),
        (["decode", "a.lic", "--format", "webp", "--strips"], "cannot be written by rows"),
        (["decode", "-", "b.png", "--strips"], "standard streams"),
        (["decode", "a.lic", "--strips", "--salvage"], "cannot be combined"),
        (["decode", "a.lic", "--region", "0,0,1x1", "--salvage"], "no `--region` and no `--scale`"),
        (["encode", "b.png", "-", "--strips"], "standard streams"),
        (["encode", "b.png", "--strips", "-e", "1"], "cannot be combined"),
        (["encode", "b.png", "b.npy"], "the output is a .lic file"),
    ],
)
def test_what_does_not_go_together(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.lic").write_bytes(b"\x89LIC\r\n\x1a\n")
    Image.new("RGB", (8, 8)).save(tmp_path / "b.png")
    before = sorted(tmp_path.iterdir())
    assert run(arguments) == 2
    assert words in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("scale", "texts"),
    [
        (1, ("1", "1/1", "1.0", "100%")),
        (2, ("1/2", "1 / 2", "0.5", ".5", "0,5", "50%", "50 %")),
        (4, ("1/4", "0.25", "25%")),
        (8, ("1/8", "0.125", "12.5%", "12,5 %")),
        (16, ("1/16", "0.0625", "6.25%")),
    ],
)
def test_scales_in_all_their_forms(scale: int, texts: tuple[str, ...]) -> None:
    assert {parse_scale(text) for text in texts} == {scale}


@pytest.mark.parametrize(
    "text", ["", "0", "2", "1/3", "1/32", "0.51", "0.5x", "5", "%", "-0.5", "1/", "nan", "1/2%"]
)
def test_other_scales_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not 1/2"):
        parse_scale(text)


def test_limits_of_parts(files: tuple[Path, Path], capsys: Capture) -> None:
    good = str(files[0])
    for options in (["--scale", "1/2"], ["--salvage"], ["--strips"]):
        assert run(["decode", "-t", good, *options, "--max-pixels", "1000"]) == 3
        assert "over the limit of 1000 pixels" in capsys.readouterr().err
    assert run(["decode", "-t", good, "--scale", "1/16", "--max-pixels", "1000"]) == 0
