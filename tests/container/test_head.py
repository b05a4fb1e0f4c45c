"""Reading the head of a file and leaving the rest."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import pytest

from lcodec.container import (
    FileReader,
    Head,
    Section,
    is_lic,
    load,
    may_be_lic,
    payloads,
    read,
    read_head,
    write,
)
from lcodec.errors import FormatError, InputError, LcodecError, UnsupportedError

from .samples import (
    END,
    EXTRA,
    MIXED_FRAME,
    PREAMBLE,
    TILE,
    TILE_FRAME,
    build,
    example,
    frame,
    make_header,
    mixed,
    small,
    with_alpha,
)


@pytest.mark.parametrize("data", [example(), small(), with_alpha(), mixed()])
def test_head_is_that_of_the_whole_file(data: bytes) -> None:
    file = read(data)
    assert read_head(io.BytesIO(data)) == Head(file.header, file.extra, file.version)


def test_no_more_is_read_than_needed() -> None:
    icc = Section(0x81, bytes(range(256)) * 50)
    data = write(make_header(), [TILE], [icc])
    padded = io.BytesIO(data + bytes(1 << 20))
    assert read_head(padded).extra == (icc,)
    assert padded.tell() < 3 * len(data)
    damaged = io.BytesIO(example()[:-20] + bytes(20))
    assert read_head(damaged).extra == (EXTRA,)


def test_metadata_behind_a_tile_is_not_of_the_head() -> None:
    for tile in (TILE_FRAME, MIXED_FRAME):
        data = build(frame(0x82, b"exif"), tile, frame(0x83, b"xmp"), b"\0\0")
        assert [section.type for section in read_head(io.BytesIO(data)).extra] == [0x82]
        assert payloads(read(data).extra) == {0x82: b"exif", 0x83: b"xmp"}


def test_first_section_of_a_type_counts() -> None:
    assert payloads([Section(0x81, b"1"), Section(0x83, b"2"), Section(0x81, b"3")]) == {
        0x81: b"1",
        0x83: b"2",
    }


def test_every_truncation_of_the_head_is_refused() -> None:
    data = with_alpha()
    end = data.index(b"xmp") + 3 + 4
    for length in range(end + 1):
        with pytest.raises(FormatError, match=r"truncated|empty"):
            read_head(io.BytesIO(data[:length]))
    read_head(io.BytesIO(data[: end + 1]))


def test_damage_in_the_head_is_refused() -> None:
    data = with_alpha()
    for position in range(data.index(b"xmp") + 3 + 4):
        changed = bytearray(data)
        changed[position] ^= 0x10
        with pytest.raises((FormatError, UnsupportedError)):
            read_head(io.BytesIO(bytes(changed)))


def test_no_damage_in_the_head_makes_it_read_much() -> None:
    data = with_alpha()
    for position in range(data.index(b"xmp") + 3 + 4):
        for bit in range(8):
            changed = bytearray(data) + bytes(1 << 19)
            changed[position] ^= 1 << bit
            stream = io.BytesIO(changed)
            with contextlib.suppress(LcodecError):
                read_head(stream)
            # A length may become one of two bytes.
            assert stream.tell() <= (1 << 14) + 4096


def test_the_head_is_read_from_streams_of_small_pieces() -> None:
    class Pieces(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 3))

    assert read_head(Pieces(with_alpha())) == read_head(io.BytesIO(with_alpha()))


READERS: list[Callable[[bytes], object]] = [
    read,
    lambda data: read_head(io.BytesIO(data)),
    lambda data: read(load(io.BytesIO(data))),
    lambda data: FileReader(io.BytesIO(data)).extra,
]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (PREAMBLE + frame(0x81, b"icc"), "the first section is ICC, not HEAD"),
        (build(head=bytes(65)), "HEAD section at byte 10 has 65 bytes"),
        (build(b"\x81\x00"), "ICC section at byte 32 has 0 bytes"),
        (build(b"\x81\x83\x00icc1234"), "length at byte 33 is not in its shortest form"),
        (build(b"\x81" + b"\xff" * 7), "length at byte 33 is larger than 1099511627776"),
        (build(b"\x81\x83"), "truncated: section length at byte 34 needs 1 bytes"),
        (build(), "truncated: no end section at byte 32"),
    ],
)
def test_all_readers_know_the_same_sections(data: bytes, message: str) -> None:
    for reader in READERS:
        with pytest.raises(FormatError, match=message):
            reader(data)


def test_all_readers_check_the_crc() -> None:
    data = build(frame(0x81, b"icc"), TILE_FRAME, END)
    damaged = data.replace(b"icc", b"ice")
    for reader in READERS:
        reader(data)
        with pytest.raises(FormatError, match="wrong CRC in ICC section at byte 32"):
            reader(damaged)


def test_other_files_are_refused_at_once() -> None:
    stream = io.BytesIO(bytes(1 << 20))
    with pytest.raises(FormatError, match=r"not a \.lic file"):
        read_head(stream)
    assert stream.tell() == 4096


def test_files_are_told_by_their_signature() -> None:
    data = example()
    for length in range(12):
        assert is_lic(data[:length]) is (length >= 8)
        assert may_be_lic(data[:length])
    for other in (b"\x89PNG\r\n\x1a\n", b"\x89LIC\n", b"L"):
        assert not is_lic(other) and not may_be_lic(other)


def test_limit_of_pixels() -> None:
    with pytest.raises(InputError, match="limit of 59999 pixels"):
        read_head(io.BytesIO(example()), max_pixels=59999)
