from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcodec.container.varint import Cursor, encode_uvarint
from lcodec.errors import FormatError

LIMIT = 1 << 40


def decode(data: bytes, limit: int = LIMIT) -> tuple[int, int]:
    cursor = Cursor(memoryview(data))
    return cursor.uvarint("number", limit), cursor.pos


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (300, "ac02"),
        (16384, "808001"),
        (LIMIT, "808080808020"),
    ],
)
def test_known_forms(value: int, data: str) -> None:
    assert encode_uvarint(value) == bytes.fromhex(data)
    assert decode(bytes.fromhex(data)) == (value, len(data) // 2)


@settings(derandomize=True, database=None)
@given(st.integers(0, LIMIT), st.binary(max_size=4))
def test_round_trip(value: int, rest: bytes) -> None:
    data = encode_uvarint(value)
    assert decode(data + rest) == (value, len(data))


@pytest.mark.parametrize("data", ["8000", "ff00", "808000", "ac8200"])
def test_longer_form_is_refused(data: str) -> None:
    with pytest.raises(FormatError, match="shortest"):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "limit"),
    [("818080808020", LIMIT), ("65", 100), ("ff" * 9 + "01", LIMIT), ("80" * 50, LIMIT)],
)
def test_too_large_is_refused(data: str, limit: int) -> None:
    with pytest.raises(FormatError, match="larger than"):
        decode(bytes.fromhex(data), limit)


@pytest.mark.parametrize("data", ["", "80", "ffff"])
def test_truncated_is_refused(data: str) -> None:
    with pytest.raises(FormatError, match="truncated"):
        decode(bytes.fromhex(data))


def test_negative_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        encode_uvarint(-1)


def test_cursor_stops_at_its_end() -> None:
    cursor = Cursor(memoryview(b"abcdef"), 1, 4)
    assert cursor.remaining == 3
    assert bytes(cursor.take(2, "x")) == b"bc"
    with pytest.raises(FormatError, match="truncated: field at byte 3 needs 4 bytes, 1 left"):
        cursor.u32("field")
