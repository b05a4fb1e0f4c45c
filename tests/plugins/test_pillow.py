"""The Pillow plugin."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

import lcodec
import lcodec.pillow
from lcodec import container
from lcodec.container import sections
from lcodec.library import shared
from lcodec.picture import from_pil
from tests.cli.command import environment, lic_file
from tests.picture.samples import exif, icc
from tests.plugins.images import opened, saved
from tests.tinymodel import picture

RGB = picture(40, 56)
ALPHA = np.zeros((40, 56), np.uint8)
ALPHA[:, 20:] = 200
DEEP = RGB.astype(np.uint16) * 257

PICTURES: dict[str, tuple[NDArray[Any], str]] = {
    "gray": (RGB[..., 0], "L"),
    "gray with alpha": (np.dstack([RGB[..., 0], ALPHA]), "LA"),
    "colour": (RGB, "RGB"),
    "colour with alpha": (np.dstack([RGB, ALPHA]), "RGBA"),
    "opaque": (np.dstack([RGB, np.full_like(ALPHA, 255)]), "RGBA"),
    "deep gray": (DEEP[..., 0], "I;16"),
    "deep gray with alpha": (np.dstack([DEEP[..., 0], ALPHA.astype(np.uint16) * 257]), "LA"),
    "deep colour": (DEEP, "RGB"),
    "deep colour with alpha": (np.dstack([DEEP, ALPHA.astype(np.uint16) * 257]), "RGBA"),
}


def with_metadata() -> Image.Image:
    image = Image.fromarray(RGB)
    image.info |= {"icc_profile": icc(), "exif": b"Exif\0\0" + exif(), "xmp": b"<x/>"}
    return image


SCRIPT = """
import sys
from PIL import Image
import lcodec
lcodec.register_pillow()
with Image.open(sys.argv[1]) as image:
    print(image.format, image.size, image.mode, image.info["lcodec"]["quality"])
