"""Metadata in few bytes: known profiles, deflate with the frozen dictionary, damage, bombs."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcodec.container import (
    EXIF,
    ICC,
    PACKED,
    XMP,
    FileReader,
    Section,
    describe,
    pack,
    payloads,
    read,
    read_head,
    survey,
    write,
)
from lcodec.container.packed import MAX_UNPACKED, PROFILES, dictionary, unpack, unpacked
from lcodec.errors import FormatError, InputError
from lcodec.limits import DecoderLimits

from .samples import FORMAT_MD, TILE, make_header

HP = PROFILES[0]
FRAMING = 6  # type, length and CRC of a short section


def known(number: int) -> bytes:
    profile = PROFILES[number]
    return dictionary()[profile.offset : profile.offset + profile.size]


def packed(*payload: int, rest: bytes = b"") -> Section:
    return Section(PACKED, bytes(payload) + rest)


def deflated(data: bytes, size: int | None = None, kind: int = 3) -> Section:
    """A PACKED section built by hand; ``size`` is the one it states."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = coder.compress(data) + coder.flush()
    stated, digits = len(data) if size is None else size, []
    while stated > 127:
        digits.append(stated & 127 | 128)
        stated >>= 7
    return packed(0x10 | kind, *digits, stated, rest=stream)


@pytest.mark.parametrize("number", range(len(PROFILES)))
def test_a_known_profile_takes_two_bytes(number: int) -> None:
    data = known(number)
    assert data[36:40] == b"acsp" and int.from_bytes(data[:4], "big") == len(data)
    (section,) = pack([Section(ICC, data)])
    assert section == packed(1, number)
    assert payloads([section]) == {ICC: data}
    plain, small = (write(make_header(), [TILE], s) for s in ([Section(ICC, data)], [section]))
    # Framed, and with a length of one byte in place of two.
    assert len(plain) - len(small) == len(data) + 1 - 2


def test_profiles_are_those_of_the_format() -> None:
    text = FORMAT_MD.read_text("utf-8")
    for number, profile in enumerate(PROFILES):
        digest = hashlib.sha256(known(number)).hexdigest()
        assert f"| {number} | {profile.offset} | {profile.size} | `{digest}` |" in text
    # The commonest profile of all.
    assert hashlib.sha256(known(0)).hexdigest().startswith("2b3aa1645779a9e634744faf")


@pytest.mark.parametrize("number", range(len(PROFILES)))
def test_a_variant_of_a_known_profile_takes_a_few_bytes(number: int) -> None:
    data = bytearray(known(number))
    data[67] ^= 1  # the rendering intent: both are in use
    data[24:36] = b"\7\xea\0\x0b\0\x1c\0\x0a\0\x0b\0\x0c"  # the date
    (section,) = pack([Section(ICC, bytes(data))])
    assert section.payload[:2] == bytes((1, number))
    assert len(section.payload) <= 2 + 2 * 13
    assert payloads([section]) == {ICC: bytes(data)}


def test_other_metadata_is_deflated_where_it_pays() -> None:
    profile = known(0)[:128] + b"vcgt" * 100 + known(2)
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 6.0.0">\n'
        b' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        b'  <rdf:Description rdf:about=""\n    xmlns:dc="http://purl.org/dc/elements/1.1/"/>\n'
        b" </rdf:RDF>\n</x:xmpmeta>\n"
    )
    given_sections = [Section(ICC, profile), Section(EXIF, bytes(300)), Section(XMP, xmp)]
    sections = pack(given_sections)
    assert [section.type for section in sections] == [PACKED] * 3
    assert [section.payload[0] for section in sections] == [0x11, 0x12, 0x13]
    assert unpacked(sections) == tuple(given_sections)
    # The dictionary knows how XMP is written.
    assert len(sections[2].payload) < len(xmp) / 5 < len(zlib.compress(xmp, 9)) / 2


def test_what_would_grow_stays_as_it_is() -> None:
    noise = hashlib.sha512(b"noise").digest()
    sections = [Section(ICC, noise), Section(EXIF, b"x"), Section(0x90, bytes(500))]
    assert pack(sections) == tuple(sections)


def test_files_without_packed_metadata_are_of_version_1_1() -> None:
    assert write(make_header(), [TILE])[8:10] == b"\x01\x01"
    assert write(make_header(), [TILE], [Section(ICC, b"icc")])[8:10] == b"\x01\x01"
    data = write(make_header(), [TILE], [packed(1, 0)])
    assert data[8:10] == b"\x01\x02"
    assert read(data).version == (1, 2)
    assert write(make_header(), [TILE], read(data).extra) == data


def test_packed_metadata_in_descriptions() -> None:
    sections = [packed(1, 0), deflated(bytes(1000)), Section(EXIF, b"exif"), packed(1, 1)]
    info = describe(write(make_header(), [TILE], sections))
    assert info["metadata"] == [
        {"type": "ICC", "bytes": 3144, "stored_bytes": 8, "profile": "sRGB IEC61966-2.1"},
        {
            "type": "XMP",
            "bytes": 1000,
            "stored_bytes": len(sections[1].payload) + FRAMING,
            "profile": None,
        },
        {"type": "EXIF", "bytes": 4, "stored_bytes": 10, "profile": None},
    ]
    assert [s["type"] for s in info["sections"]][1:5] == ["PACKED", "PACKED", "EXIF", "PACKED"]


