"""The alpha plane comes back exactly; hostile payloads are refused in bounded memory."""

from __future__ import annotations

import io
import lzma
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lcodec.coding.alpha import AlphaRows, Plane, decode_alpha, encode_alpha
from lcodec.errors import FormatError, LcodecError, UnsupportedError

ROWS, COLUMNS = np.mgrid[0:120, 0:160]
DISTANCE = np.hypot(ROWS - 60, COLUMNS - 70)


def level(values: NDArray[np.float64], full: int = 255) -> NDArray[np.int64]:
    """Values in 0..1 as levels 0..full."""
    rounded: NDArray[np.int64] = np.rint(values.clip(0, 1) * full).astype(np.int64)
    return rounded


MATTES: dict[str, Plane] = {
    "disc": level(50.5 - DISTANCE).astype(np.uint8),
    "fade": level(1.1 - DISTANCE / 90).astype(np.uint8),
    "fade, 16 bit": level(1.1 - DISTANCE / 90, 65535).astype(np.uint16),
    "disc, 16 bit": (level(50.5 - DISTANCE) * 257).astype(np.uint16),
    "noise": np.random.default_rng(0).integers(0, 256, (120, 160), np.uint8),
    "noise, 16 bit": np.random.default_rng(0).integers(0, 65536, (40, 30), np.uint16),
    "one": np.array([[7]], np.uint8),
    "row": np.arange(300, dtype=np.uint16)[None] * 200,
    "column": np.arange(255, dtype=np.uint8)[:, None],
}


@pytest.mark.parametrize("name", MATTES)
def test_round_trip(name: str) -> None:
    plane = MATTES[name]
    back = decode_alpha(encode_alpha(plane), plane.shape, plane.dtype.type)
    assert back.dtype == plane.dtype
    assert np.array_equal(back, plane)


@pytest.mark.parametrize("name", MATTES)
def test_rows_at_a_time_are_those_of_the_plane(name: str) -> None:
    plane = MATTES[name]
    payload = encode_alpha(plane)
    for band in (1, 7, 64):
        rows = AlphaRows(payload, plane.shape, plane.dtype.type)
        bands = [rows.read(min(band, len(plane) - top)) for top in range(0, len(plane), band)]
        assert np.array_equal(np.concatenate(bands), plane)
        rows = AlphaRows(payload, plane.shape, plane.dtype.type)
        rows.skip(len(plane) - 1)
        assert np.array_equal(rows.read(1), plane[-1:])


@pytest.mark.parametrize("name", ["disc", "fade", "fade, 16 bit", "disc, 16 bit"])
def test_smaller_than_png(name: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(MATTES[name]).save(buffer, "PNG", optimize=True)
    assert len(encode_alpha(MATTES[name])) < 0.9 * len(buffer.getvalue())


def test_eight_bits_in_sixteen_cost_eight() -> None:
    assert len(encode_alpha(MATTES["disc, 16 bit"])) == len(encode_alpha(MATTES["disc"]))


def test_prediction_is_chosen_on_a_sample_of_a_large_plane() -> None:
    ramp = np.tile(np.arange(1 << 12, dtype=np.uint16)[None] * 13, (1 << 9, 1))
    payload = encode_alpha(ramp)
    assert len(payload) < 2000
    assert np.array_equal(decode_alpha(payload, ramp.shape, np.uint16), ramp)


def test_every_byte_of_the_form_is_judged() -> None:
    payload = encode_alpha(MATTES["disc"])
    for form in (0x04, 0x0F, 0x10, 0x20, 0xF0):
        with pytest.raises(UnsupportedError, match="form"):
            decode_alpha(bytes((form,)) + payload[1:], (120, 160), np.uint8)


@pytest.mark.parametrize("shape", [(120, 159), (120, 161), (1, 1), (1 << 14, 1 << 14)])
def test_wrong_sizes_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(FormatError):
        decode_alpha(encode_alpha(MATTES["disc"]), shape, np.uint8)


def test_damage_never_gives_another_error() -> None:
    payload = encode_alpha(MATTES["fade"])
    for cut in range(0, len(payload), 7):
        with pytest.raises(FormatError):
            decode_alpha(payload[:cut], (120, 160), np.uint8)
    with pytest.raises(FormatError):
        decode_alpha(payload + b"x", (120, 160), np.uint8)
    for at in range(0, len(payload), 5):
        changed = bytearray(payload)
        changed[at] ^= 0x55
        try:
            decode_alpha(bytes(changed), (120, 160), np.uint8)
        except LcodecError as error:
            assert "alpha plane" in str(error)


def test_bomb_is_stopped_at_the_size_of_the_picture() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 1}]
    bomb = b"\0" + lzma.compress(bytes(1 << 26), format=lzma.FORMAT_RAW, filters=filters)
    assert len(bomb) < 20000
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="size"):
            decode_alpha(bomb, (100, 100), np.uint8)
        assert tracemalloc.get_traced_memory()[1] < 5 << 20  # of which 4 for the dictionary
    finally:
        tracemalloc.stop()
