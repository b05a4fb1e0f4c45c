"""Tiles with lossless layers: their bytes, their version, and what is left of damaged ones."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace

import pytest

from lcodec.container import (
    FileReader,
    LicFile,
    Section,
    TilePayload,
    describe,
    pack,
    payloads,
    read,
    survey,
    write,
    write_to,
)
from lcodec.container.pieces import CutTile
from lcodec.container.remains import FoundTile
from lcodec.errors import FormatError, UsageError

from .samples import (
    END,
    EXTRA,
    HEAD_PAYLOAD,
    LAYERED,
    MIXED_FRAME,
    MIXED_PAYLOAD,
    PREAMBLE,
    TILE,
    WHOLE_LAYER,
    build,
    frame,
    layer,
    make_header,
    mixed,
)

TILES = read(mixed()).tiles
PLACES = [
    (section["offset"], section["offset"] + section["size"])
    for section in describe(mixed())["sections"]
    if section["type"] in ("TILE", "MIXED")
]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0x11,)) + data[at + 1 :]


def found(data: bytes) -> dict[int | None, TilePayload]:
    return {tile.number: tile.payload for tile in survey(data).tiles}


def but(*lost: int) -> dict[int, TilePayload]:
    """The tiles by number, except these."""
    return {number: tile for number, tile in enumerate(TILES) if number not in lost}


def test_bytes_are_those_of_the_format() -> None:
    tile = replace(TILE, layer=WHOLE_LAYER)
    data = write(make_header(), [tile])
    preamble = PREAMBLE[:9] + b"\x03"
    head = frame(1, HEAD_PAYLOAD, preamble)
    assert data == preamble + head + MIXED_FRAME + END
    assert read(build(MIXED_FRAME, END)) == LicFile(make_header(), (tile,), (), (1, 1))
    assert zlib.crc32(MIXED_FRAME[:-4]) == int.from_bytes(MIXED_FRAME[-4:], "little")


def test_sections_are_mixed_only_where_there_is_a_layer() -> None:
    info = describe(mixed())
    assert [s["type"] for s in info["sections"]] == [
        *("HEAD", "0x90"),
        *("TILE", "MIXED", "TILE", "MIXED"),
        "END",
    ]
    assert [tile["layer_bytes"] for tile in info["tiles"]] == [0, 7, 0, 5]
    assert (info["version"], info["layer_bytes"], info["stream_bytes"]) == ("1.3", 12, 28)
    # Each layer costs the field of its length, too.
    plain = write(
        read(mixed()).header, [replace(tile, layer=b"") for tile in TILES], read(mixed()).extra
    )
    assert len(mixed()) == len(plain) + 12 + 2
    assert info["overhead_bytes"] == describe(plain)["overhead_bytes"] + 2


def test_the_version_is_the_earliest_that_has_everything() -> None:
    packed = pack([Section(0x83, b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + bytes(100))])
    assert read(write(make_header(), [TILE])).version == (1, 1)
    assert read(write(make_header(), [TILE], packed)).version == (1, 2)
    tile = replace(TILE, layer=WHOLE_LAYER)
    for extra in ((), (EXTRA,), packed):
        assert read(write(make_header(), [tile], extra)).version == (1, 3)


def test_layers_must_be_announced_to_a_writer_of_streams() -> None:
    header, out = read(mixed()).header, io.BytesIO()
    assert write_to(out, header, iter(TILES), [EXTRA], layered=True) == len(mixed())
    assert out.getvalue() == mixed()
    with pytest.raises(UsageError, match="a lossless layer, which was not announced"):
        write_to(io.BytesIO(), header, iter(TILES), [EXTRA])
    # It cannot know that none will come.
    out = io.BytesIO()
    write_to(out, make_header(), [TILE], layered=True)
    assert read(out.getvalue()) == LicFile(make_header(), (TILE,), (), (1, 3))


def test_tiles_of_any_iterable_are_written() -> None:
    assert write(read(mixed()).header, iter(TILES), iter([EXTRA])) == mixed()


@pytest.mark.parametrize("size", [5, 127, 128, 16383, 16384, 70000])
def test_layers_of_any_length(size: int) -> None:
    tile = replace(LAYERED, layer=layer(300, 200, bytes(size - 5)))
    data = write(make_header(), [tile])
    assert read(data).tiles == (tile,)
    assert FileReader(io.BytesIO(data)).tile(0) == tile
    assert survey(data).tiles == [FoundTile(0, tile)]


def test_what_was_read_does_not_depend_on_the_buffer() -> None:
    data = bytearray(mixed())
    contents = read(data)
    data[:] = bytes(len(data))
    data.clear()  # would raise BufferError if a view of it were still held
    assert contents.tiles == TILES


def test_reading_tiles_one_by_one() -> None:
    reader = FileReader(io.BytesIO(mixed()))
    assert [reader.tile(number) for number in (3, 0, 2, 1)] == [TILES[n] for n in (3, 0, 2, 1)]
    assert payloads(reader.extra) == {EXTRA.type: EXTRA.payload}
    assert reader.version == (1, 3)


def test_damage_is_noticed_in_the_tile_that_is_read() -> None:
    start, end = PLACES[1]
    for at in range(start + 2, end):  # not type and length
        reader = FileReader(io.BytesIO(flipped(mixed(), at)))
        assert reader.tile(3) == TILES[3]
        with pytest.raises(FormatError, match="wrong CRC in MIXED"):
            reader.tile(1)


def with_layer(data: bytes, number: int = 1) -> bytes:
    """The file `mixed` with this layer in one of its tiles."""
    tiles = [replace(t, layer=data) if n == number else t for n, t in enumerate(TILES)]
    return write(read(mixed()).header, tiles, [EXTRA])


@pytest.mark.parametrize("number", range(4))
def test_layers_are_of_the_size_of_their_tile(number: int) -> None:
    """Smaller at the right and lower edges."""
    sizes = [(64, 64), (36, 64), (64, 36), (36, 36)]
    for size in sizes:
        data = with_layer(layer(*size, b"rest"), number)
        if size == sizes[number]:
            tile = replace(TILES[number], layer=layer(*size, b"rest"))
            assert read(data).tiles[number] == tile
            assert FileReader(io.BytesIO(data)).tile(number) == tile
            continue
        stated, own = (f"{width} x {height}" for width, height in (size, sizes[number]))
        for reading in (read, describe, lambda data: FileReader(io.BytesIO(data)).tile(number)):
            with pytest.raises(FormatError, match=f"{stated} pixels in a tile of {own}$"):
                reading(data)


BAD_LAYERS = {
    "one column more": (layer(37, 64, b"rest"), "37 x 64 pixels in a tile of 36 x 64"),
    "one column less": (layer(35, 64, b"rest"), "35 x 64 pixels in a tile of 36 x 64"),
    "one row more": (layer(36, 65, b"rest"), "36 x 65 pixels in a tile of 36 x 64"),
    "one row less": (layer(36, 63, b"rest"), "36 x 63 pixels in a tile of 36 x 64"),
    "of the picture": (layer(100, 100, b"rest"), "100 x 100 pixels in"),
    "largest": (layer(1 << 14, 1 << 14, b"rest"), "16384 x 16384 pixels in"),
    "zeros": (b"\x2f" + bytes(20), "1 x 1 pixels in"),
    "wrong signature": (layer(36, 64, b"rest", signature=0x2E), "not a VP8L bitstream"),
    "a WebP file": (b"RIFF\x12\0\0\0WEBPVP8L" + layer(36, 64), "not a VP8L bitstream"),
    "only the signature": (layer(36, 64)[:1], "not a VP8L bitstream"),
    "one byte too short": (layer(36, 64)[:4], "not a VP8L bitstream"),
}


@pytest.mark.parametrize("name", BAD_LAYERS)
def test_layers_with_a_bad_header_are_refused_while_reading(name: str) -> None:
    bad, message = BAD_LAYERS[name]
    data = with_layer(bad)
    for reading in (read, describe):
        with pytest.raises(FormatError, match=message) as caught:
            reading(data)
        assert "lossless layer" in str(caught.value) and "\n" not in str(caught.value)
    # One by one, the other tiles can be had.
    reader = FileReader(io.BytesIO(data))
    assert [reader.tile(number) for number in (0, 2, 3)] == [TILES[n] for n in (0, 2, 3)]
    with pytest.raises(FormatError, match=message):
        reader.tile(1)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_16_bits_have_no_layers(channels: int) -> None:
    tile = replace(TILE, layer=WHOLE_LAYER)
    sound = write(make_header(channels=channels), [tile])
    assert read(sound).tiles == (FileReader(io.BytesIO(sound)).tile(0),) == (tile,)
    data = write(make_header(channels=channels, bit_depth=16), [tile])
    for reading in (read, describe, lambda data: FileReader(io.BytesIO(data)).tile(0)):
        with pytest.raises(FormatError, match="a lossless layer in a picture of 16 bits"):
            reading(data)
    assert survey(data).tiles == [FoundTile(0, tile)] and not survey(data).faults


def test_tiles_too_many_or_too_few_for_reading_one_by_one() -> None:
    with pytest.raises(FormatError, match="more tiles than the 1"):
        FileReader(io.BytesIO(build(MIXED_FRAME, MIXED_FRAME, END)))
    start, end = PLACES[1]
    with pytest.raises(FormatError, match="3 tiles, but the picture has 4"):
        FileReader(io.BytesIO(mixed()[:start] + mixed()[end:]))


def test_a_survey_of_a_sound_file() -> None:
    whole = survey(mixed())
    assert (found(mixed()), whole.faults, whole.lost, whole.cut) == (but(), [], [], None)


@pytest.mark.parametrize("lost", range(4))
def test_damage_inside_a_tile(lost: int) -> None:
    start, end = PLACES[lost]
    for at in range(start + 2, end):
        damaged = flipped(mixed(), at)
        assert found(damaged) == but(lost)
        assert survey(damaged).lost == [lost] and survey(damaged).faults


@pytest.mark.parametrize("lost", range(4))
def test_damage_to_the_framing(lost: int) -> None:
    """What follows is found by what it looks like, MIXED sections as well as others."""
    start, _ = PLACES[lost]
    for at, value in ((start, 0x07), (start + 1, 0x7F), (start + 1, 0x03)):
        damaged = mixed()[:at] + bytes((value,)) + mixed()[at + 1 :]
        assert found(damaged) == but(lost)


@pytest.mark.parametrize("lost", range(4))
def test_a_tile_cut_out(lost: int) -> None:
    start, end = PLACES[lost]
    assert found(mixed()[:start] + b"\x07junk" + mixed()[end:]) == but(lost)


def test_a_bad_tile_with_a_right_crc_is_lost() -> None:
    start, end = PLACES[1]
    for payload in (MIXED_PAYLOAD[:9] + b"\0", MIXED_PAYLOAD[:12], MIXED_PAYLOAD + b"x"):
        damaged = mixed()[:start] + frame(4, payload) + mixed()[end:]
        assert found(damaged) == but(1)
        assert len(survey(damaged).faults) == 1


@pytest.mark.parametrize("name", BAD_LAYERS)
def test_a_survey_does_not_look_into_layers(name: str) -> None:
    """Tiles with a right CRC are listed, and others keep their numbers; decoding judges layers."""
    bad, _ = BAD_LAYERS[name]
    data, tile = with_layer(bad), replace(TILES[1], layer=bad)
    whole = survey(data)
    assert found(data) == but(1) | {1: tile}
    assert (whole.faults, whole.lost, whole.cut) == ([], [], None)
    # The second tile without its CRC.
    end = PLACES[1][1] + len(bad) - len(TILES[1].layer)
    assert survey(data[: end - 4]).cut == CutTile(1, tile, complete=True, in_layer=False)


def test_the_same_tile_twice() -> None:
    start, end = PLACES[1]
    twice = survey(mixed()[:end] + mixed()[start:end] + mixed()[end:])
    assert twice.faults == ["the same tile again"] and twice.lost == []
    # With another layer it is another.
    other = frame(4, MIXED_PAYLOAD)
    assert len(survey(mixed()[:end] + other + mixed()[end:]).tiles) == 4


@pytest.mark.parametrize("number", [1, 3])
def test_a_tile_that_is_cut_off(number: int) -> None:
    """Known once its hyper stream is complete; the layer and the latents by and by."""
    start, end = PLACES[number]
    tile = TILES[number]
    layer = start + 2 + 4 + 1 + len(tile.hyper) + bool(tile.layer)
    ready = layer + len(tile.layer)
    assert ready + len(tile.latent) == end - 4
    for size in range(start, end):
        left = survey(mixed()[:size])
        assert {t.number: t.payload for t in left.tiles} == but(*range(number, 4))
        if size < layer:
            assert left.cut is None
            continue
        arrived = max(0, min(size - ready, len(tile.latent))) // 4 * 4
        there = tile.layer[: size - layer]
        payload = replace(tile, latent=tile.latent[:arrived], layer=there)
        assert left.cut == CutTile(number, payload, size >= end - 4, size < ready)


def test_ancillary_sections_around_a_tile() -> None:
    contents = read(build(frame(0x82, b"exif"), MIXED_FRAME, frame(0xA0, b"x"), END))
    assert contents.tiles == (replace(TILE, layer=WHOLE_LAYER),)
    assert [section.type for section in contents.extra] == [0x82, 0xA0]