def test_the_first_of_a_kind_counts() -> None:
    sections = [packed(1, 3), packed(1, 0), Section(ICC, b"icc"), Section(XMP, b"x")]
    assert payloads(sections) == {ICC: known(3), XMP: b"x"}
    assert payloads([Section(ICC, b"icc"), packed(1, 0)]) == {ICC: b"icc"}


def test_what_comes_after_the_first_of_a_kind_is_not_looked_at() -> None:
    damaged = packed(1, 0, 5)
    for first in (Section(ICC, b"icc"), packed(1, 0)):
        sections = [first, damaged, packed(2, 0), Section(XMP, b"x")]
        assert unpacked(sections) == (*unpacked([first]), Section(XMP, b"x"))
        info = describe(write(make_header(), [TILE], sections))["metadata"]
        assert [one["type"] for one in info] == ["ICC", "XMP"]
        with pytest.raises(FormatError):
            unpacked([damaged, first])


@pytest.mark.parametrize(
    "section",
    [
        packed(0x04, 0),  # another kind
        packed(0x00, 0),
        packed(0x21, 0),  # another form
        packed(1, len(PROFILES)),  # a profile that has no number yet
        packed(2, 0),  # an EXIF that is a profile
        packed(2),
        packed(0x14, 0xFF, 0xFF, 3),  # a size, if it were of a known kind
    ],
)
def test_later_forms_are_skipped(section: Section) -> None:
    assert unpack(section) is None
    assert payloads([section, Section(XMP, b"x")]) == {XMP: b"x"}
    data = write(make_header(), [TILE], [section])
    assert describe(data)["metadata"] == []
    assert read(data, limits=DecoderLimits(unpacked=1)).extra == (section,)


@pytest.mark.parametrize(
    "section",
    [
        packed(1),
        packed(1, 0, 5),  # a change without its byte
        packed(1, 0, 5, 1, 5, 2),  # twice the same place
        packed(1, 0, 0xC8, 0x18, 1),  # behind the end: 3144
        packed(0x13),
        packed(0x13, 0),
        deflated(b"", 0),
        deflated(bytes(100), 99),
        deflated(bytes(100), 101),
        deflated(b"x" * 100, MAX_UNPACKED + 1),
        packed(0x13, 100, rest=b"\xff" * 20),
        Section(PACKED, deflated(bytes(100)).payload + b"\0"),
        Section(PACKED, deflated(bytes(100)).payload[:-1]),
    ],
)
def test_damage_is_told(section: Section) -> None:
    data = write(make_header(), [TILE], [section])
    for look in (lambda: payloads([section]), lambda: describe(data)):
        with pytest.raises(FormatError):
            look()
    assert read(data).extra == (section,)  # the pixels can be had
    assert read_head(io.BytesIO(data)).extra == (section,)


def test_a_bomb_is_not_unpacked() -> None:
    """Sections whose streams give far more than they state, and many of one kind."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(24)) + bomb.flush()
    section = packed(0x13, 0x64, rest=stream)
    honest = deflated(bytes(MAX_UNPACKED))
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            payloads([section])
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
        tracemalloc.reset_peak()
        payloads([honest] * 1000)
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_UNPACKED
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_the_limit_of_whoever_reads(kind: int) -> None:
    """It is known from the section, so nothing is unpacked, and damage is not told of first."""
    data = write(make_header(), [TILE], [deflated(b"x" * 5000, kind=kind)])
    within, beyond = DecoderLimits(unpacked=5000), DecoderLimits(unpacked=4999)
    assert payloads(read(data, limits=within).extra) == {0x80 | kind: b"x" * 5000}
    looks: list[Callable[[bytes, DecoderLimits], object]] = [
        lambda data, limits: read(data, limits=limits),
        lambda data, limits: describe(data, limits=limits),
        lambda data, limits: read_head(io.BytesIO(data), limits=limits),
        lambda data, limits: survey(data, limits=limits),
        lambda data, limits: FileReader(io.BytesIO(data), limits=limits).extra,
    ]
    for look in looks:
        look(data, within)
        with pytest.raises(InputError, match="unpacks to 5000 bytes is over the limit of 4999"):
            look(data, beyond)
    assert DecoderLimits().unpacked == MAX_UNPACKED


def test_metadata_beyond_the_limit_stays_plain() -> None:
    large = Section(EXIF, bytes(MAX_UNPACKED + 1))
    assert pack([large]) == (large,)


@settings(deadline=None, max_examples=25, derandomize=True, database=None)
@given(st.sampled_from([ICC, EXIF, XMP]), st.binary(min_size=1, max_size=400), st.integers(0, 9000))
def test_any_bytes_come_back(code: int, data: bytes, at: int) -> None:
    for content in (data, dictionary()[at : at + 700] + data):
        section = Section(code, content)
        (small,) = pack([section])
        assert len(small.payload) <= len(content)
        assert payloads([small]) == {code: content}


@settings(deadline=None, max_examples=100, derandomize=True, database=None)
@given(st.binary(min_size=1, max_size=60))
def test_no_bytes_do_more_than_fail(data: bytes) -> None:
    for first in (data[:1], b"\x01", b"\x11"):
        try:
            unpack(Section(PACKED, first + data[1:]))
        except FormatError as error:
            assert "\n" not in str(error)
