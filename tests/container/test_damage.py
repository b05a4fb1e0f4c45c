"""Damaged, truncated, foreign and hostile files."""

from __future__ import annotations

import tracemalloc
import zlib
from dataclasses import replace

import pytest
from hypothesis import example as case
from hypothesis import given, settings
from hypothesis import strategies as st

from lcodec.container import Section, describe, read, write
from lcodec.container.sections import MIXED
from lcodec.container.varint import encode_uvarint
from lcodec.errors import FormatError, InputError, LcodecError, UnsupportedError

from .samples import (
    END,
    HEAD_PAYLOAD,
    MIXED_FRAME,
    MIXED_PAYLOAD,
    PREAMBLE,
    TILE,
    TILE_FRAME,
    TILE_PAYLOAD,
    build,
    example,
    frame,
    make_header,
    mixed,
    small,
    with_alpha,
)

PLANE, OPAQUE = (HEAD_PAYLOAD[:4] + mode + HEAD_PAYLOAD[5:] for mode in (b"\x03", b"\x05"))


whole_files = pytest.mark.parametrize(
    "data",
    [example(), small(), with_alpha(), mixed()],
    ids=["example", "small", "alpha", "mixed"],
)


def flip(data: bytes, bit: int) -> bytes:
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


@whole_files
def test_every_flipped_bit_is_noticed(data: bytes) -> None:
    for bit in range(8 * len(data)):
        # Only the major version can claim that the file is newer; anything else is damage.
        expected = (FormatError, UnsupportedError) if bit // 8 == 8 else FormatError
        with pytest.raises(expected) as caught:
            read(flip(data, bit))
        assert "\n" not in str(caught.value)


@whole_files
def test_every_truncation_is_noticed(data: bytes) -> None:
    for size in range(len(data)):
        with pytest.raises(FormatError, match=r"truncated|empty"):
            read(data[:size])


@pytest.mark.parametrize("rest", [b"\0", b"\0\0", b"trailing", example()])
def test_trailing_bytes_are_refused(rest: bytes) -> None:
    with pytest.raises(FormatError, match=f"{len(rest)} bytes of other data follow"):
        read(example() + rest)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a .lic file"),
        (b"hello, world", "not a .lic file"),
        (example().replace(b"\r\n", b"\n"), "transferred as text"),
        (example().replace(b"\n", b"\r\n"), "transferred as text"),
        (bytes(byte & 0x7F for byte in example()), "transferred as text"),
        (b"\x89LIC\r\n\x1a\n\x00\x00" + example()[10:], "does not exist"),
    ],
)
def test_foreign_or_mangled_file(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(data)


def test_newer_major_version_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"version 2\.7 is newer"):
        read(b"\x89LIC\r\n\x1a\n\x02\x07 anything")


def test_newer_minor_version_is_read() -> None:
    preamble = PREAMBLE[:9] + b"\x05"
    data = preamble + frame(1, HEAD_PAYLOAD, preamble) + frame(0xA0, b"new") + TILE_FRAME + END
    contents = read(data)
    assert contents.version == (1, 5)
    assert contents.tiles == (TILE,)


def test_unknown_ancillary_section_is_skipped_and_kept() -> None:
    data = build(frame(0xA5, b"one"), TILE_FRAME, frame(0xA5, b"two"), frame(0x81, b"icc"), END)
    contents = read(data)
    assert contents.tiles == (TILE,)
    assert contents.extra == (Section(0xA5, b"one"), Section(0xA5, b"two"), Section(0x81, b"icc"))
    again = read(write(contents.header, contents.tiles, contents.extra))
    assert again == contents


@pytest.mark.parametrize(("code", "name"), [(0x05, "0x05"), (0x7F, "0x7F")])
def test_unknown_critical_section_is_refused(code: int, name: str) -> None:
    with pytest.raises(UnsupportedError, match=f"critical section {name} at byte 32"):
        read(build(frame(code, b"x"), TILE_FRAME, END))