Image.open(sys.argv[1]).verify()
print(sorted({"torch", "numpy", "constriction", "lcodec.library.codec"} & set(sys.modules)))
"""


def test_opening_needs_no_torch(tmp_path: Path) -> None:
    (tmp_path / "a.lic").write_bytes(lic_file())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(tmp_path / "a.lic")],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert (done.stdout, done.stderr) == ("LIC (40, 30) RGB 50\n[]\n", "")


def test_registered_once() -> None:
    lcodec.register_pillow()
    lcodec.register_pillow()
    assert Image.ID.count("LIC") == 1
    assert Image.registered_extensions()[".lic"] == "LIC"
    assert opened(lic_file()).get_format_mimetype() == "image/x-lic"


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("name", PICTURES)
def test_every_mode(name: str) -> None:
    pixels, mode = PICTURES[name]
    data = lcodec.encode(pixels, 70)
    image = opened(data)
    assert (image.format, image.mode, image.size) == ("LIC", mode, (56, 40))
    expected = lcodec.decode(data).to_image()
    assert expected.mode == mode
    assert image.tobytes() == expected.tobytes()
    assert (image.mode, image.size) == (mode, (56, 40))


@pytest.mark.usefixtures("tiny_model")
def test_pixels_wait_until_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    data = lcodec.encode(RGB, 70)
    calls = []
    decode = shared.decode

    def counted(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return decode(*arguments, **options)

    monkeypatch.setattr(shared, "decode", counted)
    image = opened(data)
    assert image.info["lcodec"]["model_id"] == container.read(data).header.model_id.hex()
    assert not image.getexif()
    assert not calls
    image.load()
    image.putpixel((0, 0), (1, 2, 3))
    assert image.getpixel((0, 0)) == (1, 2, 3)
    assert image.convert("L").size == image.copy().size == image.size
    assert pickle.loads(pickle.dumps(image)).tobytes() == image.tobytes()
    image.load()
    assert len(calls) == 1


@pytest.mark.usefixtures("tiny_model")
def test_files_and_paths(tmp_path: Path) -> None:
    path = tmp_path / "a.lic"
    Image.fromarray(RGB).save(path)
    assert path.read_bytes() == lcodec.encode(RGB)
    from_path = Image.open(path)
    own = from_path.fp
    assert own is not None
    from_path.load()
    assert own.closed
    with path.open("rb") as stream:
        from_stream = Image.open(stream)
        from_stream.load()
        assert not stream.closed
    assert from_stream.tobytes() == from_path.tobytes()
    with Image.open(path) as never_loaded:
        pass
    with pytest.raises(ValueError, match="closed"):
        never_loaded.load()
    # A picture may be saved over the file it comes from.
    again = Image.open(path)
    again.save(path, quality=20)
    with Image.open(path) as changed:
        assert changed.info["lcodec"]["quality"] == 20


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": 15},
        {"quality": 60, "effort": 1, "device": "cpu"},
        {"target": lcodec.Target.size(700)},
        {"target": lcodec.Target.bpp(3)},
        {"target": lcodec.Target.psnr(10)},
        {"quality": 30, "strip": True},
        {"model": "groupedmixer"},
    ],
)
def test_saving_is_encoding(options: dict[str, Any]) -> None:
    image = with_metadata()
    image.info["exif"] = b"Exif\0\0" + exif(6)
    assert saved(image, **options) == lcodec.encode(image, **options)


@pytest.mark.usefixtures("tiny_model")
def test_metadata_comes_back() -> None:
    data = saved(with_metadata())
    image = opened(data)
    expected = {"icc_profile": icc(), "exif": b"Exif\0\0" + exif(), "xmp": b"<x/>"}
    assert {key: image.info[key] for key in expected} == expected
    assert image.getexif()[0x010F] == "Maker"
    image.load()
    assert {key: image.info[key] for key in expected} == expected
    image.info.pop("xmp")
    assert set(opened(saved(image)).info) == {"icc_profile", "exif", "lcodec"}
    # What the user has taken away before the pixels were decoded does not come back with them.
    image = opened(data)
    del image.info["exif"]
    assert set(opened(saved(image)).info) == {"icc_profile", "xmp", "lcodec"}


@pytest.mark.usefixtures("tiny_model")
def test_packed_metadata_comes_back() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = with_metadata()
    image.info |= {"icc_profile": profile, "xmp": b"<x>" + bytes(300) + b"</x>"}
    data = saved(image)
    assert [s.type for s in container.read(data).extra].count(container.PACKED) >= 2
    info = opened(data).info
    assert {key: info[key] for key in ("icc_profile", "xmp")} == {
        key: image.info[key] for key in ("icc_profile", "xmp")
    }
    file = container.read(data)
    bad = container.write(file.header, file.tiles, [container.Section(container.PACKED, b"\x13")])
    with pytest.raises(UnidentifiedImageError, match="truncated"):
        opened(bad)


@pytest.mark.usefixtures("tiny_model")
def test_metadata_after_the_tiles_is_encoded() -> None:
    data = saved(with_metadata())
    frames = list(sections.scan(memoryview(data)))
    order = sorted(frames[1:-1], key=lambda frame: sections.is_ancillary(frame.type))
    parts = [(0, frames[0].end), *((f.start, f.end) for f in order), (frames[-1].start, len(data))]
    moved = b"".join(data[start:stop] for start, stop in parts)
    assert moved != data and "icc_profile" not in opened(moved).info
    assert lcodec.encode(opened(moved)) == lcodec.encode(opened(data))
    assert lcodec.decode(lcodec.encode(opened(moved))).picture.metadata.icc == icc()


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize(("kind", "reduced"), [("deep colour", True), ("deep gray", False)])
def test_reduced_samples_are_noted(kind: str, reduced: bool) -> None:
    image = opened(lcodec.encode(PICTURES[kind][0], device="cpu"))
    for _ in range(2):  # fresh, and loaded
        assert any("reduced to 8 bits" in note for note in from_pil(image).notes) == reduced


@pytest.mark.usefixtures("tiny_model")
def test_drafts_are_previews() -> None:
    pixels = picture(200, 330)
    data = lcodec.encode(pixels, device="cpu")
    for size, scale in (((330, 200), 1), ((165, 100), 2), ((60, 20), 4), ((1, 1), 16)):
        image = opened(data)
        assert image.draft(None, size) == ("RGB", (0, 0, 330 / scale, 200 / scale))
        assert image.size == (-(-330 // scale), -(-200 // scale))
        expected = lcodec.decode(data, scale=scale).pixels
        assert np.array_equal(np.asarray(image), expected)
        assert image.draft(None, (1, 1)) is None  # it is loaded
    image = opened(data)
    image.thumbnail((40, 40))
    assert image.size == (40, 24)
    small = Image.fromarray(pixels).resize((40, 24), Image.Resampling.BOX)
    difference = np.asarray(image).astype(float) - np.asarray(small)
    assert (difference**2).mean() < 0.2 * np.asarray(small).var()
    assert opened(data).draft(None, None) is None


def test_metadata_behind_the_tiles_is_found_with_them() -> None:
    file = container.read(lcodec.encode(RGB))
    plain = container.write(file.header, file.tiles)
    late = container.write(file.header, file.tiles, [container.Section(container.XMP, b"<x/>")])
    section = late[late.index(b"<x/>") - 2 : late.index(b"<x/>") + 8]
    image = opened(plain[:-2] + section + plain[-2:])
    assert "xmp" not in image.info
    image.load()
    assert image.info["xmp"] == b"<x/>"


@pytest.mark.usefixtures("tiny_model")
def test_given_metadata_takes_the_place_of_the_images_own() -> None:
    image = with_metadata()
    other = Image.Exif()
    other[0x010F] = "Other"
    info = opened(saved(image, icc_profile=icc(size=300), exif=other, xmp="<y/>")).info
    assert info["icc_profile"] == icc(size=300)
    assert info["xmp"] == b"<y/>"
    assert info["exif"] == b"Exif\0\0" + other.tobytes().removeprefix(b"Exif\0\0")
    for nothing in (None, b""):
        info = opened(saved(image, icc_profile=nothing, exif=nothing, xmp=nothing)).info
        assert set(info) == {"lcodec"}
    assert set(opened(saved(image, exif=Image.Exif())).info) == {"icc_profile", "xmp", "lcodec"}
    info = opened(saved(image, strip=True, icc_profile=icc(size=300))).info
    assert set(info) == {"icc_profile", "lcodec"}
    assert info["icc_profile"] == icc(size=300)
    assert set(image.info) == {"icc_profile", "exif", "xmp"}


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_orientation_is_that_of_the_exif_in_force(prefix: bytes) -> None:
    image = Image.fromarray(RGB)
    image.info["exif"] = exif(6)
    assert opened(saved(image)).size == (40, 56)
    assert opened(saved(image, exif=None)).size == (40, 56)
    assert opened(saved(image, strip=True)).size == (40, 56)
    assert opened(saved(image, exif=prefix + exif(1))).size == (56, 40)
    turned = opened(saved(Image.fromarray(RGB), exif=prefix + exif(8)))
    assert turned.size == (40, 56)
    assert turned.getexif()[0x0112] == 1
    upright = lcodec.encode(np.rot90(RGB))
    assert turned.tobytes() == lcodec.decode(upright).to_image().tobytes()


@pytest.mark.usefixtures("tiny_model")
def test_pictures_with_palette_and_16_bits_are_saved() -> None:
    palette = Image.fromarray(RGB).quantize(16)
    assert opened(saved(palette)).mode == "RGB"
    assert saved(Image.fromarray(DEEP[..., 0])) == lcodec.encode(DEEP[..., 0])
    assert lcodec.encode(opened(saved(palette))) == saved(opened(saved(palette)))


def test_verify_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.lic"
    path.write_bytes(lic_file())
    image = Image.open(path)
    own = image.fp
    assert own is not None
    image.verify()
    assert own.closed
    with pytest.raises(RuntimeError, match="directly after open"):
        image.verify()
