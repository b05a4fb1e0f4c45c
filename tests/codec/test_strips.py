"""Strip by strip: the same files and pixels, in memory that does not grow with the height."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from lcodec import container
from lcodec.container import Header
from lcodec.errors import InputError
from lcodec.library.codec import Codec
from lcodec.picture import Metadata, Picture, load
from lcodec.picture.rows import Rows, of_array, open_rows
from lcodec.pipeline.areas import TileArea
from lcodec.pipeline.tiles import LatentCoder
from lcodec.strips import StripsEncoded, decode_strips, encode_strips
from tests.cli.command import environment
from tests.cli.command import lcodec as command
from tests.conftest import ROOT
from tests.tinymodel import picture
from tools import gigapixel

HEIGHT, WIDTH = 210, 170
COLOURS = picture(HEIGHT, WIDTH)
DEEP = COLOURS.astype(np.uint16) * 256 + 3
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PICTURES: dict[str, NDArray[Any]] = {
    "colour": COLOURS,
    "gray": COLOURS[..., 1].copy(),
    "deep colour": DEEP,
    "deep gray": DEEP[..., 1].copy(),
}


def rows_of(bands: Iterator[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(list(bands))


@pytest.mark.parametrize(("kind", "band"), [("colour", 1), ("gray", 100), ("deep colour", 1000)])
def test_the_same_file(tiny_model: Path, kind: str, band: int) -> None:
    codec = Codec(device="cpu", tile_edge=64)
    stream = io.BytesIO()
    rows = replace(of_array(PICTURES[kind], band), metadata=Metadata(PROFILE, None, b"<x/>" * 70))
    encoded = encode_strips(codec, rows, stream, 70)
    data = stream.getvalue()
    assert data == codec.encode(Picture(PICTURES[kind], metadata=rows.metadata), 70)
    assert encoded == StripsEncoded(len(data), container.metadata_bytes(data))


@pytest.mark.parametrize(
    ("kind", "alpha"),
    [("colour", None), ("gray", "plane"), ("deep colour", "plane"), ("deep gray", "opaque")],
)
def test_the_same_pixels(tiny_model: Path, kind: str, alpha: str | None) -> None:
    codec = Codec(device="cpu", tile_edge=64)
    pixels = PICTURES[kind]
    plane = None
    if alpha:
        plane = np.full(pixels.shape[:2], np.iinfo(pixels.dtype).max, pixels.dtype)
        if alpha == "plane":
            plane[50:90, 20:100] = 0
            plane[100:, 100:] = 77
    data = codec.encode(Picture(pixels, alpha=plane), 70)
    whole = codec.decode(data)
    written = decode_strips(codec, container.read(data))
    bands = list(written.bands)
    assert [len(band) for band in bands] == [64, 64, 64, 18]
    shown = np.concatenate(bands)
    expected = whole.pixels if whole.pixels.ndim == 3 else whole.pixels[..., None]
    assert np.array_equal(shown[..., : expected.shape[2]], expected)
    if plane is not None:
        assert np.array_equal(shown[..., -1], plane)
    assert shown.shape[2] == written.channels


@pytest.mark.parametrize("edge", [64, 256])
def test_every_tile_is_parsed_once(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, edge: int
) -> None:
    codec, parsed = Codec(device="cpu", tile_edge=edge), []
    data = codec.encode(picture(5 * edge, 6 * edge))
    whole = LatentCoder.decode_tile

    def noted(self: LatentCoder, header: Header, tile: TileArea, *rest: Any) -> Any:
        parsed.append(tile.number)
        return whole(self, header, tile, *rest)

    monkeypatch.setattr(LatentCoder, "decode_tile", noted)
    rows_of(decode_strips(codec, container.read(data)).bands)
    assert sorted(parsed) == list(range(30))


@pytest.mark.parametrize("kind", PICTURES)
def test_tiff_by_rows(tmp_path: Path, kind: str) -> None:
    pixels = PICTURES[kind]
    plain: dict[str, Any] = {
        "photometric": "rgb" if pixels.ndim == 3 else "minisblack",
        "metadata": None,
    }
    layouts: list[dict[str, Any]] = [
        {},  # one strip, mapped
        {"rowsperstrip": 37, "compression": "zlib", "predictor": True},
        {"rowsperstrip": 64, "compression": "lzw"},
        {"tile": (48, 64), "compression": "zlib"},
        {"tile": (32, 32)},
        {"bigtiff": True, "byteorder": ">", "rowsperstrip": 50},
    ]
    for number, layout in enumerate(layouts):
        path = tmp_path / f"{number}.tif"
        opening = {k: layout.pop(k) for k in ("bigtiff", "byteorder") if k in layout}
        with tifffile.TiffWriter(path, **opening) as file:
            file.write(pixels, iccprofile=PROFILE, **plain, **layout)
        rows = open_rows(path)
        assert (rows.height, rows.width) == (HEIGHT, WIDTH)
        assert np.array_equal(rows_of(rows.bands), pixels)
        assert rows.metadata == load(path).metadata
        assert rows.bit_depth == 8 * pixels.itemsize


def test_arrays_by_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", DEEP)
    rows = open_rows(tmp_path / "a.npy")
    assert (rows.channels, rows.bit_depth) == (3, 16)
    assert np.array_equal(rows_of(rows.bands), DEEP)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pictures_through_vips(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("pyvips")
    path = tmp_path / f"a{suffix}"
    Image.fromarray(COLOURS).save(path, icc_profile=PROFILE)
    rows, whole = open_rows(path), load(path)
    read = rows_of(rows.bands).astype(int)
    # Two programs may decode a JPEG file a little differently.
    assert np.abs(read - whole.pixels).max() <= (0 if suffix == ".png" else 3)
    assert rows.metadata.icc == PROFILE


def test_what_cannot_be_read_by_rows(tmp_path: Path) -> None:
    def refused(name: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            rows_of(open_rows(tmp_path / name).bands)

    refused("none.tif", "no such file")
    alpha = np.dstack([COLOURS, COLOURS[..., 0]])
    tifffile.imwrite(tmp_path / "a.tif", alpha, photometric="rgb", extrasamples=["unassalpha"])
    refused("a.tif", "without alpha")
    tifffile.imwrite(tmp_path / "b.tif", COLOURS.transpose(2, 0, 1), planarconfig="separate",
                     photometric="rgb")  # fmt: skip
    refused("b.tif", "interleaved")
    turned = [(274, 3, 1, 6, True)]
    tifffile.imwrite(tmp_path / "c.tif", COLOURS, photometric="rgb", extratags=turned)
    refused("c.tif", "rotated or mirrored")
    tifffile.imwrite(tmp_path / "d.tif", COLOURS, photometric="rgb", rowsperstrip=20,
                     compression="zlib")  # fmt: skip
    whole = (tmp_path / "d.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "d.tif") as file:
        end = file.pages[0].dataoffsets[-1] + 3
    (tmp_path / "d.tif").write_bytes(whole[:end])
    refused("d.tif", "truncated|cannot be read")
    np.save(tmp_path / "e.npy", COLOURS.astype(np.float32))
    refused("e.npy", "unsigned samples|cannot be read by rows")
    (tmp_path / "f.png").write_bytes(b"not a picture")
    refused("f.png", "f.png")


@pytest.mark.parametrize("damage", ["cut", "flipped", "no picture"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy"])
def test_damage_found_while_rows_are_read(
    tmp_path: Path, tiny_model: Path, suffix: str, damage: str
) -> None:
    if suffix in (".png", ".jpg"):
        pytest.importorskip("pyvips")
    path, output = tmp_path / f"a{suffix}", tmp_path / "a.lic"
    if suffix == ".npy":
        np.save(path, COLOURS)
    else:
        Image.fromarray(COLOURS).save(path, compression="tiff_adobe_deflate")
    data = path.read_bytes()
    half = len(data) // 2
    flipped = data[:half] + bytes([data[half] ^ 0xFF]) + data[half + 1 :]
    path.write_bytes({"cut": data[:half], "flipped": flipped, "no picture": b"a"}[damage])
    done = command("encode", path, output, "--strips", "--device", "cpu")
    if damage == "flipped" and suffix in (".jpg", ".npy"):  # cannot be told
        assert done.status in (0, 3), done.err
        return
    assert done.status == 3, done.err
    assert done.error_line.startswith(f"{path}: ")
    assert done.error_line.count(path.name) == 1 and "b'" not in done.error_line
    assert not output.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(("name", "source"), [("encode", "a.tif"), ("decode", "a.lic")])
def test_strips_onto_a_full_disk(tmp_path: Path, tiny_model: Path, name: str, source: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", COLOURS, photometric="rgb")
    (tmp_path / "a.lic").write_bytes(Codec(device="cpu").encode(COLOURS))
    (tmp_path / "full.png").symlink_to("/dev/full")
    output = "full.png" if name == "decode" else "/dev/full"
    done = command(name, source, output, "--strips", "--device", "cpu", cwd=tmp_path)
    assert done.status == 8
    assert done.error_line == f"{output}: cannot be written: No space left on device"


def test_rows_that_are_too_few(tiny_model: Path) -> None:
    codec = Codec(device="cpu", tile_edge=64)
    short = Rows(HEIGHT, WIDTH, 3, 8, iter([COLOURS[:100]]))
    with pytest.raises(InputError, match="100 rows in place of 210"):
        encode_strips(codec, short, io.BytesIO(), 50)
    other = Rows(HEIGHT, WIDTH, 3, 8, iter([COLOURS[:, :-1]]))
    with pytest.raises(InputError, match="in place of"):
        encode_strips(codec, other, io.BytesIO(), 50)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_height(tiny_model: Path, tmp_path: Path) -> None:
    def measured(height: int) -> dict[str, float]:
        arguments = ["--width", "768", "--height", str(height), "--quality", "20"]
        arguments += ["--tile-edge", "128", "--device", "cpu", "--out", str(tmp_path / "a.lic")]
        done = subprocess.run(
            [sys.executable, "-m", "tools.gigapixel", *arguments],
            capture_output=True,
            env=environment(),
            cwd=ROOT,
            check=True,
        )
        result: dict[str, float] = json.loads(done.stdout)
        return result

    small, large = measured(1024), measured(7168)
    assert large["mean_squared_error"] < 600
    # 6144 rows more are 14 MB of pixels and as many of latents, which whole pictures take.
    assert large["peak_decoded"] - small["peak_decoded"] < 9 << 20


def test_a_measurement_in_two_parts(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(*arguments: str) -> dict[str, float]:
        gigapixel.main([*arguments, "--device", "cpu", "--out", str(tmp_path / "a.lic")])
        line: dict[str, float] = json.loads(capsys.readouterr().out)
        assert (line["megapixels"], line["bytes"]) == (0.0224, (tmp_path / "a.lic").stat().st_size)
        return line

    size = ("--width", "160", "--height", "140", "--tile-edge", "64")
    first = measured(*size, "--only", "encode")
    data = (tmp_path / "a.lic").read_bytes()
    second = measured("--only", "decode")
    assert (tmp_path / "a.lic").read_bytes() == data
    assert "decode_seconds" not in first and "encode_seconds" not in second
    assert 0 < first["peak_before"] <= first["peak_encoded"]
    assert 0 < second["peak_before"] <= second["peak_decoded"]
    both = measured(*size)
    assert both.keys() == first.keys() | second.keys()
    assert both["mean_squared_error"] == second["mean_squared_error"] < 600


def test_the_commands(tiny_model: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", COLOURS, photometric="rgb", iccprofile=PROFILE)
    options = ("--strips", "--device", "cpu")
    done = command("encode", "a.tif", "a.lic", "-q", "40", "--json", *options, cwd=tmp_path)
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert record["bytes"] == (tmp_path / "a.lic").stat().st_size
    quick = command("encode", "a.tif", "q.lic", "-q", "40", "-e", "-1", *options, cwd=tmp_path)
    assert quick.status == 0, quick.err
    once = Codec(device="cpu").encode(tmp_path / "a.tif", 40, effort=-1)
    assert (tmp_path / "q.lic").read_bytes() == once != (tmp_path / "a.lic").read_bytes()
    back = command("decode", "a.lic", "b.png", *options, cwd=tmp_path)
    assert back.status == 0, back.err
    shown = load(tmp_path / "b.png")
    assert np.array_equal(shown.pixels, Codec(device="cpu").decode(tmp_path / "a.lic").pixels)
    assert shown.metadata.icc == PROFILE
    for wrong in (
        ("encode", "a.tif", "c.lic", "--target-psnr", "30"),
        ("encode", "-", "c.lic"),
        ("decode", "a.lic", "-"),
        ("decode", "a.lic", "c.webp"),
        ("decode", "a.lic", "c.png", "--scale", "1/2"),
    ):
        refused = command(*wrong, *options, cwd=tmp_path)
        assert (refused.status, len(refused.err.splitlines())) == (2, 1), refused.err
    assert command("decode", "a.lic", "c.npy", cwd=tmp_path).status == 2
    large = command("encode", "a.tif", "d.lic", "--max-pixels", "1000", *options, cwd=tmp_path)
    assert large.status == 3 and "strip" in large.error_line
    assert not list(tmp_path.glob("[cd].*"))
