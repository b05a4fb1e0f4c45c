from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcodec.container import MAX_SIDE, Alpha, Header
from lcodec.container.header import decode_header, encode_header
from lcodec.container.varint import Cursor
from lcodec.errors import FormatError, InputError, LcodecError, UnsupportedError, UsageError
from lcodec.format import ENTROPY_MODELS
from lcodec.limits import UNDECODED, DecoderLimits

from .samples import HEAD_PAYLOAD, make_header

headers = st.builds(
    Header,
    width=st.integers(1, MAX_SIDE),
    height=st.integers(1, MAX_SIDE),
    channels=st.sampled_from([1, 3]),
    bit_depth=st.sampled_from([8, 16]),
    alpha=st.sampled_from(Alpha),
    quality=st.integers(0, 100),
    tile_edge=st.integers(1, 32).map(lambda n: n * 64),
    profile=st.just(1),
    entropy_model=st.sampled_from(sorted(ENTROPY_MODELS)),
    model_id=st.binary(min_size=4, max_size=4),
)


UNLIMITED = replace(UNDECODED, tiles=MAX_SIDE**2)


def decode(data: bytes, limits: DecoderLimits = UNLIMITED) -> Header:
    return decode_header(Cursor(memoryview(data)), limits)


@settings(derandomize=True, database=None)
@given(headers)
def test_round_trip(header: Header) -> None:
    assert decode(encode_header(header)) == header


def test_layout() -> None:
    assert encode_header(make_header()) == HEAD_PAYLOAD


@pytest.mark.parametrize(
    ("channels", "alpha", "bit_depth", "mode"),
    [
        (1, "none", 8, 0x00),
        (3, "none", 8, 0x01),
        (1, "plane", 8, 0x02),
        (3, "plane", 8, 0x03),
        (1, "opaque", 8, 0x04),
        (3, "opaque", 8, 0x05),
        (1, "none", 16, 0x10),
        (3, "plane", 16, 0x13),
    ],
)
def test_mode_byte(channels: int, alpha: str, bit_depth: int, mode: int) -> None:
    header = make_header(channels=channels, alpha=Alpha(alpha), bit_depth=bit_depth)
    assert encode_header(header)[4] == mode


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 0},
        {"width": MAX_SIDE + 1},
        {"height": 0},
        {"height": -1},
        {"height": 2.5},
        {"quality": 101},
        {"quality": -1},
        {"tile_edge": 0},
        {"tile_edge": 100},
        {"tile_edge": 33 * 64},
        {"channels": 2},
        {"channels": 4},
        {"model_id": b"abc"},
        {"model_id": b"abcde"},
    ],
)
def test_value_out_of_range(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        make_header(**changes)


@pytest.mark.parametrize("changes", [{"bit_depth": 12}, {"profile": 2}, {"entropy_model": "abcd"}])
def test_unknown_value(changes: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError):
        make_header(**changes)


@pytest.mark.parametrize(
    ("position", "byte", "error"),
    [
        (4, 0x06, UnsupportedError),  # alpha of an unknown kind
        (4, 0x09, UnsupportedError),
        (4, 0x21, UnsupportedError),  # neither 8 nor 16 bits
        (4, 0x81, UnsupportedError),
        (5, 101, FormatError),
        (6, 0, FormatError),
        (7, 0, UnsupportedError),
        (7, 2, UnsupportedError),
        (8, ord("h"), UnsupportedError),
        (8, 0x00, FormatError),
        (8, 0xE4, FormatError),
    ],
)
def test_bad_byte(position: int, byte: int, error: type[LcodecError]) -> None:
    data = bytearray(HEAD_PAYLOAD)
    data[position] = byte
    with pytest.raises(error):
        decode(bytes(data))


@pytest.mark.parametrize("size", ["00c801", "ac0200", "8080808008c801", "ac028080808008", "ac8200"])
def test_bad_size(size: str) -> None:
    with pytest.raises(FormatError):
        decode(bytes.fromhex(size) + HEAD_PAYLOAD[4:])


def test_trailing_bytes() -> None:
    with pytest.raises(FormatError, match="1 bytes too many"):
        decode(HEAD_PAYLOAD + b"\0")


def test_every_truncation() -> None:
    for size in range(len(HEAD_PAYLOAD)):
        with pytest.raises(FormatError, match="truncated"):
            decode(HEAD_PAYLOAD[:size])


def test_pixel_limit() -> None:
    assert decode(HEAD_PAYLOAD, DecoderLimits(pixels=60000)).pixels == 60000
    with pytest.raises(InputError, match="300 x 200 is over the limit of 59999 pixels"):
        decode(HEAD_PAYLOAD, DecoderLimits(pixels=59999))


def test_tiles() -> None:
    header = make_header(width=129, height=64, tile_edge=64)
    assert (header.tiles_x, header.tiles_y, header.tile_count) == (3, 1, 3)
    assert header.tile_box(0) == (0, 0, 64, 64)
    assert header.tile_box(2) == (128, 0, 129, 64)
    with pytest.raises(IndexError):
        header.tile_box(3)


@settings(derandomize=True, database=None)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 4))
def test_tiles_cover_the_picture_once(width: int, height: int, unit: int) -> None:
    header = make_header(width=width, height=height, tile_edge=64 * unit)
    boxes = [header.tile_box(index) for index in range(header.tile_count)]
    assert sum((right - left) * (low - top) for left, top, right, low in boxes) == header.pixels
    assert boxes == sorted(boxes, key=lambda box: (box[1], box[0]))
    assert boxes[-1][2:] == (width, height)
