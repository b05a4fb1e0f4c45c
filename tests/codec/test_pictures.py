"""Modes, depths, alpha and metadata through whole files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import lcodec
from lcodec import container
from lcodec.container import Alpha
from lcodec.errors import FormatError, TargetError
from lcodec.library.codec import Codec
from lcodec.metrics.distortion import psnr
from lcodec.picture import Metadata, Picture
from lcodec.pipeline.targets import Target
from tests.picture.samples import exif, icc
from tests.tinymodel import picture

QUALITY = 80
ROWS, COLUMNS = np.mgrid[0:90, 0:120]
FADE: NDArray[np.uint8] = np.clip(300 - 6 * np.hypot(ROWS - 45, COLUMNS - 60), 0, 255).astype(
    np.uint8
)
KINDS = {1: (90, 120), 2: (90, 120, 2), 3: (90, 120, 3), 4: (90, 120, 4)}


@pytest.fixture
def codec(tiny_model: Path) -> Codec:
    return Codec(device="cpu")


def samples(channels: int, dtype: type[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """A picture with ``channels``, the even ones of which are alpha; 16-bit ones use all bits."""
    colours = picture(90, 120) if channels > 2 else picture(90, 120)[..., :1]
    stack = np.dstack([colours, FADE]) if channels % 2 == 0 else colours
    if dtype is np.uint16:
        stack = stack.astype(np.uint16) * 257 // 256 * 255 + 17
    return stack.astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_mode_and_depth_come_back(
    codec: Codec, channels: int, dtype: type[np.unsignedinteger]
) -> None:
    array = samples(channels, dtype)
    data = codec.encode(array, QUALITY)
    decoded = codec.decode(data)
    assert decoded.pixels.dtype == dtype
    assert decoded.pixels.shape == ((90, 120, 3) if channels > 2 else (90, 120))
    assert decoded.header.bit_depth == 8 * np.dtype(dtype).itemsize
    if channels % 2:
        assert decoded.alpha is None
    else:
        assert decoded.alpha is not None and decoded.alpha.dtype == dtype
        assert np.array_equal(decoded.alpha, array[..., -1])
    modes = ("L", "LA", "RGB", "RGBA")
    deep_gray = channels == 1 and dtype is np.uint16
    assert decoded.to_image().mode == ("I;16" if deep_gray else modes[channels - 1])
    # The same pixels as those of the 8-bit picture, to within rounding.
    full = float(np.iinfo(dtype).max)
    source = array[..., : 3 if channels > 2 else 1].reshape(decoded.pixels.shape) / full
    seen = np.ones((90, 120), bool) if channels % 2 else array[..., -1] > 0
    assert np.abs(decoded.pixels / full - source)[seen].mean() < 0.1


def test_sixteen_bits_are_coded_as_such(codec: Codec) -> None:
    # Steps of less than one level of 8 bits: reduced to 8 bits first, nothing would be left.
    ramp = (32768 + 100 * np.sin(COLUMNS / 6)).astype(np.uint16)
    y = codec.stages.pixels.analyse(ramp, 100)
    flat = codec.stages.pixels.analyse(np.full_like(ramp, 32768), 100)
    shallow = codec.stages.pixels.analyse((ramp // 257).astype(np.uint8), 100)
    assert np.abs(y - flat).max() > 1e-3
    assert np.abs(shallow - codec.stages.pixels.analyse(np.full_like(FADE, 127), 100)).max() < 1e-5
    decoded = codec.decode(codec.encode(samples(3, np.uint16), 100)).pixels
    assert len(np.unique(decoded % 257)) > 200  # not 8 bits widened


def test_eight_bits_decode_to_the_same_as_ever(codec: Codec) -> None:
    array = samples(3, np.uint8)
    widened = array.astype(np.uint16) * 257
    data, deep = codec.encode(array, 70), codec.encode(widened, 70)
    assert container.read(data).tiles == container.read(deep).tiles
    difference = codec.decode(deep).pixels / 257.0 - codec.decode(data).pixels
    assert np.abs(difference).max() <= 0.5


def test_opaque_alpha_costs_nothing_and_is_remembered(codec: Codec) -> None:
    array = samples(4, np.uint8)
    array[..., 3] = 255
    data = codec.encode(array, QUALITY)
    assert len(data) == len(codec.encode(array[..., :3], QUALITY))
    decoded = codec.decode(data)
    assert decoded.header.alpha is Alpha.OPAQUE
    assert decoded.to_image().mode == "RGBA"
    assert decoded.alpha is not None and decoded.alpha.min() == 255


def test_invisible_pixels_cost_next_to_nothing_and_decode_to_0(codec: Codec) -> None:
    array = samples(4, np.uint8)
    array[..., 3] = np.where(COLUMNS < 64, 255, 0)
    noisy, black = array.copy(), array.copy()
    noisy[:, 64:, :3] = np.random.default_rng(0).integers(0, 256, (90, 56, 3))
    black[:, 64:, :3] = 0
    data = codec.encode(noisy, QUALITY)
    assert data == codec.encode(black, QUALITY)
    # Beyond the first column, where the smooth fill begins, little but the mean is left.
    symbols = codec.decode_symbols(data).y[:, :, 5:]
    noise = codec.decode_symbols(codec.encode(noisy[..., :3], QUALITY)).y[:, :, 5:]
    assert np.count_nonzero(symbols) < 0.3 * np.count_nonzero(noise)
    assert (codec.decode(data).pixels[:, 64:] == 0).all()


def test_metadata_is_kept_unless_stripped(codec: Codec) -> None:
    image = Image.fromarray(samples(3, np.uint8))
    image.info["icc_profile"] = icc()
    image.info["exif"] = b"Exif\0\0" + exif(6)
    image.info["xmp"] = b"<x/>"
    data = lcodec.encode(image, QUALITY, device="cpu")
    decoded = codec.decode(data)
    assert decoded.pixels.shape == (120, 90, 3)  # upright
    assert decoded.metadata == Metadata(icc(), exif(1), b"<x/>")
    names = [section["type"] for section in lcodec.inspect(data)["sections"]]
    assert names == ["HEAD", "ICC", "PACKED", "XMP", "TILE", "END"]
    back = decoded.to_image()
    assert back.info == {"icc_profile": icc(), "exif": b"Exif\0\0" + exif(1), "xmp": b"<x/>"}
    buffer = io.BytesIO()
    back.save(buffer, "PNG")
    with Image.open(buffer) as saved:
        assert saved.info["icc_profile"] == icc()
    stripped = lcodec.encode(image, QUALITY, strip=True, device="cpu")
    assert not codec.decode(stripped).metadata
    assert container.read(stripped).extra == ()
    assert np.array_equal(codec.decode(stripped).pixels, decoded.pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_psnr_is_that_of_what_can_be_seen(codec: Codec, dtype: type[np.unsignedinteger]) -> None:
    array = samples(4, dtype)
    array[..., 3] = FADE
    visible = array[..., 3] > 0
    assert 0.2 < visible.mean() < 0.8
    encoded = codec.encode_detailed(array, target=Target.psnr(24))
    decoded = codec.decode(encoded.data).pixels
    # Invisible samples are 0 by now, in both.
    expected = psnr(array[..., :3][visible][None], decoded[visible][None])
    assert encoded.psnr == pytest.approx(expected)
    assert expected >= 24
    strong = codec.encode_detailed(array, target=Target.psnr(24), effort=1)
    assert strong.psnr is not None and strong.psnr >= 24
    back = codec.decode(strong.data)
    assert back.alpha is not None and np.array_equal(back.alpha, array[..., 3])


def test_alpha_and_metadata_count_for_a_target_size(codec: Codec) -> None:
    source = Picture(samples(3, np.uint8), alpha=FADE, metadata=Metadata(icc(size=900)))
    least = len(codec.encode(source, 0))
    assert least > 900
    data = codec.encode(source, target=Target.size(least + 150))
    assert least <= len(data) <= least + 150
    with pytest.raises(TargetError):
        codec.encode(source, target=Target.size(900))


def test_damaged_planes_are_refused(codec: Codec) -> None:
    file = container.read(codec.encode(samples(4, np.uint8), QUALITY))
    assert file.alpha is not None
    for wrong in (file.alpha[:-3], b"\0", b"\0" + bytes(40), file.alpha + b"\0"):
        with pytest.raises(FormatError, match="alpha plane"):
            codec.decode(container.write(file.header, file.tiles, alpha=wrong))


def test_picture_objects_are_encoded_as_they_are(codec: Codec) -> None:
    source = Picture(samples(1, np.uint8)[..., 0], alpha=FADE, metadata=Metadata(icc=icc(b"GRAY")))
    decoded = codec.decode(codec.encode(source, QUALITY))
    assert decoded.metadata == source.metadata
    assert decoded.to_image().mode == "LA"


def test_files_state_that_pictures_are_upright(codec: Codec) -> None:
    xmp = b"<x tiff:Orientation='%d'/>"
    given = Metadata(exif=b"Exif\0\0" + exif(6), xmp=xmp % 6)
    decoded = codec.decode(codec.encode(Picture(picture(24, 40), metadata=given)))
    assert decoded.picture.metadata == Metadata(exif=exif(1), xmp=xmp % 1)
    broken = Metadata(exif=b"no EXIF")
    assert codec.decode(codec.encode(Picture(picture(24, 40), metadata=broken))).picture.metadata
