"""Packs of training pictures."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lcodec.errors import InputError, UsageError
from lcodec.training.data import CropDataset
from lcodec.training.pictures import load_pictures, picture_files
from tests.tinymodel import picture
from tools import pack_pictures


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "below").mkdir()
    Image.fromarray(picture(100, 200, 1)).save(folder / "a.png")
    Image.fromarray(picture(100, 200, 2)).save(folder / "a.bmp")
    Image.fromarray(picture(300, 200, 3)).save(folder / "below" / "b.png")
    Image.fromarray(picture(40, 30, 4)).save(folder / "below" / "small.png")
    return folder


@pytest.mark.parametrize("kind", list(pack_pictures.FORMATS))
def test_a_pack_holds_what_the_folder_does(kind: str, folder: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    words = [str(folder), str(pack), "--scale", "0.5", "--side", "80", "--format", kind]
    pack_pictures.main(words)
    found = load_pictures(pack)
    assert [p.shape for p in found] == [(80, 160, 3), (80, 160, 3), (150, 100, 3), (40, 30, 3)]
    paths = ["a.bmp", "a.png", "below/b.png", "below/small.png"]
    for pixels, path in zip(found, paths, strict=True):
        expected = pack_pictures.shrunk(folder / path, 0.5, 80)
        assert expected.size == pixels.shape[1::-1]
        error = np.square(pixels.astype(float) - np.asarray(expected, float)).mean()
        assert error < 60, path  # the same picture, a little changed
    assert CropDataset(pack, 1).batch(2, 64).shape == (2, 3, 64, 64)


def test_the_limit_is_kept_and_used(folder: Path, tmp_path: Path) -> None:
    free, tight = tmp_path / "free.zip", tmp_path / "tight.zip"
    best = pack_pictures.pack(folder, free, 1.0, 1, "webp", 10**7)
    assert best == pack_pictures.QUALITY_MAX
    limit = free.stat().st_size // 2
    quality = pack_pictures.pack(folder, tight, 1.0, 1, "webp", limit)
    assert quality < best and 0.8 * limit < tight.stat().st_size <= limit
    with pytest.raises(UsageError, match="too few"):
        pack_pictures.pack(folder, tight, 1.0, 1, "webp", 1500)


def test_packs_do_not_depend_on_when_they_are_made(folder: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.zip", tmp_path / "other.zip"
    for target in (one, other):
        pack_pictures.pack(folder, target, 0.5, 1, "webp", 10**6)
    assert one.read_bytes() == other.read_bytes()


def test_what_is_no_pack_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "text.zip"
    path.write_text("Dear reader,")
    with pytest.raises(InputError, match="neither a folder nor a pack"):
        load_pictures(path)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.png", b"Dear reader,")
    path.write_bytes(stream.getvalue())
    with pytest.raises(InputError, match=r"zip: a\.png: not a picture"):
        load_pictures(path)
    # Encrypted, and compressed in unknown and damaged ways.
    for flags, method in ((1, 0), (0, 99), (0, 8), (0, 14)):
        entry = bytearray(stream.getvalue())
        for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            where = entry.index(signature) + at
            entry[where : where + 4] = bytes((flags, 0, method, 0))
        path.write_bytes(entry)
        with pytest.raises(InputError, match="neither a folder nor a pack"):
            load_pictures(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", b"Dear reader,")
    with pytest.raises(InputError, match="no pictures found"):
        load_pictures(path)
    with pytest.raises(SystemExit) as stop:
        pack_pictures.main([str(tmp_path / "nothing"), str(path)])
    assert stop.value.code == 3
    assert "nothing: cannot be read" in capsys.readouterr().err


def test_pictures_are_read_as_they_are_encoded(tmp_path: Path) -> None:
    """Samples of 16 bits are reduced, and pictures turned upright."""
    pixels = picture(40, 30)
    deep = pixels[..., 0].astype(np.uint16) * 257
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(deep).save(tmp_path / "deep.png")
    turned = Image.fromarray(pixels)
    turned.getexif()[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=turned.getexif())
    found = load_pictures(tmp_path)
    assert [p.dtype for p in found] == [np.uint8] * 3
    assert np.array_equal(found[0], pixels)
    assert np.array_equal(found[1], np.repeat(pixels[..., :1], 3, axis=2))
    assert np.array_equal(found[2], np.rot90(pixels, -1))
    assert pack_pictures.shrunk(tmp_path / "turned.png", 1.0, 1).size == (40, 30)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "ppm", "tif"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_pixels_of_8_bits_are_those_of_pillow(suffix: str, mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(picture(40, 30)).convert(mode)
    try:
        image.save(tmp_path / f"a.{suffix}")
    except OSError:
        pytest.skip("there are no such files")
    with Image.open(tmp_path / f"a.{suffix}") as stored:
        expected = np.asarray(stored.convert("RGB"))
    (found,) = load_pictures(tmp_path)
    assert np.array_equal(found, expected)


def test_only_pictures_are_found(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    names = ["a.PNG", "below/b.gif", "below.jpg", "c.txt", "._a.png", ".below/d.png"]
    (tmp_path / ".below").mkdir()
    pack = tmp_path / "pack.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        for name in (*names, "__MACOSX/._a.png"):
            stream = io.BytesIO()
            if not Path(name).name.startswith("."):
                Image.new("RGB", (9, 8)).save(stream, "GIF" if name.endswith("gif") else "PNG")
            archive.writestr(name, stream.getvalue())
            if "MACOSX" not in name:
                (tmp_path / name).write_bytes(stream.getvalue())
    expected = [tmp_path / name for name in ("a.PNG", "below/b.gif", "below.jpg")]
    assert picture_files(tmp_path) == expected
    assert len(load_pictures(tmp_path)) == 3
