"""Sections in which a single bit is wrong."""

from __future__ import annotations

import random
import zlib

import pytest

from lcodec import container
from lcodec.container import pieces
from lcodec.container.mending import mended, wrong_bit
from lcodec.container.sections import Frame
from tests.container.samples import mixed, small, with_alpha


def framed(size: int) -> bytes:
    """A section of ``size`` bytes and its CRC."""
    content = random.Random(size).randbytes(size)
    return content + zlib.crc32(content).to_bytes(4, "little")


def flipped(data: bytes, *bits: int) -> bytes:
    out = bytearray(data)
    for bit in bits:
        out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 63, 64, 65, 200, 100_000])
def test_every_bit_is_found(size: int) -> None:
    section = framed(size)
    assert wrong_bit(memoryview(section)) is None and mended(memoryview(section)) is None
    total = 8 * len(section)
    some = [0, 7, total - 33, total - 32, total - 1, *random.Random(1).sample(range(total), 20)]
    for bit in range(total) if size <= 65 else some:
        damaged = memoryview(flipped(section, bit))
        assert wrong_bit(damaged) == bit
        assert mended(damaged) == section


def test_other_damage_is_none() -> None:
    section, chance = framed(3000), random.Random(2)
    for count in (2, 3, 8, 1000):
        for _ in range(20):
            bits = chance.sample(range(8 * len(section)), count)
            assert wrong_bit(memoryview(flipped(section, *bits))) is None
    assert wrong_bit(memoryview(bytes(100) + b"\x01\x02\x03\x04")) is None


@pytest.mark.parametrize("whole", [small(), with_alpha(), mixed()], ids=["small", "alpha", "mixed"])
def test_a_survey_puts_it_right(whole: bytes) -> None:
    """Of all bits but those of the header, of lengths, which lead astray, and of the end."""
    sound = container.survey(whole)
    sections = container.describe(whole)["sections"][1:-1]
    for section in sections:
        start, size = section["offset"], section["size"]
        for bit in range(8 * start, 8 * (start + size)):
            found = container.survey(flipped(whole, bit))
            assert found.faults
            if start + 1 <= bit // 8 < start + size - 4 - section["payload_size"]:
                continue
            where = f"{section['type']} section at byte {start}"
            assert found.faults == [f"damaged: {where}, in one bit, which was put right"]
            assert (found.tiles, found.alpha) == (sound.tiles, sound.alpha)
            assert (found.extra, found.cut) == (sound.extra, sound.cut)


def test_the_search_for_wrong_bits_takes_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file of damaged sections, each of which says that it takes up the rest."""
    searched = []
    real = pieces._mended

    def counted(view: memoryview, stated: Frame) -> pieces.Piece | None:
        searched.append(max(stated.size, 1024))
        return real(view, stated)

    monkeypatch.setattr(pieces, "_mended", counted)
    head, sound = small()[:32], small()[32:-2]
    hostile = head + (b"\x02\x05" + bytes(9) + sound) * 2000
    assert len(container.survey(hostile).faults) > 500
    assert len(searched) > 100 and sum(searched) < 17 * len(hostile) + (1 << 17)