def test_damage_to_an_unknown_critical_section_is_called_damage() -> None:
    data = build(frame(0x05, b"x"), TILE_FRAME, END)
    with pytest.raises(FormatError, match="wrong CRC"):
        read(flip(data, 8 * 34))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (build(TILE_FRAME), "truncated: no end section at byte 55"),
        (build(END), "0 tiles, but the picture has 1"),
        (build(TILE_FRAME, TILE_FRAME, END), "more tiles than the 1"),
        (build(TILE_FRAME, frame(1, HEAD_PAYLOAD), END), "second header"),
        (PREAMBLE + TILE_FRAME + END, "first section is TILE"),
        (PREAMBLE + END, "first section is END"),
        (PREAMBLE + frame(0x81, b"x") + build()[10:] + TILE_FRAME + END, "first section is ICC"),
        (PREAMBLE + frame(1, HEAD_PAYLOAD) + TILE_FRAME + END, "wrong CRC in HEAD"),
        (build(b"\x90\x00", TILE_FRAME, END), "0x90 section at byte 32 has 0 bytes"),
        (build(b"\x02\x00", END), "TILE section at byte 32 has 0 bytes"),
        (build(TILE_FRAME, frame(0, b"x")), "END section at byte 55 has 1 bytes"),
        (build(b"\x02\x91\x00" + TILE_FRAME[2:], END), "not in its shortest form"),
        (build(frame(3, b"x"), TILE_FRAME, END), "alpha plane at byte 32 where none belongs"),
        (build(frame(3, b"x"), TILE_FRAME, END, head=OPAQUE), "where none belongs"),
        (build(TILE_FRAME, END, head=PLANE), "alpha plane is missing"),
        (build(frame(3, b"x"), frame(3, b"x"), TILE_FRAME, END, head=PLANE), "at byte 39 where"),
        (build(TILE_FRAME, END, head=HEAD_PAYLOAD + b"\0"), "1 bytes too many"),
        (build(frame(2, TILE_PAYLOAD[:3]), END), "truncated: symbol checksum"),
        (build(frame(2, TILE_PAYLOAD[:4]), END), "truncated: hyper stream length"),
        (build(frame(2, TILE_PAYLOAD[:8]), END), "truncated: hyper stream at"),
        (build(frame(2, TILE_PAYLOAD + b"x"), END), "latent stream of 9 bytes"),
        (build(frame(2, TILE_PAYLOAD[:4] + b"\x03" + TILE.latent), END), "hyper stream of 3 bytes"),
        (build(b"\x04\x00", END), "MIXED section at byte 32 has 0 bytes"),
        (build(MIXED_FRAME, TILE_FRAME, END), "more tiles than the 1"),
        (build(MIXED_FRAME, MIXED_FRAME, END), "more tiles than the 1"),
        (PREAMBLE + MIXED_FRAME + END, "first section is MIXED"),
        (build(frame(4, MIXED_PAYLOAD[:9]), END), "truncated: layer length"),
        (build(frame(4, MIXED_PAYLOAD[:14]), END), "truncated: lossless layer at"),
        (
            build(frame(4, MIXED_PAYLOAD[:9] + b"\x00" + TILE.latent), END),
            "an empty lossless layer",
        ),
        (build(frame(4, MIXED_PAYLOAD[:9] + b"\x00"), END), "an empty lossless layer"),
        (build(frame(4, MIXED_PAYLOAD[:9] + b"\x81\x00a"), END), "not in its shortest form"),
        (build(frame(4, MIXED_PAYLOAD + b"x"), END), "latent stream of 9 bytes"),
        (build(frame(4, MIXED_PAYLOAD[:4] + b"\x03abc\x01a"), END), "hyper stream of 3 bytes"),
    ],
)
def test_sound_sections_in_a_bad_file(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(data)
    with pytest.raises(FormatError, match=message):
        describe(data)


def test_hand_built_file_is_sound() -> None:
    assert read(build(TILE_FRAME, END)).tiles == (TILE,)


def peak_while_refusing(data: bytes, error: type[LcodecError]) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(error):
            read(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def hostile_files() -> list[tuple[bytes, type[LcodecError]]]:
    longest = encode_uvarint(1 << 40)
    giant = bytes.fromhex("ffffffff07 ffffffff07 01 32 01 01") + b"gmix" + bytes(4)
    # Within the pixel limit, but of 65536 tiles that are not there.
    many = bytes.fromhex("808001 808001 01 32 01 01") + b"gmix" + bytes(4)
    return [
        (PREAMBLE + b"\x01" + longest + bytes(50), FormatError),
        (build(b"\x02" + longest + bytes(50)), FormatError),
        (build(b"\x02" + encode_uvarint((1 << 40) + 1) + bytes(50)), FormatError),
        (build(b"\x90" + b"\xff" * 60), FormatError),
        (build(frame(2, bytes(4) + longest + bytes(50)), END), FormatError),
        (build(b"\x04" + longest + bytes(50)), FormatError),
        (build(frame(4, bytes(5) + longest + bytes(50)), END), FormatError),
        (build(TILE_FRAME, END, head=giant), InputError),
        (build(TILE_FRAME, END, head=many), FormatError),
    ]


@pytest.mark.parametrize(("data", "error"), hostile_files())
def test_huge_numbers_allocate_nothing(data: bytes, error: type[LcodecError]) -> None:
    peak_while_refusing(data, error)  # warm: first-time allocations of the interpreter
    assert peak_while_refusing(data, error) < 200_000


@settings(derandomize=True, database=None)
@given(st.binary(max_size=200))
@case(b"")
def test_garbage_is_refused(data: bytes) -> None:
    for prefix in (b"", PREAMBLE, build(), build(TILE_FRAME)):
        if prefix + data != build(TILE_FRAME, END):
            with pytest.raises(LcodecError):
                read(prefix + data, max_pixels=1 << 20)


@settings(derandomize=True, database=None)
@given(st.integers(0, 127), st.binary(min_size=1, max_size=100), st.booleans())
@case(MIXED, MIXED_PAYLOAD, False)
def test_garbage_with_right_crcs_raises_only_our_errors(
    code: int, payload: bytes, as_head: bool
) -> None:
    data = build(TILE_FRAME, END, head=payload) if as_head else build(frame(code, payload), END)
    try:
        contents = read(data)
    except LcodecError as error:
        assert "\n" not in str(error)
    else:
        again = write(contents.header, contents.tiles, contents.extra)
        if code == MIXED and not as_head:  # states another version
            assert read(again) == replace(contents, version=(1, 3))
        else:
            assert again == data


@settings(derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=6))
def test_damaged_bytes_are_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(small())
    for place, value in changes:
        data[place % len(data)] ^= value
    if data != small():
        with pytest.raises(LcodecError):
            read(data)


def test_crc_is_the_one_the_format_names() -> None:
    assert zlib.crc32(b"123456789") == 0xCBF43926


def test_pixel_limit_comes_from_the_caller() -> None:
    data = write(make_header(width=1 << 15, height=1 << 14, tile_edge=2048), [TILE] * 128)
    with pytest.raises(InputError):
        read(data)
    assert read(data, max_pixels=1 << 29).header.width == 1 << 15
