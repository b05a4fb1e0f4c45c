"""Latents well below a lossless layer are zero and not coded, in files of every kind of model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lcodec import container
from lcodec.coding.layer import Mask, encode_layer
from lcodec.container import Header, TilePayload
from lcodec.entropy import onepass
from lcodec.entropy.interface import Extent, coded_mask
from lcodec.errors import FormatError, LcodecError
from lcodec.library.codec import Codec
from lcodec.pipeline.areas import tile_areas
from lcodec.pipeline.skipping import (
    hyper_of,
    skipped_by,
    skipped_hyper,
    skipped_positions,
)
from lcodec.pipeline.symbols import PictureSymbols, without_skipped
from tests.conformance import pure_layer
from tests.entropy.tiny import HYPER_LATENT, LATENT, TINY

EDGE = 128
HEADER = Header(
    width=4 * EDGE + 72,
    height=118,
    channels=3,
    bit_depth=8,
    quality=40,
    tile_edge=EDGE,
    profile=1,
    entropy_model="gmix",
    model_id=bytes(4),
)
"""Four tiles of one extent, and a narrow one."""


def drawn(mask: Mask) -> list[str]:
    return ["".join(".#"[int(one)] for one in row) for row in mask]


def mask_of(*rows: str) -> Mask:
    return np.array([[one == "#" for one in row] for row in rows])


def pixels_of(*rows: str) -> Mask:
    """A mask of pixels, whole blocks."""
    return np.kron(mask_of(*rows), np.ones((16, 16), np.bool_))


def layer_of(kept: Mask) -> bytes:
    return encode_layer(np.full(kept.shape, 90, np.uint8), kept, fast=True)


def layers() -> dict[int, Mask]:
    """Where the layers of `HEADER` count, by tile. The first tile has none."""
    part, below, narrow = (np.zeros((118, width), np.bool_) for width in (EDGE, EDGE, 72))
    part[:112, :90] = True
    part[100, 5] = False
    below[40:] = True
    narrow[:, 44:] = True
    return {1: part, 2: np.ones_like(part), 3: below, 4: narrow}


SKIPPED = {
    1: ("####....",) * 5 + ("..##....", "........", "........"),
    2: ("########",) * 8,
    3: ("........",) * 4 + ("########",) * 4,
    4: ("....#",) * 8,
}
"""What is skipped then, and of the hyper-latents."""
SKIPPED_HYPER = {1: ("#.", ".."), 2: ("##", "##"), 3: ("..", "##"), 4: (".#", ".#")}


def random_symbols(header: Header = HEADER, seed: int = 0) -> PictureSymbols:
    """Symbols that are hardly ever 0."""
    random = np.random.default_rng(seed)
    h, w = -(-header.height // 16), -(-header.width // 16)
    y = random.integers(-9, 10, (LATENT, h, w), np.int16)
    z = []
    for tile in tile_areas(header):
        deep = tile.extent.padded_h // 4, tile.extent.padded_w // 4
        z.append(random.integers(-5, 6, (HYPER_LATENT, *deep), np.int16))
    return PictureSymbols(y, z)


def assert_same(found: PictureSymbols, expected: PictureSymbols) -> None:
    np.testing.assert_array_equal(found.y, expected.y)
    for number in range(HEADER.tile_count):
        np.testing.assert_array_equal(found.z[number], expected.z[number])
    assert {n: drawn(own) for n, own in found.skipped.items()} == {
        n: drawn(own) for n, own in expected.skipped.items()
    }


def test_one_block() -> None:
    for shape in ((16, 16), (1, 1), (9, 16), (16, 3)):
        kept = np.ones(shape, np.bool_)
        assert drawn(skipped_positions(kept)) == ["#"]
        for at in ((0, 0), (-1, -1), (0, -1)):
            holed = kept.copy()
            holed[at] = False
            assert drawn(skipped_positions(holed)) == ["."]


def test_the_ring_around_what_is_not_in_the_layer() -> None:
    kept = np.ones((7 * 16, 8 * 16), np.bool_)
    assert skipped_positions(kept).all()
    kept[3 * 16, 5 * 16 - 1] = False  # a pixel in the corner of block (3, 4)
    assert drawn(skipped_positions(kept)) == [
        "########",
        "########",
        "###...##",
        "###...##",
        "###...##",
        "########",
        "########",
    ]
    kept[0, 0] = False
    assert drawn(skipped_positions(kept))[:3] == ["..######", "..######", "###...##"]
    kept[-1, -1] = False
    assert drawn(skipped_positions(kept))[4:] == ["###...##", "######..", "######.."]


def test_what_is_beyond_the_tile_counts_as_in_the_layer() -> None:
    kept = pixels_of(
        "..####",
        "..####",
        "######",
        "######",
        "######",
        "###.##",
    )
    assert drawn(skipped_positions(kept)) == [
        "...###",
        "...###",
        "...###",
        "######",
        "##...#",
        "##...#",
    ]
    assert drawn(skipped_positions(~kept)) == ["#....."] + ["......"] * 5


def test_partial_blocks_at_the_edges() -> None:
    """Of them, only the pixels in the tile count."""
    kept = np.zeros((37, 50), np.bool_)  # 3 x 4 blocks, the last ones of 5 rows, of 2 columns
    kept[:, 16:] = True
    assert drawn(skipped_positions(kept)) == ["..##"] * 3
    kept[36, 49] = False
    assert drawn(skipped_positions(kept)) == ["..##", "....", "...."]
    kept[:, 16:] = True
    kept[:, 16] = False  # a whole block is wanted, not most of it
    assert drawn(skipped_positions(kept)) == ["...#"] * 3


def test_masks_are_those_of_the_independent_decoder() -> None:
    random = np.random.default_rng(6)
    for _ in range(60):
        h, w = random.integers(1, 130, 2)
        kept = np.ones((h, w), np.bool_)
        for _ in range(random.integers(0, 4)):
            top, left = random.integers(0, h), random.integers(0, w)
            kept[top : top + random.integers(1, 40), left : left + random.integers(1, 40)] = False
        expected = pure_layer.skipped_positions(kept)
        np.testing.assert_array_equal(skipped_positions(kept), expected)


def test_hyper_positions() -> None:
    """Skipped if all of their latents are skipped or in the padding."""
    skipped = mask_of(
        "#####.#",
        "#####.#",
        "#####.#",
        "#####.#",
        "####.##",
        "###.###",
    )
    assert drawn(hyper_of(skipped, Extent(6, 7, 8, 8))) == ["#.", ".."]
    skipped[:, 5] = True
    assert drawn(hyper_of(skipped, Extent(6, 7, 8, 8))) == ["##", ".."]
    skipped[4, 4] = True
    assert drawn(hyper_of(skipped, Extent(6, 7, 8, 8))) == ["##", ".#"]
    one = mask_of("#")
    assert drawn(hyper_of(one, Extent(1, 1, 4, 4))) == ["#"]
    assert drawn(hyper_of(~one, Extent(1, 1, 4, 4))) == ["."]
    assert skipped_hyper(None, Extent(1, 1, 4, 4)) is None


def test_the_layer_tells_what_is_skipped() -> None:
    extent = Extent(3, 4, 4, 4)
    kept = np.zeros((37, 50), np.bool_)
    kept[:, 16:] = True
    found = skipped_by(layer_of(kept), extent)
    assert found is not None and drawn(found) == ["..##"] * 3
    assert skipped_by(b"", extent) is None
    assert skipped_by(layer_of(pixels_of("#.#.", "....", "....")), extent) is None
    for other in (Extent(3, 3, 4, 4), Extent(2, 4, 4, 4), Extent(4, 3, 4, 4)):
        with pytest.raises(FormatError, match="a lossless layer of 50 x 37 pixels"):
            skipped_by(layer_of(kept), other)
    for damaged in (b"x", layer_of(kept)[:9], b"\x2e" + layer_of(kept)[1:]):
        with pytest.raises(FormatError):
            skipped_by(damaged, extent)


def test_symbols_without_those_skipped() -> None:
    symbols = random_symbols()
    again = random_symbols()
    masks = {number: mask_of(*rows) for number, rows in SKIPPED.items()}
    found = without_skipped(HEADER, symbols, masks)
    assert found.skipped == masks
    for tile in tile_areas(HEADER):
        own = masks.get(tile.number, np.zeros((tile.extent.h, tile.extent.w), np.bool_))
        above = hyper_of(own, tile.extent)
        after, before = (s.y[:, tile.rows, tile.columns] for s in (found, symbols))
        assert not after[:, own].any() and np.array_equal(after[:, ~own], before[:, ~own])
        after, before = found.z[tile.number], symbols.z[tile.number]
        assert not after[:, above].any() and np.array_equal(after[:, ~above], before[:, ~above])
        assert not above.any() or tuple(drawn(above)) == SKIPPED_HYPER[tile.number]
    # What was given stays as it is.
    assert_same(symbols, again)
    assert without_skipped(HEADER, symbols, {}) is symbols


def fitted(symbols: PictureSymbols) -> PictureSymbols:
    """As they are coded with `layers`."""
    return without_skipped(HEADER, symbols, {n: mask_of(*rows) for n, rows in SKIPPED.items()})


def packed(header: Header, tiles: tuple[TilePayload, ...]) -> bytes:
    """A file with `layers`."""
    own = {number: layer_of(kept) for number, kept in layers().items()}
    return container.write(header, [replace(t, layer=own.get(n, b"")) for n, t in enumerate(tiles)])


@pytest.mark.parametrize("name", sorted(TINY))
def test_every_kind_of_model_leaves_them_out(
    name: str, all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes one by one and in batches, in one pass and group by group."""
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    alone, together = (Codec(name, device="cpu", tiles_at_once=count) for count in (1, 3))
    symbols = fitted(random_symbols())
    header, tiles = alone.code_symbols(HEADER, symbols)
    assert together.code_symbols(HEADER, symbols) == (header, tiles)
    monkeypatch.setattr(onepass, "SMALL", 0)
    assert together.code_symbols(HEADER, symbols) == (header, tiles)
    assert [(bool(t.hyper), bool(t.latent)) for t in tiles] == [
        *[(True, True)] * 2,
        (False, False),
        *[(True, True)] * 2,
    ]
    # Each latent takes bits, so what is skipped saves its share of them.
    _, whole = alone.code_symbols(HEADER, random_symbols())
    assert tiles[0] == whole[0]
    for number, rows in SKIPPED.items():
        share = mask_of(*rows).mean()
        saved = 1 - len(tiles[number].latent) / len(whole[number].latent)
        assert abs(saved - share) < 0.12, number
        above = mask_of(*SKIPPED_HYPER[number]).mean()
        saved = 1 - len(tiles[number].hyper) / len(whole[number].hyper)
        assert abs(saved - above) < 0.25, number
    data = packed(header, tiles)
    for codec in (alone, together, Codec(name, device="cpu", cached=False)):
        decoded = codec.decode_symbols(data)
        assert_same(decoded, symbols)
        assert {n: tuple(drawn(own)) for n, own in decoded.skipped.items()} == SKIPPED
        # So the symbols of a file can be coded again.
        assert codec.code_symbols(header, decoded) == (header, tiles)


