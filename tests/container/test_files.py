"""Writing, reading and describing whole files; the worked example of docs/FORMAT.md."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcodec.container import (
    PACKED,
    Alpha,
    Header,
    LicFile,
    Section,
    TilePayload,
    describe,
    read,
    sections,
    write,
    write_to,
)
from lcodec.errors import InputError, UsageError

from .samples import (
    EXTRA,
    HEAD_PAYLOAD,
    PREAMBLE,
    TILE,
    TILE_FRAME,
    document_hex,
    document_table,
    example,
    frame,
    layer,
    make_header,
    small,
    with_alpha,
)

words = st.binary(max_size=10).map(lambda data: data * 4)
# PACKED sections have tests of their own.
kinds = st.integers(128, 255).filter(lambda code: code != PACKED)
extras = st.builds(Section, type=kinds, payload=st.binary(min_size=1, max_size=300))


def tile_payloads(header: Header, number: int) -> st.SearchStrategy[TilePayload]:
    left, top, right, bottom = header.tile_box(number)
    head = layer(right - left, bottom - top)
    return st.builds(
        TilePayload,
        checksum=st.integers(0, 2**32 - 1),
        hyper=words,
        latent=words,
        layer=st.just(b"") | st.binary(max_size=200).map(lambda rest: head + rest),
    )


def test_worked_example() -> None:
    data = document_hex()
    assert data == example()
    assert read(data) == LicFile(make_header(), (TILE,), (EXTRA,), (1, 1))
    table = document_table()
    assert b"".join(part for _, part in table) == data
    position = 0
    for offset, part in table:
        assert offset == position
        position += len(part)


@settings(derandomize=True, database=None)
@given(st.data(), st.integers(1, 3), st.integers(1, 3), st.lists(extras, max_size=4))
def test_round_trip(data: st.DataObject, columns: int, rows: int, extra: list[Section]) -> None:
    header = make_header(width=64 * columns, height=64 * rows - 1, tile_edge=64)
    tiles = [data.draw(tile_payloads(header, number)) for number in range(columns * rows)]
    encoded = write(header, tiles, extra)
    layers = {number: tile.layer for number, tile in enumerate(tiles) if tile.layer}
    file = read(encoded)
    assert file == LicFile(header, tuple(tiles), tuple(extra), (1, 3 if layers else 1))
    assert file.layers == layers
    described = describe(encoded)
    streams = sum(len(tile.hyper) + len(tile.latent) for tile in tiles)
    assert described["stream_bytes"] == streams
    assert described["layer_bytes"] == sum(map(len, layers.values()))
    assert [tile["layer_bytes"] for tile in described["tiles"]] == [len(t.layer) for t in tiles]
    parts = ("stream_bytes", "layer_bytes", "alpha_bytes", "metadata_bytes", "overhead_bytes")
    assert sum(described[part] for part in parts) == len(encoded)  # type: ignore[literal-required]
    assert sum(section["size"] for section in described["sections"]) == len(encoded) - 10


def test_alpha_and_metadata_come_back() -> None:
    contents = read(with_alpha())
    assert contents.header.alpha is Alpha.PLANE
    assert (contents.header.channels, contents.header.bit_depth) == (1, 16)
    assert contents.alpha == b"plane"
    assert [(s.name, s.payload) for s in contents.extra] == [
        ("ICC", b"icc"),
        ("EXIF", b"exif"),
        ("XMP", b"xmp"),
    ]
    assert write(contents.header, contents.tiles, contents.extra, contents.alpha) == with_alpha()
    info = describe(with_alpha())
    assert [s["type"] for s in info["sections"]][1:] == [
        "ICC",
        "EXIF",
        "XMP",
        "ALPHA",
        "TILE",
        "END",
    ]
    assert (info["header"]["alpha"], info["header"]["bit_depth"]) == ("plane", 16)
    assert info["alpha_bytes"] == 5 + 6
    assert info["metadata_bytes"] == 3 + 4 + 3 + 3 * 6
    parts = ("stream_bytes", "alpha_bytes", "metadata_bytes", "overhead_bytes")
    assert sum(info[part] for part in parts) == info["total_bytes"]  # type: ignore[literal-required]


def test_opaque_alpha_takes_no_byte() -> None:
    opaque = write(make_header(alpha=Alpha.OPAQUE), [TILE])
    assert len(opaque) == len(write(make_header(), [TILE]))
    assert read(opaque).header.alpha is Alpha.OPAQUE


@pytest.mark.parametrize(("alpha", "payload"), [("none", b"x"), ("opaque", b"x"), ("plane", None)])
def test_alpha_that_the_header_does_not_name_is_not_written(
    alpha: str, payload: bytes | None
) -> None:
    with pytest.raises(UsageError, match="alpha"):
        write(make_header(alpha=Alpha(alpha)), [TILE], (), payload)


def test_files_of_version_1_0_are_read() -> None:
    preamble = PREAMBLE[:9] + b"\0"
    data = preamble + frame(1, HEAD_PAYLOAD, preamble) + TILE_FRAME + b"\0\0"
    assert read(data) == LicFile(make_header(), (TILE,), (), (1, 0))


def test_streaming_writes_the_same_and_pulls_tiles_one_at_a_time() -> None:
    header = make_header(width=256, height=64, tile_edge=64)
    out = io.BytesIO()
    sizes = []

    def tiles() -> Iterator[TilePayload]:
        for index in range(4):
            sizes.append(out.tell())
            yield TilePayload(index, b"abcd", b"x" * 400)

    size = write_to(out, header, tiles(), [EXTRA])
    assert out.getvalue() == write(
        header, [TilePayload(i, b"abcd", b"x" * 400) for i in range(4)], [EXTRA]
    )
    assert size == len(out.getvalue())
    assert all(later - earlier > 400 for earlier, later in itertools.pairwise(sizes))


def test_unseekable_output() -> None:
    class Pipe:
        data = b""

        def write(self, part: bytes, /) -> int:
            self.data += part
            return len(part)

    pipe = Pipe()
    write_to(pipe, make_header(), [TILE], [EXTRA])
    assert pipe.data == example()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_wrong_number_of_tiles_is_not_written(count: int) -> None:
    with pytest.raises(UsageError, match="tiles"):
        write(make_header(width=128, tile_edge=64, height=64), [TILE] * count)


def test_writing_stops_at_the_first_tile_too_many() -> None:
    tiles = iter([TILE] * 10)
    with pytest.raises(UsageError, match="more tiles than the 1"):
        write(make_header(), tiles)
    assert len(list(tiles)) == 8


def test_section_too_long_to_read_back_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    # The real limit is 2^40 bytes.
    monkeypatch.setattr(sections, "MAX_LENGTH", 16)
    with pytest.raises(UsageError, match="TILE section of 17 bytes is too long"):
        write(make_header(), [TILE])


@pytest.mark.parametrize("code", [-1, 0, 2, 0x7F, 256])
def test_only_ancillary_sections_can_be_added(code: int) -> None:
    with pytest.raises(UsageError, match="not ancillary"):
        Section(code, b"x")


def test_empty_ancillary_section_is_refused() -> None:
    with pytest.raises(UsageError, match="0 bytes"):
        Section(0x90, b"")


@pytest.mark.parametrize(
    ("checksum", "hyper", "latent"),
    [(-1, b"", b""), (1 << 32, b"", b""), (0, b"abc", b""), (0, b"", b"abcde")],
)
def test_bad_tile_is_refused(checksum: int, hyper: bytes, latent: bytes) -> None:
    with pytest.raises(UsageError):
        TilePayload(checksum, hyper, latent)


def test_buffers_of_other_kinds() -> None:
    data = example()
    expected = read(data)
    assert read(bytearray(data)) == expected
    assert read(memoryview(data)) == expected
    assert read(memoryview(bytes(reversed(data)))[::-1]) == expected


def test_what_was_read_does_not_depend_on_the_buffer() -> None:
    data = bytearray(example())
    contents = read(data)
    data[:] = bytes(len(data))
    data.clear()  # would raise BufferError if a view of it were still held
    assert contents == read(example())


@pytest.mark.parametrize(("hyper", "latent"), [(0, 0), (400, 30000), (16380, 2_000_000)])
def test_overhead_of_a_plain_picture_is_at_most_48_bytes(hyper: int, latent: int) -> None:
    tile = TilePayload(1, bytes(hyper), bytes(latent))
    data = write(make_header(width=768, height=512), [tile])
    assert len(data) - hyper - latent <= 48
    assert describe(data)["overhead_bytes"] == len(data) - hyper - latent


def test_describe() -> None:
    info = describe(example())
    assert json.loads(json.dumps(info)) == info
    assert (info["version"], info["layer_bytes"], info["tiles"][0]["layer_bytes"]) == ("1.1", 0, 0)
    assert info["header"] == {
        "width": 300,
        "height": 200,
        "channels": 3,
        "bit_depth": 8,
        "alpha": "none",
        "quality": 50,
        "tile_edge": 1024,
        "tiles_x": 1,
        "tiles_y": 1,
        "profile": 1,
        "entropy_model": "gmix",
        "entropy_model_name": "GroupedMixer",
        "model_id": "0a1b2c3d",
    }
    rows = [
        (s["type"], s["offset"], s["size"], s["payload_size"], s["crc"], s["crc_ok"])
        for s in info["sections"]
    ]
    assert rows == [
        ("HEAD", 10, 22, 16, "b61baf9d", True),
        ("0x90", 32, 8, 2, "06cad285", True),
        ("TILE", 40, 23, 17, "44e7f07e", True),
        ("END", 63, 2, 0, None, None),
    ]
    totals = (info["total_bytes"], info["stream_bytes"], info["metadata_bytes"])
    assert totals == (65, 12, 8)
    assert info["overhead_bytes"] == 45
    assert info["bpp"] == 65 * 8 / 60000


def test_describe_places_tiles() -> None:
    first, second = describe(small())["tiles"]
    assert (first["left"], first["width"], first["hyper_bytes"]) == (0, 64, 4)
    assert (second["left"], second["width"], second["height"]) == (64, 36, 20)
    assert (second["checksum"], second["latent_bytes"]) == ("ffffffff", 8)


def test_describe_refuses_what_read_refuses() -> None:
    with pytest.raises(InputError):
        describe(example(), max_pixels=1)
