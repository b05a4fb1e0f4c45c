"""The commands that run networks, with a small random model."""

from __future__ import annotations

import io
import json
import math
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec import container
from lcodec.cli import figures
from lcodec.cli.main import run
from lcodec.library.codec import Codec
from lcodec.picture import Metadata, Picture, load, save
from tests.picture.samples import exif, icc
from tests.tinymodel import picture

from .command import TIMEOUT, command, environment
from .command import lcodec as lcodec_command

pytestmark = pytest.mark.usefixtures("tiny_model")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A colour picture of 50x70 pixels."""
    path = tmp_path / "photo.png"
    Image.fromarray(picture(70, 50)).save(path)
    return path


def test_encode_and_decode_give_what_the_library_gives(photo: Path, capsys: Capture) -> None:
    assert run(["encode", str(photo), "-q", "70"]) == 0
    coded = photo.with_suffix(".lic")
    assert coded.read_bytes() == lcodec.encode(picture(70, 50), 70)
    said = capsys.readouterr()
    assert said.out == ""
    before, after = photo.stat().st_size, coded.stat().st_size
    sizes = f"{figures.size(before)} -> {coded} {figures.size(after)}"
    ratio = f"{100 * after / before:.1f} %"
    bpp = f"{8 * after / 3500:.2f} bpp"
    assert re.fullmatch(rf"{photo} {sizes} \({ratio}\), {bpp}, \d+\.\d s\n", said.err)
    output = photo.with_name("back.png")
    assert run(["decode", str(coded), str(output)]) == 0
    with Image.open(output) as back:
        assert np.array_equal(np.asarray(back), lcodec.decode(coded.read_bytes()).pixels)
    line = (
        f"{coded} {figures.size(after)} -> {output} {figures.size(output.stat().st_size)}, 50x70, "
    )
    assert capsys.readouterr().err.startswith(line)


def test_default_output_of_decode_is_png_and_force_replaces(photo: Path, capsys: Capture) -> None:
    coded = photo.with_suffix(".lic")
    coded.write_bytes(lcodec.encode(picture(70, 50)))
    before = photo.read_bytes()
    assert run(["decode", str(coded)]) == 8
    assert photo.read_bytes() == before
    assert run(["decode", str(coded), "-f", "--quiet"]) == 0
    assert photo.read_bytes() != before
    assert capsys.readouterr().err.count("\n") == 1


def test_json(photo: Path, capsys: Capture) -> None:
    coded = str(photo.with_suffix(".lic"))
    assert run(["encode", str(photo), "--json", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    record = json.loads(printed.out)
    size = Path(coded).stat().st_size
    assert record["bytes"] == size
    assert record["bpp"] == pytest.approx(8 * size / 3500)
    assert (record["width"], record["height"], record["channels"]) == (50, 70, 3)
    assert (record["input"], record["output"]) == (str(photo), coded)
    assert (record["quality"], record["model"], record["notes"]) == (75, "groupedmixer-visual", [])
    bits = record["estimated_bits_y"] + record["estimated_bits_z"]
    assert 0 < bits < 8 * size
    assert 0 < sum(record["stages"].values()) <= record["seconds"]
    assert run(["decode", coded, str(photo.with_name("b.png")), "--json", "--quiet"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["width"], record["height"], record["quality"]) == (50, 70, 75)
    assert record["model"] == "groupedmixer-visual"
    assert 0 < sum(record["stages"].values()) <= record["seconds"]


def test_targets_and_effort(photo: Path, capsys: Capture) -> None:
    coded = photo.with_suffix(".lic")
    least = len(lcodec.encode(picture(70, 50), 0))
    limit = len(lcodec.encode(picture(70, 50), 40)) + 3
    assert run(["encode", str(photo), "--target-size", str(limit), "--json", "--quiet"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert least <= record["bytes"] == coded.stat().st_size <= limit
    assert (record["target"], record["effort"], record["psnr"]) == (f"{limit} bytes", 0, None)
    assert record["quality"] >= 40
    assert record["evaluations"] > 1
    coded.unlink()

    assert run(["encode", str(photo), "--target-size", str(least - 10), "--json", "-v"]) == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert (record["quality"], record["bytes"]) == (0, coded.stat().st_size)
    assert record["bytes"] <= least - 10
    (note,) = record["notes"]
    assert note == "quality 0 is too large for the target: latents were left out"
    assert f"warning: {photo}: {note}" in printed.err and 0.0 < record["kept"] < 1.0
    percent = f"{math.floor(100 * record['kept'])} %"
    assert f"{percent} of the latents, " in printed.err
    assert f", quality 0 with {percent} of its latents, " in printed.err
    coded.unlink()

    assert run(["encode", str(photo), "--target-bpp", "0.01"]) == 10
    said = capsys.readouterr().err
    assert said.startswith(f"lcodec: {photo}: 0.01 bpp cannot be met: ")
    assert "of quality 0 with " in said and " % of its latents, has " in said
    assert said.count("\n") == 1
    assert not coded.exists()

    assert run(["encode", str(photo), "-e", "1", "-q", "30", "--json"]) == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert coded.read_bytes() == lcodec.encode(picture(70, 50), 30, effort=1)
    assert (record["quality"], record["effort"], record["target"]) == (30, 1, None)
    assert record["psnr"] is None  # not needed, with effort as without
    assert printed.err.startswith(f"{photo} ")


def test_gray_stays_gray_and_losses_are_named(tmp_path: Path, capsys: Capture) -> None:
    gray = Image.fromarray(picture(40, 40)).convert("LA")
    gray.putpixel((3, 3), (10, 20))
    gray.save(tmp_path / "gray.png")
    assert run(["encode", str(tmp_path / "gray.png")]) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert run(["decode", str(tmp_path / "gray.lic"), str(tmp_path / "back.png")]) == 0
    with Image.open(tmp_path / "back.png") as back:
        assert back.mode == "LA"
        assert back.getchannel("A").getpixel((3, 3)) == 20
    assert len(capsys.readouterr().err.splitlines()) == 1
    output = tmp_path / "back.jpg"
    assert run(["decode", str(tmp_path / "gray.lic"), str(output), "--json"]) == 0
    printed = capsys.readouterr()
    note = "a .jpg file cannot hold everything; lost: alpha"
    assert printed.err.splitlines()[0] == f"lcodec: warning: {output}: {note}"
    record = json.loads(printed.out)
    assert (record["channels"], record["alpha"], record["bit_depth"]) == (1, True, 8)
    assert record["notes"] == [note]


def test_frames_are_told_of_once(tmp_path: Path, capsys: Capture) -> None:
    frames = [Image.new("RGB", (20, 20), (level, 0, 0)) for level in (0, 90, 180)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert run(["encode", str(path), "--json"]) == 0
    printed = capsys.readouterr()
    note = "only the first of 3 frames is kept"
    assert printed.err.count(note) == 1
    assert json.loads(printed.out)["notes"] == [note]


def test_damage_that_pillow_warns_of_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cut = b"Exif\0\0" + exif()[:30]
    Image.fromarray(picture(20, 20)).save(path, exif=cut)
    with pytest.warns(UserWarning, match="Truncated"), Image.open(path) as image:
        image.getexif().get(0x010F)
    result = lcodec_command("encode", path)
    assert (result.status, result.err.count("\n")) == (0, 2)
    assert "unreadable EXIF dropped\n" in result.err


def test_everything_of_a_deep_picture_comes_back(tmp_path: Path) -> None:
    """Real commands: 16 bits, alpha, wide-gamut profile, EXIF and XMP, turned upright."""
    source, coded, back = (tmp_path / name for name in ("a.png", "a.lic", "b.png"))
    levels = picture(70, 50).astype(np.uint16) * 257 + 3
    alpha = np.arange(70 * 50, dtype=np.uint16).reshape(70, 50) * 18
    save(Picture(levels, alpha=alpha, metadata=Metadata(icc(), exif(6), b"<x/>")), source)
    result = lcodec_command("encode", source, "-q", "90")
    assert (result.status, result.err.count("\n")) == (0, 1)
    result = lcodec_command("inspect", coded)
    facts = dict(line.split(None, 1) for line in result.out.decode().splitlines()[1:])
    assert facts["picture"] == "70x50 RGB with alpha, 16 bit"
    packed = rf"ICC 200 bytes, EXIF {len(exif(6))} bytes in \d\d, XMP 4 bytes"
    assert re.fullmatch(packed, facts["metadata"])
    assert int(facts["alpha"].removesuffix(" bytes")) < alpha.nbytes
    result = lcodec_command("decode", coded, back)
    assert (result.status, result.err.count("\n")) == (0, 1)
    decoded = load(back)
    assert decoded.pixels.dtype == np.uint16
    assert decoded.pixels.shape == (50, 70, 3)
    assert decoded.alpha is not None
    assert np.array_equal(decoded.alpha, np.rot90(alpha, -1))
    assert decoded.metadata == Metadata(icc(), exif(1), b"<x/>")
    assert lcodec_command("encode", source, coded, "--strip", "-f").status == 0
    stripped = lcodec.decode(coded.read_bytes())
    assert not stripped.metadata
    assert stripped.pixels.shape == (50, 70, 3)
    # A flipped bit in the alpha plane is damage.
    section = next(
        s for s in lcodec.inspect(coded.read_bytes())["sections"] if s["type"] == "ALPHA"
    )
    data = bytearray(coded.read_bytes())
    data[section["offset"] + 9] ^= 4
    coded.write_bytes(data)
    result = lcodec_command("decode", coded, back, "-f")
    assert (result.status, "CRC" in result.error_line) == (4, True)


def test_pipes(photo: Path) -> None:
    """Two real processes, joined by a pipe; standard output carries nothing but data."""
    with photo.open("rb") as source:
        encoder = subprocess.Popen(
            command("encode", "-", "-q", "20", "--quiet"),
            stdin=source,
            stdout=subprocess.PIPE,
            env=environment(),
        )
    decoder = subprocess.run(
        command("decode", "-"),
        stdin=encoder.stdout,
        capture_output=True,
        env=environment(),
        timeout=TIMEOUT,
        check=False,
    )
    assert encoder.stdout is not None
    encoder.stdout.close()
    assert (encoder.wait(TIMEOUT), decoder.returncode) == (0, 0)
    assert decoder.stderr.startswith(b"standard input ")
    expected = lcodec.decode(lcodec.encode(picture(70, 50), 20)).pixels
    with Image.open(io.BytesIO(decoder.stdout)) as back:
        assert np.array_equal(np.asarray(back), expected)


def test_failing_codec_leaves_nothing(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Codec, "encode_detailed", interrupted)
    assert run(["encode", str(photo)]) == 130
    assert capsys.readouterr().err == "lcodec: interrupted\n"
    assert [path.name for path in photo.parent.iterdir()] == ["photo.png"]


def test_changed_symbols_are_told_of(photo: Path, capsys: Capture) -> None:
    file = container.read(lcodec.encode(picture(70, 50)))
    tile = file.tiles[0]
    wrong = type(tile)(tile.checksum ^ 1, tile.hyper, tile.latent)
    coded = photo.with_suffix(".lic")
    coded.write_bytes(container.write(file.header, [wrong]))
    assert run(["decode", str(coded), str(photo.with_name("b.png"))]) == 7
    assert capsys.readouterr().err.startswith(f"lcodec: {coded}: ")
    assert not photo.with_name("b.png").exists()


def test_bench(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("scipy")
    for seed in range(2):
        Image.fromarray(picture(64, 64, seed)).save(tmp_path / f"{seed}.png")
    figures, plot = tmp_path / "figures.json", tmp_path / "curve.svg"
    arguments = ["bench", "--set", str(tmp_path), "-q", "20,80", "--limit", "1"]
    assert run([*arguments, "--json", str(figures), "--plot", str(plot)]) == 0
    printed = capsys.readouterr()
    assert "lcodec groupedmixer-visual: 1 picture," in printed.out
    tree = json.loads(figures.read_text())
    assert tree["pictures"] == ["0.png"]
    assert [row["quality"] for row in tree["results"]] == [20, 80]
    assert tree["startup_seconds"] > 0
    assert tree["tune"] == "visual"
    assert all(0 < row["stream_bytes"] < row["bytes"] for row in tree["results"])
    assert plot.read_bytes().startswith(b"<?xml")
    assert run([*arguments, "--json", str(figures)]) == 8
    assert run([*arguments, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["qualities"] == [20, 80]


@pytest.mark.slow
def test_train_export_and_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    data, folder = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    Image.fromarray(picture(160, 160)).save(data / "a.png")
    arguments = ["train", "--data", str(data), "--run", str(folder), "--device", "cpu"]
    arguments += ["--crops", "0:1x64", "--depth", "1", "--json"]
    assert run([*arguments, "--steps", "1"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert entries[-1]["step"] == 1
    assert run([*arguments, "--steps", "2"]) == 8
    assert run([*arguments, "--steps", "2", "--resume"]) == 0
    info = json.loads((folder / "run.json").read_text())
    assert (info["steps"], info["config"]["entropy"]["depth"]) == (2, 1)
    capsys.readouterr()
    assert run([*arguments[:-3], "--depth", "2", "--steps", "3", "--resume"]) == 2

    monkeypatch.setenv("LCODEC_MODELS", str(tmp_path / "models"))
    assert run(["weights", "export", str(folder), "mine"]) == 0
    assert run(["weights", "verify", "mine"]) == 0
    assert run(["weights", "verify", "transforms"]) == 0
    assert capsys.readouterr().out.count(" ok ") == 4
    assert run(["encode", str(data / "a.png"), "--model", "mine", "--quiet"]) == 0
    assert run(["decode", str(data / "a.lic"), str(tmp_path / "b.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "mine"


def test_the_format_of_pictures_whose_names_do_not_tell(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    coded, bare = tmp_path / "a.lic", tmp_path / "bare"
    coded.write_bytes(lcodec.encode(picture(20, 30)))
    for name, kind in (("tif", "TIFF"), ("jpeg", "JPEG"), (".png", "PNG"), (None, "PNG")):
        asked = [] if name is None else ["--format", name]
        assert run(["decode", str(coded), "-", *asked]) == 0
        with Image.open(io.BytesIO(capsysbinary.readouterr().out)) as shown:
            assert shown.format == kind
        assert run(["decode", str(coded), "-f", "-o", str(bare), *asked]) == (0 if asked else 2)
        if asked:
            with Image.open(bare) as kept:
                assert kept.format == kind


@pytest.mark.parametrize("more", [[], ["--strips"]])
def test_a_name_that_contradicts_the_format(
    more: list[str], tmp_path: Path, capsys: Capture
) -> None:
    coded = tmp_path / "a.lic"
    coded.write_bytes(lcodec.encode(picture(20, 30)))
    for name in ("a.png", "a.TIF"):
        out = str(tmp_path / name)
        assert run(["decode", str(coded), out, "--format", "tiff", *more]) == 2 * (name == "a.png")
    wrong = tmp_path / "a.png"
    assert capsys.readouterr().err.startswith(f"lcodec: {wrong}: contradicts `--format tiff`\n")
    assert not wrong.exists()
    # By rows, the name alone tells the format.
    assert run(["decode", str(coded), str(tmp_path / "b"), "--format", "png", "--strips"]) == 2
