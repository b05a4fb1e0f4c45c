"""Files with lossless layers that leave out what is well below: whole, in parts, and damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lcodec
from lcodec import container
from lcodec.coding.layer import Layer
from lcodec.errors import FormatError
from lcodec.library.codec import Codec
from lcodec.library.repack import repack
from lcodec.picture import Samples
from lcodec.pipeline.layers import Splitter
from lcodec.pipeline.skipping import skipped_positions
from lcodec.process.timing import Stopwatch
from tests.entropy.tiny import LATENT
from tests.tinymodel import picture

EDGE = 128


def chosen(tile: Samples) -> Layer:
    """A layer for tests: all of a narrow tile, the lower part of others."""
    kept = np.ones(tile.shape[:2], np.bool_)
    if tile.shape[1] == EDGE:
        kept[:40] = False
    return Layer(tile // 64 * 64, kept)


@pytest.fixture
def codec(all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> Codec:
    """It gives every tile the layer of `chosen`."""
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    monkeypatch.setattr(Splitter, "choose", lambda self, tile, level: chosen(tile))
    return Codec("groupedmixer", device="cpu", tile_edge=EDGE, tiles_at_once=2)


SOURCE = picture(118, 2 * EDGE + 20)  # the last tile is all layer
PLACES = [slice(0, EDGE), slice(EDGE, 2 * EDGE), slice(2 * EDGE, None)]  # columns of its tiles


def is_kept(shown: Samples, number: int) -> bool:
    """Whether a tile shows exactly what is in its layer."""
    layer = chosen(SOURCE[:, PLACES[number]])
    return np.array_equal(shown[:, PLACES[number]][layer.kept], layer.pixels[layer.kept])


def tile_ends(data: bytes) -> list[tuple[int, int]]:
    """First and last offset of every tile's section."""
    sections = lcodec.inspect(data)["sections"]
    return [(s["offset"], s["offset"] + s["size"]) for s in sections if s["type"] == "MIXED"]


@pytest.mark.parametrize("effort", [0, 1])
def test_files_of_pictures(codec: Codec, effort: int) -> None:
    data = codec.encode(SOURCE, 60, effort=effort)
    assert (data == codec.encode(SOURCE, 60)) == (effort == 0)
    file, symbols = container.read(data), codec.decode_symbols(data)
    assert [len(tile.hyper) + len(tile.latent) > 0 for tile in file.tiles] == [True, True, False]
    assert not symbols.y[:, 4:].any() and symbols.y[:, :4, :16].any()
    assert not symbols.y[:, :, 16:].any()
    skipped = {n: skipped_positions(chosen(SOURCE[:, PLACES[n]]).kept) for n in range(3)}
    assert symbols.skipped.keys() == skipped.keys() and skipped[2].all()
    assert all(np.array_equal(symbols.skipped[n], own) for n, own in skipped.items())
    streams = tuple(replace(tile, layer=b"") for tile in file.tiles)
    assert codec.code_symbols(file.header, symbols) == (file.header, streams)
    shown = codec.decode(data).pixels
    assert all(is_kept(shown, number) for number in range(3))


def test_pictures_coded_together(codec: Codec) -> None:
    sources = [SOURCE, SOURCE[::-1].copy(), SOURCE[:, :50].copy()]
    single = [codec.encode(source, 60) for source in sources]
    assert [encoded.data for encoded in codec.encode_many(sources, 60)] == single
    for decoded, data in zip(codec.decode_many(single), single, strict=True):
        assert np.array_equal(decoded.pixels, codec.decode(data).pixels)


