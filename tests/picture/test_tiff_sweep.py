"""TIFF files of every layout that is supported give the samples that were put in."""

from __future__ import annotations

import io
import struct
from itertools import product
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from lcodec.errors import InputError
from lcodec.picture import Picture, from_pil, load
from tests.picture.samples import channels, full_range, tiff

RANDOM = np.random.default_rng(11)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCC = 0, 1, 2, 3, 5, 6
ASSOCIATED, UNASSOCIATED = 1, 2
COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3}
ORDERS = ("<", ">")


def noise(bits: int, count: int, size: tuple[int, int] = (5, 7)) -> NDArray[Any]:
    """Samples with the least and the largest value among them."""
    samples = RANDOM.integers(0, 1 << bits, (*size, count), np.uint16)
    samples[0, 0], samples[1, 1] = (1 << bits) - 1, 0
    return samples


def in_memory(data: bytes) -> Picture | None:
    """Of an image that Pillow has loaded, its file gone; None if Pillow or we refuse."""
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except Exception:  # Pillow refuses in many ways
        return None
    setattr(image, "_fp", None)  # noqa: B010
    try:
        return from_pil(image)
    except InputError as error:
        assert "Pillow misreads" in str(error) or "not supported" in str(error)
        return None


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8, 10, 12, 14, 16])
def test_every_depth_and_layout(bits: int) -> None:
    for order, planar, photometric, alpha, deflate, fill in product(
        ORDERS, (False, True), COLOURS, (None, UNASSOCIATED), (False, True), (1, 2)
    ):
        count = COLOURS[photometric] + (alpha is not None)
        samples = noise(bits, count)
        extra: dict[str, Any] = {} if alpha is None else {"t338": alpha}
        extra |= {} if fill == 1 else {"t266": fill}
        data = tiff(
            samples, bits, photometric, order=order, planar=planar, deflate=deflate, **extra
        )
        expected = samples.copy()
        if photometric == WHITE_IS_ZERO:
            expected[..., 0] = (1 << bits) - 1 - expected[..., 0]
        expected = full_range(expected, bits)
        layout = (order, planar, photometric, alpha, deflate, fill)
        picture = load(io.BytesIO(data))
        assert picture.pixels.dtype == expected.dtype, layout
        assert np.array_equal(channels(picture), expected), layout
        assert picture.notes == (), layout
        # What Pillow holds by itself is the same, or its high bytes, or is refused.
        loaded = in_memory(data)
        if loaded is not None:
            held = channels(loaded).astype(int)
            wanted = expected.astype(int)
            if loaded.bit_depth == 8 and expected.dtype == np.uint16:
                wanted >>= 8
            assert held.shape == wanted.shape and np.array_equal(held, wanted), layout


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd", "lzma"])
def test_every_compression_as_tifffile_writes_it(compression: str | None) -> None:
    for order, planar, kind, bits, tiled, predictor in product(
        ORDERS, ("contig", "separate"), ("minisblack", "rgb"), (8, 16), (False, True), (1, 2)
    ):
        if predictor == 2 and compression in (None, "packbits"):
            continue
        samples = noise(bits, 4 if kind == "rgb" else 2, (19, 23))
        samples = samples.astype(np.uint8 if bits == 8 else np.uint16)
        stream = io.BytesIO()
        options: dict[str, Any] = {"tile": (16, 16)} if tiled else {"rowsperstrip": 5}
        tifffile.imwrite(
            stream,
            samples if planar == "contig" else np.moveaxis(samples, -1, 0),
            photometric=kind,
            planarconfig=planar,
            compression=compression,
            byteorder=order,  # type: ignore[arg-type]
            predictor=predictor,
            extrasamples=["unassalpha"],
            bigtiff=tiled,
            metadata=None,
            **options,
        )
        layout = (order, planar, kind, bits, tiled, predictor)
        assert np.array_equal(channels(load(stream)), samples), layout


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("count", [2, 4])
def test_alpha_multiplied_in_is_taken_out(bits: int, count: int) -> None:
    full = (1 << bits) - 1
    for order, planar in product(ORDERS, (False, True)):
        colours, alpha = noise(bits, count - 1), noise(bits, 1).astype(np.int64)
        stored = np.concatenate([(colours * alpha + full // 2) // full, alpha], axis=2)
        photometric = RGB if count == 4 else BLACK_IS_ZERO
        data = tiff(stored, bits, photometric, order=order, planar=planar, t338=ASSOCIATED)
        picture = load(io.BytesIO(data))
        assert picture.alpha is not None
        assert np.array_equal(picture.alpha, alpha[..., 0])
        error = np.abs(channels(picture)[..., :-1].astype(int) - colours)
        assert (error <= full / (2 * np.maximum(alpha, 1)) + 1)[alpha[..., 0] > 0].all()


@pytest.mark.parametrize("extra", [0, None])
def test_samples_that_are_not_alpha(extra: int | None) -> None:
    for bits, planar in product((8, 16), (False, True)):
        samples = noise(bits, 4)
        short: dict[str, Any] = {} if extra is None else {"t338": extra}
        picture = load(io.BytesIO(tiff(samples, bits, RGB, planar=planar, **short)))
        kept = samples[..., :3] if extra == 0 else samples
        assert np.array_equal(channels(picture), kept)
        assert len(picture.notes) == (extra == 0)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes(bits: int) -> None:
    for order, deep in product(ORDERS, (False, True)):
        table = RANDOM.integers(0, 65536 if deep else 256, (3, 1 << bits), np.uint16)
        table[0, 0] = 65535 if deep else 255
        stored = table if deep else table * 257
        indices = noise(bits, 1)
        entry = (3, stored.astype(f"{order}u2").tobytes())
        picture = load(io.BytesIO(tiff(indices, bits, PALETTE, order=order, tags={320: entry})))
        assert np.array_equal(picture.pixels, table.T[indices[..., 0]])
        assert picture.bit_depth == (16 if deep else 8)


def test_inks_of_every_layout() -> None:
    inks = noise(8, 4)
    expected = np.asarray(Image.fromarray(inks.astype(np.uint8), "CMYK").convert("RGB"))
    for order, planar, bits in product(ORDERS, (False, True), (8, 16)):
        stored = inks if bits == 8 else inks * 257
        picture = load(io.BytesIO(tiff(stored, bits, CMYK, order=order, planar=planar)))
        assert np.array_equal(picture.pixels, expected)
        assert ("16-bit samples reduced to 8 bits" in picture.notes) == (bits == 16)
    with pytest.raises(InputError, match="inks other than CMYK"):
        load(io.BytesIO(tiff(inks, 8, CMYK, t332=2)))


def test_luma_and_chroma_without_compression() -> None:
    rgb = noise(8, 3)
    ycc = np.asarray(Image.fromarray(rgb.astype(np.uint8)).convert("YCbCr"))
    for planar in (False, True):
        data = tiff(ycc, 8, YCC, planar=planar, tags={530: (3, struct.pack("<2H", 1, 1))})
        assert np.abs(load(io.BytesIO(data)).pixels.astype(int) - rgb).max() <= 3
    with pytest.raises(InputError, match="subsampled"):
        load(io.BytesIO(tiff(ycc, 8, YCC)))  # 2 x 2 unless said otherwise


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "YCbCr"])
def test_jpeg_inside(mode: str) -> None:
    rows, columns = np.mgrid[0:40, 0:48]
    smooth = np.dstack([rows * 4, columns * 5, rows + columns]).astype(np.uint8)
    image = Image.fromarray(smooth).convert(mode)
    stream = io.BytesIO()
    image.save(stream, "TIFF", compression="jpeg", quality=95)
    expected = np.asarray(image.convert("L" if mode == "L" else "RGB")).astype(int)
    assert np.abs(load(stream).pixels.astype(int) - expected).mean() < 2.5


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax(compression: str) -> None:
    bits = RANDOM.integers(0, 2, (30, 50), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(bits * 255).convert("1").save(stream, "TIFF", compression=compression)
    assert np.array_equal(load(stream).pixels, bits * 255)


def test_signed_samples() -> None:
    for bits, kind in ((8, np.int8), (16, np.int16)):
        values = np.array([[-3, 2], [0, 1]], kind)
        for samples in (values, np.abs(values)):
            stream = io.BytesIO()
            tifffile.imwrite(stream, samples, photometric="minisblack", metadata=None)
            if samples is values:
                with pytest.raises(InputError, match="negative samples: not supported"):
                    load(stream)
                image = Image.open(stream)
                image.load()
                with pytest.raises(InputError):
                    from_pil(image)
            else:
                picture = load(stream)
                assert picture.bit_depth == bits and np.array_equal(picture.pixels, samples)


@pytest.mark.parametrize(
    ("short", "words"),
    [
        ({"t262": 8}, "the Lab colour space"),
        ({"t262": 32803}, "sensor data"),
        ({"t339": 3}, "floating-point"),
        ({"t259": 34712}, "compression 34712"),
        ({"t338": 1, "t262": 0}, "premultiplied alpha"),
    ],
)
def test_what_nobody_reads_right_is_refused_by_name(short: dict[str, Any], words: str) -> None:
    count = 2 if "t338" in short else 3
    with pytest.raises(InputError, match=words) as caught:
        load(io.BytesIO(tiff(noise(8, count), 8, RGB if count == 3 else BLACK_IS_ZERO, **short)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("deflate", [False, True])
def test_missing_strips_are_not_black(deflate: bool) -> None:
    data = tiff(noise(16, 3), 16, RGB, planar=True, deflate=deflate)
    with pytest.raises(InputError):
        load(io.BytesIO(data[:-4]))
    # The second plane is nowhere, as in files that leave out what is empty.
    for tag, value in ((273, 0), (279, 0)):
        at = data.index(struct.pack("<HHI", tag, 4, 3)) + 8
        (place,) = struct.unpack_from("<I", data, at)
        broken = bytearray(data)
        struct.pack_into("<I", broken, place + 4, value)
        with pytest.raises(InputError, match="missing"):
            load(io.BytesIO(bytes(broken)))


def test_tiles_that_would_take_all_memory() -> None:
    stream = io.BytesIO()
    small = noise(8, 3).astype(np.uint8)
    tifffile.imwrite(stream, small, photometric="rgb", tile=(16, 16), compression="zlib")
    data = stream.getvalue()
    for tag in (322, 323):
        (at,) = (at for at in range(8, 400, 2) if data[at : at + 2] == struct.pack("<H", tag))
        data = data[:at] + struct.pack("<HHII", tag, 4, 1, 1 << 20) + data[at + 12 :]
    with pytest.raises(InputError, match="tiles far larger"):
        load(io.BytesIO(data))


def test_loaded_images_of_kinds_that_pillow_misreads() -> None:
    samples = noise(16, 3)
    data = tiff(samples, 16, RGB, planar=True)
    image = Image.open(io.BytesIO(data))
    image.load()
    # As it came from its file: that is read once more, by those who can.
    assert np.array_equal(from_pil(image).pixels, samples)
    image.putpixel((0, 0), (1, 2, 3))
    with pytest.raises(InputError, match="Pillow misreads"):
        from_pil(image)
