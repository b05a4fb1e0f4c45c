"""What a file may ask for, and what is refused before anything is decoded."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from pathlib import Path

import pytest

from lcodec import container
from lcodec.container import Alpha, Header, Section, TilePayload
from lcodec.container.header import encode_header
from lcodec.errors import FormatError, InputError, UnsupportedError, UsageError
from lcodec.format import ENTROPY_MODELS, ModelKind
from lcodec.limits import (
    UNDECODED,
    DecoderLimits,
    chosen,
    decoding_memory,
    decoding_work,
    padded_positions,
)
from tests.container.samples import EXTRA, PREAMBLE, TILE, example, frame, make_header, with_alpha


def head_only(header: Header) -> bytes:
    """A file that breaks off behind its header."""
    return PREAMBLE + frame(0x01, encode_header(header), PREAMBLE)


def test_a_line_in_the_table_is_all_that_a_new_entropy_model_needs_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UnsupportedError):
        make_header(entropy_model="nova")
    monkeypatch.setitem(ENTROPY_MODELS, "nova", ModelKind("of tomorrow", 10**9))
    header = make_header(entropy_model="nova")
    assert container.header_info(header)["entropy_model_name"] == "of tomorrow"
    assert decoding_work(header) > decoding_work(make_header(entropy_model="serl"))
    DecoderLimits().check(header)


@pytest.mark.parametrize(
    ("width", "height", "edge", "positions"),
    [(1, 1, 64, 16), (65, 1, 64, 32), (1024, 1024, 1024, 4096), (1025, 1030, 1024, 4624)],
)
def test_positions_are_counted_with_their_padding(
    width: int, height: int, edge: int, positions: int
) -> None:
    header = make_header(width=width, height=height, tile_edge=edge)
    assert padded_positions(header) == positions


@pytest.mark.parametrize("model", ENTROPY_MODELS)
@pytest.mark.parametrize("edge", [512, 1024, 2048])
def test_ordinary_pictures_up_to_the_limit_of_pixels_are_allowed(model: str, edge: int) -> None:
    sides = [(1 << 14, 1 << 14), (1 << 16, 1 << 12), (1 << 10, 1 << 18), (16383, 16385 - 1)]
    for width, height in [*sides, (1, 1), (1, 60_000), (100_000, 3), (4001, 3001)]:
        header = make_header(
            width=width,
            height=height,
            entropy_model=model,
            tile_edge=edge,
            bit_depth=16,
            alpha=Alpha.PLANE,
        )
        DecoderLimits().check(header)


@pytest.mark.parametrize(
    ("width", "height", "edge", "words"),
    [
        (1 << 28, 1, 1024, "tiles"),
        (1 << 28, 1, 16384 // 8, "tiles"),
        (1, 1 << 20, 1024, "too thin"),
        (1 << 17, 1, 64, "too small"),
        (1 << 14, (1 << 14) + 1, 1024, "268435456 pixels"),
        ((1 << 14) + 1, (1 << 14) - 1, 64, "65792 tiles"),
    ],
)
def test_what_costs_more_than_its_pixels_is_refused(
    width: int, height: int, edge: int, words: str
) -> None:
    data = head_only(make_header(width=width, height=height, tile_edge=edge))
    for read in (container.read, container.describe):
        with pytest.raises(InputError, match=words):
            read(data)
    with pytest.raises(InputError, match=words):
        container.read_head(io.BytesIO(data))
    with pytest.raises(InputError, match=words):
        container.load(io.BytesIO(data))


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"pixels": 59_999}, "59999 pixels"),
        ({"positions": 319}, "320 latent positions"),
        ({"tiles": 1}, None),
        ({"memory": 1 << 20}, "MB of memory"),
        ({"work": 10**9}, "operations"),
        ({"sections": 1}, None),
        ({"metadata": 2}, None),
        ({"metadata": 1}, "more metadata"),
    ],
)
def test_each_limit_counts(limit: dict[str, int], words: str | None) -> None:
    limits = DecoderLimits(**limit)
    if words is None:
        assert container.read(example(), limits=limits).extra == (EXTRA,)
        return
    for read in (container.read, container.describe):
        with pytest.raises(InputError, match=words):
            read(example(), limits=limits)
    with pytest.raises(InputError, match=words):
        container.load(io.BytesIO(example()), limits)


def test_tiles_and_sections_have_limits() -> None:
    header = make_header(width=100, height=20, tile_edge=64)
    data = container.write(header, [TILE, TILE], [EXTRA] * 3)
    with pytest.raises(InputError, match="2 tiles"):
        container.read(data, limits=DecoderLimits(tiles=1))
    for read in (container.read, container.describe):
        with pytest.raises(InputError, match="limit of 2 ancillary sections"):
            read(data, limits=DecoderLimits(sections=2))
    with pytest.raises(InputError, match="ancillary sections"):
        container.read_head(io.BytesIO(data), limits=DecoderLimits(sections=2))
    assert len(container.read(data, limits=DecoderLimits(sections=3)).extra) == 3


def test_limits_grow_and_shrink_with_the_pixels() -> None:
    small, large = DecoderLimits.for_pixels(1 << 20), DecoderLimits.for_pixels(1 << 32)
    for name in ("positions", "memory", "work"):
        assert getattr(small, name) < getattr(DecoderLimits(), name) < getattr(large, name)
    square = make_header(width=1 << 16, height=1 << 16)
    large.check(square)
    small.check(make_header(width=1024, height=1024))
    with pytest.raises(InputError, match="too thin"):
        DecoderLimits.for_pixels(1 << 40).check(make_header(width=1 << 28, height=1))


def test_only_one_of_both_ways_to_set_them() -> None:
    assert chosen(None, None) == DecoderLimits()
    assert chosen(5, None).pixels == 5
    with pytest.raises(UsageError, match="cannot be combined"):
        chosen(5, DecoderLimits())
    with pytest.raises(UsageError, match=r"limits must be lcodec\.DecoderLimits"):
        chosen(None, 3)  # type: ignore[arg-type]
    for field in fields(DecoderLimits):
        for value in (0, 1.5, True, None, "9"):
            with pytest.raises(UsageError, match=field.name):
                DecoderLimits(**{field.name: value})  # type: ignore[arg-type]


def test_estimates_grow_with_what_is_claimed() -> None:
    plain, alpha = make_header(), make_header(alpha=Alpha.OPAQUE)
    assert decoding_memory(alpha) == decoding_memory(plain) + plain.pixels
    deep = make_header(bit_depth=16)
    assert decoding_memory(deep) == decoding_memory(plain) + 3 * plain.pixels
    works = {m: decoding_work(make_header(entropy_model=m)) for m in ENTROPY_MODELS}
    assert min(works, key=works.__getitem__) == "hypr"
    assert max(works, key=works.__getitem__) == "serl"


class Endless(io.RawIOBase):
    """A stream that begins with some bytes and goes on with zeros for ever."""

    def __init__(self, start: bytes) -> None:
        self._start = start
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        part = self._start[self.taken : self.taken + len(buffer)]
        buffer[:] = part.ljust(len(buffer), b"\0")
        self.taken += len(buffer)
        return len(buffer)


TILE_PREFIX = b"\x02\x80\x80\x80\x80\x40"  # 2^34 bytes are to come
HEAD = head_only(make_header())


@pytest.mark.parametrize(
    ("start", "error", "words"),
    [
        (b"", FormatError, "not a .lic file"),
        (PREAMBLE[:8], FormatError, "version 0.0"),
        (PREAMBLE, FormatError, "first section"),
        (HEAD, FormatError, "other data"),
        (HEAD + TILE_PREFIX, InputError, "TILE section of 17179869184 bytes"),
        (HEAD + b"\x03" + TILE_PREFIX[1:], InputError, "ALPHA section"),
        (HEAD + b"\x90" + TILE_PREFIX[1:], InputError, "more metadata"),
        (HEAD + b"\x7f" + TILE_PREFIX[1:], InputError, "0x7F section"),
        (HEAD + b"\x7f\x01\0", FormatError, "CRC"),
        (HEAD + b"\x90\x01\0", FormatError, "CRC"),
    ],
)
def test_endless_streams_are_not_read_to_their_end(
    start: bytes, error: type[Exception], words: str
) -> None:
    stream = Endless(start)
    with pytest.raises(error, match=words):
        container.read(container.load(stream))
    assert stream.taken < 1 << 18


def test_newer_sections_are_told_of_as_such() -> None:
    data = HEAD + frame(0x7F, b"new")
    with pytest.raises(UnsupportedError, match="newer version"):
        container.read(container.load(Endless(data)))


@pytest.mark.parametrize("make", [example, with_alpha])
def test_loading_is_reading_all_of_a_sound_file(make: object) -> None:
    data = make()  # type: ignore[operator]
    assert container.load(io.BytesIO(data)) == data
    assert container.load(io.BytesIO(data[5:]), start=data[:5]) == data
    for size in range(len(data)):
        cut = data[:size]
        try:
            loaded = container.load(io.BytesIO(cut))
        except FormatError:
            continue
        assert loaded == cut


def test_loading_follows_a_stream_of_small_pieces() -> None:
    tile = TilePayload(1, bytes(400), bytes(200_000))
    data = container.write(make_header(), [tile], [Section(0x90, bytes(70_000))])

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 1000))

    assert container.load(Slow(data)) == data
    assert container.load(Slow(data + b"more"))[: len(data)] == data


def test_nothing_is_too_large_to_be_described(tmp_path: Path) -> None:
    header = make_header(width=1 << 20, height=1)
    data = container.write(header, [TILE] * header.tile_count)
    assert container.describe(data, limits=UNDECODED)["header"]["width"] == 1 << 20
    with pytest.raises(InputError, match="ancillary"):
        container.describe(container.write(make_header(), [TILE], [EXTRA] * 2000), limits=UNDECODED)
    assert replace(UNDECODED, sections=1).sections == 1


def test_bytes_are_needed() -> None:
    for value in ("a.lic", None, [1, 2]):
        with pytest.raises(UsageError, match=r"bytes of a \.lic file"):
            container.describe(value)  # type: ignore[arg-type]
