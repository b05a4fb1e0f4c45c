"""Pictures and files are taken in every form that makes sense, and nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec import container
from lcodec.errors import FormatError, InputError, UsageError
from lcodec.library.repack import repack
from tests.picture.samples import SIPPING, exif
from tests.tinymodel import picture

PIXELS = picture(40, 56)


def read_part(data: Any) -> Any:
    with lcodec.Reader(data) as reader:
        return reader.read((0, 0, 20, 10))


def previewed(data: Any) -> Any:
    return lcodec.decode(data, scale=4).pixels


def moved(data: Any) -> bytes:
    codec = lcodec.Codec(device="cpu")
    return repack(data, codec, codec)


TAKES_FILES: dict[str, Callable[[Any], Any]] = {
    "decode": lambda data: lcodec.decode(data).pixels,
    "decode_many": lambda data: lcodec.Codec(device="cpu").decode_many([data])[0].pixels,
    "decode_symbols": lambda data: lcodec.Codec(device="cpu").decode_symbols(data).y,
    "decode, scale": previewed,
    "decode, region": lambda data: lcodec.decode(data, region=(3, 4, 20, 10)).pixels,
    "inspect": lcodec.inspect,
    "Reader": lambda data: read_part(data).pixels,
    "repack": moved,
    "salvage": lambda data: lcodec.salvage(data).decoded.pixels,
}
"""Everything that takes the bytes of a ``.lic`` file."""


class ReadOnly:
    """A file that can do nothing but read."""

    def __init__(self, data: bytes) -> None:
        self.read = io.BytesIO(data).read


def further_on(data: bytes) -> io.BytesIO:
    """A file that has been read up to where ``data`` begins."""
    stream = io.BytesIO(b"before" + data)
    stream.read(6)
    return stream


@pytest.mark.usefixtures("tiny_model")
def test_paths_and_binary_files(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(source)
    expected = lcodec.encode(PIXELS)
    with source.open("rb") as stream:
        data = source.read_bytes()
        forms: list[Any] = [str(source), source, stream, io.BytesIO(data)]
        at_its_end = io.BytesIO(data)
        at_its_end.read()  # as after Pillow has written there
        for form in (*forms, at_its_end, ReadOnly(data), *(one(data) for one in SIPPING)):
            assert lcodec.encode(form) == expected


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("name", TAKES_FILES)
def test_every_form_of_a_file(name: str, tmp_path: Path) -> None:
    take, data, coded = TAKES_FILES[name], lcodec.encode(PIXELS), tmp_path / "a.lic"
    coded.write_bytes(data)
    expected = take(data)
    with coded.open("rb") as stream:
        every_second = memoryview(bytearray(2 * len(data)))[::2]
        every_second[:] = data
        forms = (str(coded), coded, stream, io.BytesIO(data), bytearray(data), every_second)
        sips = (one(data) for one in SIPPING)
        for form in (*forms, further_on(data), ReadOnly(data), *sips):
            assert np.array_equal(take(form), expected)
    with pytest.raises(InputError, match="missing: no such file"):
        take(tmp_path / "missing")
    for other in (None, 5, io.StringIO("text"), {"a": 1}):
        with pytest.raises(UsageError, match=r"a \.lic file is bytes, a path or a bin"):
            take(other)
    for unreadable in ("a\0b", closed(), tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            take(unreadable)
    for nothing in (b"", np.zeros((0, 3), np.uint8).data, io.BytesIO()):
        with pytest.raises(FormatError):
            take(nothing)


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (lcodec.DecoderLimits(pixels=2239), "limit of 2239 pixels"),
        (lcodec.DecoderLimits(sections=1), "limit of 1 ancillary sections"),
        (lcodec.DecoderLimits(unpacked=1000), "over the limit of 1000"),
    ],
)
def test_limits_are_for_every_form_of_a_file(
    limits: lcodec.DecoderLimits, words: str, tmp_path: Path
) -> None:
    metadata = lcodec.Metadata(exif=exif(), xmp=b"<x:xmpmeta/>" * 100)
    data = lcodec.encode(lcodec.Picture(PIXELS, metadata=metadata))
    (tmp_path / "a.lic").write_bytes(data)
    forms: list[Callable[[], Any]] = [
        lambda: data,
        lambda: tmp_path / "a.lic",
        lambda: io.BytesIO(data),
        lambda: container.FileReader(io.BytesIO(data)),
        lambda: container.read(data),
    ]
    codec = lcodec.Codec(device="cpu")
    calls: list[Callable[..., Any]] = [
        lcodec.decode,
        codec.decode,
        lambda file, **options: codec.decode_many([file], **options),
    ]
    for form in forms:
        for call in calls:
            call(form())
            with pytest.raises(InputError, match=words):
                call(form(), limits=limits)


@pytest.mark.usefixtures("tiny_model")
def test_what_was_read_under_other_limits_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = lcodec.encode(PIXELS)
    usual = lcodec.DecoderLimits.check

    def check(limits: lcodec.DecoderLimits, header: lcodec.Header) -> None:
        usual(replace(limits, pixels=2239) if limits == lcodec.DecoderLimits() else limits, header)

    monkeypatch.setattr(lcodec.DecoderLimits, "check", check)
    with pytest.raises(InputError, match="limit of 2239 pixels"):
        lcodec.decode(data)
    file = container.read(data, max_pixels=2240)
    assert lcodec.decode(file).pixels.shape == PIXELS.shape


@pytest.mark.usefixtures("tiny_model")
def test_damaged_files_are_salvaged_from_every_form(tmp_path: Path) -> None:
    data = bytearray(lcodec.encode(PIXELS))
    data[len(data) // 2] ^= 1  # what comes after is read, too
    (tmp_path / "a.lic").write_bytes(data)
    expected = lcodec.salvage(data)
    assert expected.faults
    for form in (tmp_path / "a.lic", io.BytesIO(data)):
        found = lcodec.salvage(form)
        assert found.faults == expected.faults
        assert np.array_equal(found.decoded.pixels, expected.decoded.pixels)


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("other", [None, [[1, 2]], 5, io.StringIO("text"), {"a": 1}])
def test_anything_else_is_a_usage_error(other: Any) -> None:
    with pytest.raises(UsageError, match="a picture is a path, a binary file") as caught:
        lcodec.encode(other)
    assert ("None" if other is None else type(other).__name__) in str(caught.value)
    with pytest.raises(UsageError, match=r"a \.lic file is bytes, a path or a binary file"):
        lcodec.decode(other)


def test_text_files_are_not_files_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.lic").write_text("text")
    with (tmp_path / "a.lic").open() as stream, pytest.raises(UsageError):
        lcodec.decode(stream)  # type: ignore[arg-type]


def closed() -> io.BytesIO:
    stream = io.BytesIO()
    stream.close()
    return stream


@pytest.mark.usefixtures("tiny_model")
def test_parts_leave_a_file_where_it_was() -> None:
    stream = further_on(lcodec.encode(PIXELS))
    for _ in range(2):
        assert lcodec.decode(stream, region=(0, 0, 9, 9)).pixels.shape == (9, 9, 3)
        assert stream.tell() == 6


@pytest.mark.usefixtures("tiny_model")
def test_readers_of_closed_files() -> None:
    stream = io.BytesIO(lcodec.encode(PIXELS))
    reader = lcodec.Reader(stream)
    assert repr(reader) == "<lcodec.Reader {1}x{0}, quality 75>".format(*PIXELS.shape)
    stream.close()
    with pytest.raises(InputError, match="cannot be read"):
        reader.read()
    reader.close()
    assert repr(reader).endswith(", closed>")
    with pytest.raises(UsageError, match="the reader is closed"):
        reader.read()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    calls: list[Callable[[Any], Any]] = [lcodec.encode, lambda path: lcodec.compare(PIXELS, path)]
    for call in calls:
        with pytest.raises(InputError, match="no such file"):
            call(tmp_path / "missing")
        for other in (tmp_path, "a\0b", closed()):
            with pytest.raises(InputError, match="cannot be read"):
                call(other)
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with pytest.raises(InputError, match="not a picture"):
        lcodec.encode(tmp_path / "a.png")
    # What does not begin as a .lic file is not read to its end.
    stream = io.BytesIO(bytes(1 << 20))
    with pytest.raises(FormatError):
        lcodec.decode(stream)
    assert stream.tell() <= 1 << 16


def test_images_that_cannot_be_decoded(tmp_path: Path, tiny_model: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-200])
    with Image.open(tmp_path / "cut.jpg") as cut, pytest.raises(InputError, match="cannot be dec"):
        lcodec.encode(cut)
    closed = Image.open(tmp_path / "a.jpg")
    closed.close()
    odd = Image.fromarray(PIXELS)
    odd.info["transparency"] = ("a", "b", "c")
    for image in (closed, odd):
        with pytest.raises(InputError, match="the image: cannot be decoded"):
            lcodec.encode(image)


@pytest.mark.parametrize("seekable", [True, False])
def test_comparing_open_files(seekable: bool, tiny_model: Path) -> None:
    coded = lcodec.encode(PIXELS, 90, device="cpu")
    png = io.BytesIO()
    Image.fromarray(PIXELS).save(png, "png")
    expected = lcodec.compare(PIXELS, coded)
    for data in (coded, png.getvalue()):
        stream: Any = io.BytesIO(data) if seekable else ReadOnly(data)
        found = lcodec.compare(PIXELS, stream)
        assert found == (expected if data is coded else lcodec.compare(PIXELS, PIXELS))


def test_samples_in_the_other_byte_order() -> None:
    deep = PIXELS.astype(np.uint16) * 257
    swapped = lcodec.Picture(deep.astype(">u2"), alpha=deep[..., 0].astype(">u2"))
    assert swapped.alpha is not None and swapped.alpha.dtype == np.uint16
    assert np.array_equal(swapped.alpha, deep[..., 0]) and np.array_equal(swapped.pixels, deep)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_images_do_not_share_their_pixels(dtype: type[np.unsignedinteger]) -> None:
    whole = lcodec.Picture(PIXELS.astype(dtype))
    for one in (whole, lcodec.Picture(whole.pixels[..., 0])):
        image = lcodec.picture.to_pil(one)
        before = image.getpixel((0, 0))
        image.putpixel((0, 0), 3 if one.channels == 1 else (3, 4, 5))
        one.pixels[0, 0] = 77
        assert image.getpixel((0, 0)) != before
        assert np.asarray(image).ravel()[0] == 3


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP", "MPO"])
def test_what_was_dropped_from_a_source_is_said_of_the_file(kind: str) -> None:
    """And an image of Pillow may show a later frame than the first."""
    codec, stream = lcodec.Codec(device="cpu"), io.BytesIO()
    levels = 40, 200
    first, second = (Image.new("RGB", (16, 8), (level, level, level)) for level in levels)
    first.save(stream, kind, save_all=True, append_images=[second])
    for number, name in enumerate(("the first", "number 2")):
        stream.seek(0)
        with Image.open(stream) as image:
            image.seek(number)
            encoded = codec.encode_detailed(image)
            (together,) = codec.encode_many([image])
            found = codec.encode_detailed(image, target=lcodec.Target.size(10_000))
        assert abs(int(codec.decode(encoded.data).pixels.mean()) - levels[number]) <= 30
        dropped = (f"only {name} of 2 frames is kept",)
        for one in (encoded, together, found):
            assert one.dropped == one.notes == dropped
    stream.seek(0)
    assert codec.encode_detailed(stream).dropped == ("only the first of 2 frames is kept",)
    assert codec.encode_detailed(PIXELS).notes == ()