def test_parts_of_pictures(codec: Codec) -> None:
    data = codec.encode(SOURCE, 60)
    whole, y = codec.decode(data).pixels, codec.decode_symbols(data).y
    with lcodec.Reader(data, codec=codec) as reader:
        for left, top, width, height in ((0, 0, 276, 118), (100, 30, 80, 40), (250, 5, 26, 4)):
            part = reader.read((left, top, width, height)).pixels
            assert np.array_equal(part, whole[top : top + height, left : left + width])
        assert reader.read(scale=8).pixels.shape == (15, 35, 3)
    parts = codec.parts(container.read(data))
    for tile in parts._areas:  # the channels that previews are of
        for count in (LATENT // 4, LATENT // 2):
            found = parts._tile(tile, count, count, Stopwatch()).y
            assert np.array_equal(found, y[:count, tile.rows, tile.columns])


@pytest.mark.parametrize("target", ["econtextformer", "memplusplus", "serial"])
def test_repacked_files_show_the_same(codec: Codec, target: str) -> None:
    data, other = codec.encode(SOURCE, 60), Codec(target, device="cpu")
    moved = repack(data, codec, other)
    before, after = container.read(data), container.read(moved)
    assert after.layers == before.layers and moved != data
    assert after.tiles[2] == before.tiles[2]  # without symbols
    assert np.array_equal(other.decode_symbols(moved).y, codec.decode_symbols(data).y)
    assert np.array_equal(other.decode(moved).pixels, codec.decode(data).pixels)
    assert repack(moved, other, codec) == data


# Damaged files


def test_salvage_of_a_sound_file(codec: Codec) -> None:
    data = codec.encode(SOURCE, 60)
    found = lcodec.salvage(data, codec=codec)
    assert (found.lost, found.faults, found.partial) == ((), (), {})
    assert np.array_equal(found.decoded.pixels, codec.decode(data).pixels)


def test_salvage_of_a_tile_that_is_cut_off(codec: Codec) -> None:
    data = codec.encode(SOURCE, 60)
    latent = len(container.read(data).tiles[1].latent)
    start, end = tile_ends(data)[1]
    whole, shares = codec.decode(data).pixels, []
    for size in (end - 4 - latent, end - 4 - latent // 2, end - 4 - 12):
        found = lcodec.salvage(data[:size], codec=codec)
        assert found.lost == (2,) and list(found.partial) == [1]
        shares.append(found.partial[1])
        assert is_kept(found.decoded.pixels, 0) and is_kept(found.decoded.pixels, 1)
        assert (found.decoded.pixels[:, PLACES[2]] == 128).all()
    assert shares[0] == 0 and shares == sorted(shares) and 0.3 < shares[2] < 1
    # In its CRC, all of it is there.
    found = lcodec.salvage(data[: end - 1], codec=codec)
    assert (found.lost, found.partial) == ((2,), {})
    assert np.array_equal(found.decoded.pixels[:, PLACES[0]], whole[:, PLACES[0]])
    # Without the layer, nothing is.
    found = lcodec.salvage(data[: end - 4 - latent - 1], codec=codec)
    assert (found.lost, found.partial) == ((1, 2), {})
    assert start < end - 4 - latent - 1


def test_salvage_of_a_tile_that_is_all_layer(codec: Codec) -> None:
    data = codec.encode(SOURCE, 60)
    whole, (start, end) = codec.decode(data).pixels, tile_ends(data)[2]
    for size in range(end - 4, end + 2):
        found = lcodec.salvage(data[:size], codec=codec)
        assert (found.lost, found.partial) == ((), {})
        assert found.faults and np.array_equal(found.decoded.pixels, whole)
    for size in (start + 9, end - 5):
        found = lcodec.salvage(data[:size], codec=codec)
        assert (found.lost, found.partial) == ((2,), {})
    # Behind a gap of unknown size, the checksum of its zeros tells which it is.
    first = tile_ends(data)[0][0]
    found = lcodec.salvage(data[:first] + b"\x07junk" + data[start:], codec=codec)
    assert found.lost == (0, 1) and is_kept(found.decoded.pixels, 2)


def test_a_tile_with_a_damaged_layer_is_lost(codec: Codec) -> None:
    """What is in its streams depends on the layer."""
    data = codec.encode(SOURCE, 60)
    file = container.read(data)
    first, second, last = file.tiles
    second = replace(second, layer=second.layer[:40])
    damaged = container.write(file.header, [first, second, last])
    with pytest.raises(FormatError, match="lossless layer"):
        codec.decode(damaged)
    found = lcodec.salvage(damaged, codec=codec)
    assert found.lost == (1,) and len(found.faults) == 1
    assert is_kept(found.decoded.pixels, 0) and is_kept(found.decoded.pixels, 2)