def test_masks_of_groups(all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    skipped = mask_of("##...", "###..", "#####")
    for name in TINY:
        model = Codec(name, device="cpu").loaded.entropy
        for own in (None, skipped):
            masks = coded_mask(model, LATENT, Extent(3, 5, 4, 8), own)
            assert sum(mask.sum() for mask in masks) == LATENT * (15 if own is None else 5)


@pytest.mark.parametrize("name", ["checkerboard", "econtextformer"])
def test_streams_must_have_just_what_is_coded(
    name: str, all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    codec = Codec(name, device="cpu")
    header, sound = codec.code_symbols(HEADER, fitted(random_symbols()))
    codec.decode_symbols(packed(header, sound))
    zeros = replace(fitted(random_symbols()), skipped={})
    for symbols in (random_symbols(), zeros):  # zeros coded are wrong, too, under any checksum
        _, whole = codec.code_symbols(HEADER, symbols)
        for number in layers():
            tiles = (*sound[:number], whole[number], *sound[number + 1 :])
            with pytest.raises(FormatError):
                codec.decode_symbols(packed(header, tiles))
    covered = sound[2]
    assert covered.hyper == covered.latent == b""
    for hyper, latent in ((4, 0), (0, 4), (0, 8)):
        tile = replace(covered, hyper=bytes(hyper), latent=bytes(latent))
        tiles = (*sound[:2], tile, *sound[3:])
        with pytest.raises(FormatError):
            codec.decode_symbols(packed(header, tiles))
    # Without the layers, there is too little.
    with pytest.raises(LcodecError):
        codec.decode_symbols(container.write(header, sound))
