"""Limits of readers that take parts of a file, or what is left of it."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from lcodec import container
from lcodec.container import FileReader
from lcodec.errors import FormatError, InputError
from lcodec.limits import DecoderLimits, decoding_memory
from tests.container.samples import EXTRA, TILE, TILE_FRAME, build, example, make_header
from tests.limits.test_limits import HEAD, TILE_PREFIX, Endless

FEW = {
    "sections": (DecoderLimits(sections=1), "limit of 1 ancillary sections"),
    "metadata": (DecoderLimits(metadata=3), "more metadata"),
    "tiles": (DecoderLimits(tiles=1), "2 tiles"),
}


@pytest.mark.parametrize("limit", FEW)
def test_each_limit_of_the_file_counts(limit: str) -> None:
    data = container.write(make_header(width=100, height=20, tile_edge=64), [TILE] * 2, [EXTRA] * 2)
    limits, words = FEW[limit]
    with pytest.raises(InputError, match=words):
        FileReader(io.BytesIO(data), limits=limits.for_parts())
    with pytest.raises(InputError, match=words):
        container.survey(data, limits=limits)


def test_the_picture_of_parts_may_be_of_any_size() -> None:
    data = container.write(make_header(width=1 << 20, height=1, tile_edge=1024), [TILE] * 1024)
    limits = DecoderLimits.for_pixels(100)
    for read in (container.read, container.survey):
        with pytest.raises(InputError, match="limit of 100 pixels"):
            read(data, limits=limits)
    with pytest.raises(InputError, match="limit of 100 pixels"):
        FileReader(io.BytesIO(data), limits=limits)
    assert FileReader(io.BytesIO(data), limits=limits.for_parts()).header.width == 1 << 20


def test_sections_that_only_claim_to_be_long_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "hole.lic"
    path.write_bytes(HEAD + TILE_PREFIX)
    os.truncate(path, 1 << 35)
    with path.open("rb") as stream, pytest.raises(InputError, match="TILE section of 17179869184"):
        FileReader(stream)


def test_a_tile_too_many_is_noticed_at_once() -> None:
    with pytest.raises(FormatError, match="more tiles than the 1"):
        FileReader(io.BytesIO(HEAD + TILE_FRAME * 2))


def test_damaged_files_are_read_as_far_as_they_can_go() -> None:
    damaged = bytearray(example())
    damaged[len(HEAD) + 8] ^= 1
    assert container.load_damaged(io.BytesIO(damaged)) == damaged
    # No more is read than a file with this header can have.
    stream = Endless(HEAD)
    limits = DecoderLimits(metadata=1 << 16, sections=16)
    assert stream.taken <= len(container.load_damaged(stream, limits)) + (1 << 16)
    assert stream.taken < 6 << 20
    with pytest.raises(FormatError, match="not a"):
        container.load_damaged(Endless(b""))


def test_parts_have_the_limits_of_pictures() -> None:
    limits = DecoderLimits(pixels=1000)
    tiles = make_header(width=2048, height=1024)
    limits.check_part(tiles, 1000)
    with pytest.raises(InputError, match="a part of 1001 pixels"):
        limits.check_part(tiles, 1001)
    with pytest.raises(InputError, match="MB of memory"):
        DecoderLimits(memory=1 << 20).check_part(tiles, 1)
    with pytest.raises(InputError, match="operations"):
        DecoderLimits(work=1 << 20).check_part(tiles, 1)
    # A preview of a picture that is too large as a whole.
    large = make_header(width=1 << 15, height=1 << 15)
    with pytest.raises(InputError, match="MB of memory"):
        DecoderLimits().check_part(large, 1, 1)
    DecoderLimits().check_part(large, 1 << 22, 16)
    assert decoding_memory(large, 16) < decoding_memory(large, 2) < decoding_memory(large)


def test_strips_have_the_limits_of_a_row_of_tiles() -> None:
    header = make_header(width=1 << 16, height=1 << 20, tile_edge=1024)
    with pytest.raises(InputError, match="over the limit"):
        DecoderLimits().check(header)
    DecoderLimits().check_strip(header)
    with pytest.raises(InputError, match="a strip of 67108864 pixels"):
        DecoderLimits.for_pixels(1 << 25).check_strip(header)
    thin = make_header(width=1, height=1 << 20, tile_edge=64)
    DecoderLimits().check_strip(thin)


def test_whole_files_from_readers_have_the_limits() -> None:
    from lcodec.library.forms import as_file

    reader = FileReader(io.BytesIO(example()), limits=DecoderLimits().for_parts())
    assert as_file(reader).tiles == (TILE,)
    with pytest.raises(InputError, match="59999 pixels"):
        as_file(reader, DecoderLimits(pixels=59_999))


def test_a_long_header_is_damage() -> None:
    with pytest.raises(FormatError):
        FileReader(io.BytesIO(build(head=bytes(120))))
