"""Damage that knows the container: sections change and move, and their CRCs are made right again.

Bytes flipped at random rarely get past the first CRC. Here a file is taken apart into sections, as
far as it can be, something is done to one or two of them, and it is put together again.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from lcodec.container.sections import END, PREAMBLE_SIZE
from lcodec.container.varint import Cursor, encode_uvarint
from lcodec.errors import FormatError

_NUMBERS = (0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 127, 128, 255, 256, 1023, 1024, 4095, 65535, 65536)
_LARGE = ((1 << 28) - 1, 1 << 28, (1 << 31) - 1, 1 << 32, (1 << 40) - 1, 1 << 40, (1 << 63) - 1)
_CODES = (0x00, 0x01, 0x02, 0x03, 0x04, 0x7F, 0x80, 0x81, 0x82, 0x83, 0x84, 0x90, 0xFF)
_LONGEST = 1 << 16


@dataclass
class Part:
    """A section without its framing."""

    code: int
    payload: bytes


def split(data: bytes) -> tuple[bytes, list[Part]]:
    """Preamble and sections of a file, as far as it goes; what follows belongs to the last one."""
    parts: list[Part] = []
    cursor = Cursor(memoryview(data), min(PREAMBLE_SIZE, len(data)))
    try:
        while cursor.remaining:
            code = cursor.u8("type")
            length = cursor.uvarint("length", _LONGEST)
            payload = bytes(cursor.take(length, "payload"))
            parts.append(Part(code, payload))
            if length:
                cursor.u32("CRC")
    except FormatError:
        pass
    return data[:PREAMBLE_SIZE], parts


def join(preamble: bytes, parts: list[Part]) -> bytes:
    """A file of these sections, every CRC right."""
    out = preamble
    for number, part in enumerate(parts):
        framed = bytes((part.code,)) + encode_uvarint(len(part.payload)) + part.payload
        if part.payload:
            covered = out + framed if number == 0 else framed
            framed += struct.pack("<I", zlib.crc32(covered))
        out += framed
    return out


def mutated(data: bytes, random: Random, longest: int = _LONGEST) -> bytes:
    """``data`` with one to three things done to it, at most ``longest`` bytes."""
    preamble, parts = split(data)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if not parts:
            break
        random.choice(_CHANGES)(parts, random)
    if random.random() < 0.03:
        preamble = _bytes_changed(preamble, random)
    whole = join(preamble, parts)
    if random.random() < 0.03:
        whole = _bytes_changed(whole, random)
    return whole[:longest]


def _pick(parts: list[Part], random: Random) -> int:
    return random.randrange(len(parts))


def _change(parts: list[Part], random: Random) -> None:
    part = parts[_pick(parts, random)]
    part.payload = _bytes_changed(part.payload, random)


def _renumber(parts: list[Part], random: Random) -> None:
    """Put an interesting number where one may stand: sizes, counts and lengths are LEB128."""
    part = parts[_pick(parts, random)]
    at = random.randrange(len(part.payload) + 1)
    end = at
    while end < len(part.payload) and part.payload[end] & 0x80:
        end += 1
    number = random.choice(_NUMBERS if random.random() < 0.8 else _LARGE)
    part.payload = part.payload[:at] + encode_uvarint(number) + part.payload[end + 1 :]


def _drop(parts: list[Part], random: Random) -> None:
    del parts[_pick(parts, random)]


def _double(parts: list[Part], random: Random) -> None:
    part = parts[_pick(parts, random)]
    for _ in range(random.choice((1, 1, 2, 40))):
        parts.insert(_pick(parts, random), Part(part.code, part.payload))


def _swap(parts: list[Part], random: Random) -> None:
    one, other = _pick(parts, random), _pick(parts, random)
    parts[one], parts[other] = parts[other], parts[one]


def _rename(parts: list[Part], random: Random) -> None:
    parts[_pick(parts, random)].code = random.choice(_CODES)


def _insert(parts: list[Part], random: Random) -> None:
    code, size = random.choice(_CODES), random.choice((0, 1, 2, 5, 30, 300))
    payload = b"" if code == END else random.randbytes(size)
    parts.insert(random.randrange(len(parts) + 1), Part(code, payload))


def _splice(parts: list[Part], random: Random) -> None:
    """The head of one payload and the tail of another."""
    one, other = parts[_pick(parts, random)], parts[_pick(parts, random)]
    head = one.payload[: random.randrange(len(one.payload) + 1)]
    one.payload = head + other.payload[random.randrange(len(other.payload) + 1) :]


_CHANGES: tuple[Callable[[list[Part], Random], None], ...] = (
    *(_change,) * 5,
    *(_renumber,) * 3,
    _drop,
    _double,
    _swap,
    _rename,
    _insert,
    _splice,
)


def _bytes_changed(data: bytes, random: Random) -> bytes:
    """Bits, bytes and runs changed, words lost or added."""
    if not data:
        return random.randbytes(random.choice((1, 4, 16)))
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        at = random.randrange(len(out) + 1)
        match random.randrange(6):
            case 0 if at < len(out):
                out[at] ^= 1 << random.randrange(8)
            case 1 if at < len(out):
                out[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
            case 2:
                del out[at : at + random.choice((1, 4, 4, 8, 64))]
            case 3:
                out[at:at] = random.randbytes(random.choice((1, 4, 4, 8, 64)))
            case 4:
                size = random.choice((1, 2, 4, 8, 32))
                out[at : at + size] = bytes((random.choice((0, 0xFF)),)) * size
            case _:
                size = random.choice((2, 4, 8))
                number = random.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
                order = random.choice(("little", "big"))
                cut = number & ((1 << 8 * size) - 1)
                out[at : at + size] = cut.to_bytes(size, order)  # type: ignore[arg-type]
    return bytes(out)
