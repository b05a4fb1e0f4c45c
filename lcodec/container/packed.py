"""Compact metadata: the PACKED section (docs/FORMAT.md, "PACKED"; docs/metadata.md says why).

`metadata_v1.bin` is part of the file format and never changes. It begins with the numbered
profiles, and the whole of it is the preset dictionary for deflate.
"""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from lcodec.container.sections import EXIF, ICC, PACKED, XMP, Section
from lcodec.container.varint import Cursor, encode_uvarint
from lcodec.errors import FormatError
from lcodec.limits import Ancillary, DecoderLimits

FILE_NAME: Final = "metadata_v1.bin"
SHA256: Final = "9faad0dd0a687fc5e9b62d449698124d79d6a030d426924b4aa2da3972845910"
MAX_UNPACKED: Final = 1 << 24
"""Most bytes that one section unpacks to, a rule of the format; larger sections are not packed.

`DecoderLimits.unpacked` is the limit of whoever reads.
"""

_KINDS: Final = {1: ICC, 2: EXIF, 3: XMP}
_CODES: Final = {code: kind for kind, code in _KINDS.items()}
_KNOWN, _DEFLATED = 0, 1
_MOST_CHANGES: Final = 24


@dataclass(frozen=True)
class Profile:
    """A numbered profile, and its place in the file."""

    name: str
    offset: int
    size: int


PROFILES: Final = (
    Profile("sRGB IEC61966-2.1", 0, 3144),
    Profile("GIMP built-in sRGB", 3144, 672),
    Profile("Little CMS sRGB built-in", 3816, 588),
    Profile("compact sRGB", 4404, 480),
    Profile("compact Display P3", 4884, 480),
    Profile("compatible with Adobe RGB (1998)", 5364, 580),
)


@dataclass(frozen=True)
class Unpacked:
    """What a PACKED section stands for.

    Attributes:
        section: the plain section.
        profile: name of the known profile it was made of; None if it was deflated.
    """

    section: Section
    profile: str | None = None


def pack(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The same sections, with ICC, EXIF and XMP as PACKED ones where that is smaller."""
    return tuple(_smallest(section) for section in sections)


def unpack(section: Section) -> Unpacked | None:
    """What a PACKED section stands for; None if its form is of a later version.

    Takes memory for `MAX_UNPACKED` bytes at most, whatever the section says; `check_unpacked` is
    for less.

    Raises:
        FormatError: damaged.
    """
    cursor = Cursor(memoryview(section.payload))
    form = cursor.u8("form of packed metadata")
    code = _KINDS.get(form & 15)
    if code is None:
        return None
    if form >> 4 == _KNOWN:
        if code != ICC:
            return None
        number = cursor.u8("number of a known profile")
        if number >= len(PROFILES):
            return None
        return Unpacked(Section(code, _changed(number, cursor)), PROFILES[number].name)
    if form >> 4 == _DEFLATED:
        return Unpacked(Section(code, _inflated(cursor)))
    return None


def check_unpacked(code: int, payload: bytes | memoryview, limits: DecoderLimits) -> None:
    """Refuse a section of type ``code`` that says it unpacks to more than is wanted.

    What is damaged is not noticed; `unpack` takes no more than is stated here.

    Raises:
        InputError: it is beyond the limit.
    """
    if code != PACKED or kind_of(payload) is None:
        return
    cursor = Cursor(memoryview(payload))
    if cursor.u8("form of packed metadata") >> 4 != _DEFLATED:
        return  # known profiles have a few kilobytes
    with contextlib.suppress(FormatError):
        limits.check_unpacked(cursor.uvarint("size of metadata", MAX_UNPACKED))


def check_extra(extra: Iterable[Section], limits: DecoderLimits) -> None:
    """Refuse the ancillary sections of a file; raises InputError if they are beyond a limit."""
    count = Ancillary(limits)
    for section in extra:
        count.add(len(section.payload))
        check_unpacked(section.type, section.payload, limits)


def unpacked(extra: Iterable[Section]) -> tuple[Section, ...]:
    """Ancillary sections in order, the PACKED ones among them unpacked.

    A PACKED section of a kind that came before, packed or not, does not count and is left out: a
    file could have any number of them.

    Raises:
        FormatError: damaged.
    """
    out, seen = [], set()
    for section in extra:
        if section.type == PACKED:
            kind = kind_of(section.payload)
            if kind in seen:
                continue
            plain = unpack(section)
            if plain is None:
                continue
            section = plain.section
        seen.add(section.type)
        out.append(section)
    return tuple(out)


def kind_of(payload: bytes | memoryview) -> int | None:
    """The type of the plain section that a PACKED one stands for; None if that is not known."""
    return _KINDS.get(payload[0] & 15)


@cache
def dictionary() -> bytes:
    """The contents of the frozen file.

    Raises:
        FormatError: the installed file is not that of the format.
    """
    data = resources.files(__package__).joinpath(FILE_NAME).read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise FormatError(f"the installed {FILE_NAME} is damaged; install lcodec again")
    return data


def _known(number: int) -> bytes:
    profile = PROFILES[number]
    return dictionary()[profile.offset : profile.offset + profile.size]


def _changed(number: int, cursor: Cursor) -> bytes:
    """A known profile with the changes that follow."""
    data = bytearray(_known(number))
    least = 0
    while cursor.remaining:
        at = cursor.uvarint("place of a change", len(data) - 1)
        if at < least:
            raise FormatError("damaged metadata: changes out of order")
        data[at] = cursor.u8("changed byte")
        least = at + 1
    return bytes(data)


def _inflated(cursor: Cursor) -> bytes:
    size = cursor.uvarint("size of metadata", MAX_UNPACKED)
    packed = bytes(cursor.take(cursor.remaining, "packed metadata"))
    if not size:
        raise FormatError("damaged metadata: empty")
    decoder = zlib.decompressobj(-15, zdict=dictionary())
    try:
        data = decoder.decompress(packed, size)
        # The end of the stream may come after the last byte it yields.
        more = decoder.decompress(decoder.unconsumed_tail, 1) if not decoder.eof else b""
    except zlib.error as error:
        raise FormatError("damaged metadata") from error
    if len(data) != size or more or not decoder.eof or decoder.unused_data:
        raise FormatError("damaged metadata: not of the stated size")
    return data


def _smallest(section: Section) -> Section:
    kind = _CODES.get(section.type)
    if kind is None or len(section.payload) > MAX_UNPACKED:
        return section
    candidates: Sequence[bytes] = [*_as_known(section, kind), _deflated(section, kind)]
    best = min(candidates, key=len)
    return section if len(section.payload) <= len(best) else Section(PACKED, best)


def _as_known(section: Section, kind: int) -> Iterable[bytes]:
    if section.type != ICC:
        return
    for number, profile in enumerate(PROFILES):
        if profile.size != len(section.payload):
            continue
        pairs = enumerate(zip(_known(number), section.payload, strict=True))
        changes = [(at, new) for at, (old, new) in pairs if old != new]
        if len(changes) <= _MOST_CHANGES:
            listed = b"".join(encode_uvarint(at) + bytes((new,)) for at, new in changes)
            yield bytes((kind | _KNOWN << 4, number)) + listed


def _deflated(section: Section, kind: int) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, dictionary())
    stream = coder.compress(section.payload) + coder.flush()
    return bytes((kind | _DEFLATED << 4,)) + encode_uvarint(len(section.payload)) + stream
