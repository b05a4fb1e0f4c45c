"""Tiles that are not where the file says: what finding their places costs, and what is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lcodec
from lcodec import container
from lcodec.coding.residual import as_int32
from lcodec.container import TilePayload
from lcodec.container.sections import ALPHA, HEAD, TILE
from lcodec.errors import FormatError, MismatchError, UnsupportedError
from lcodec.library.codec import Codec
from lcodec.picture import Picture
from lcodec.pipeline.tiles import LatentCoder
from tests.container.samples import frame
from tests.tinymodel import picture

SIDE = 7  # tiles; those at the right and lower edges are smaller


@pytest.fixture
def codec(tiny_model: Path) -> Codec:
    return Codec(device="cpu", tile_edge=64)


@pytest.fixture
def data(codec: Codec) -> bytes:
    return codec.encode(picture(64 * SIDE - 10, 64 * SIDE - 20), 40)


def rewritten(data: bytes, tiles: list[TilePayload]) -> bytes:
    file = container.read(data)
    return container.write(file.header, tiles, file.extra, file.alpha)


def test_tiles_that_fit_nowhere_are_compared_with_all_places_at_once(
    codec: Codec, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's own time grows with its tiles, not with tiles times places."""
    tiles = container.read(data).tiles
    hostile = rewritten(data, [replace(tiles[0], checksum=at) for at in range(len(tiles))])
    decoded: list[None] = []
    summed: list[None] = []

    def counted(calls: list[None], real: Any) -> Any:
        def counting(*given: Any, **more: Any) -> Any:
            calls.append(None)
            return real(*given, **more)

        return counting

    monkeypatch.setattr(LatentCoder, "_decode_batch", counted(decoded, LatentCoder._decode_batch))
    monkeypatch.setattr("lcodec.coding.checksum.as_int32", counted(summed, as_int32))
    found = lcodec.salvage(hostile, codec=codec)
    assert len(found.lost) == len(tiles) == SIDE**2
    assert len(found.faults) == len(tiles)
    assert len(tiles) <= len(decoded) <= 4 * len(tiles)  # extents: inside, two edges, the corner
    assert len(decoded) <= len(summed) <= 2 * len(decoded)  # arrays: y and z


def test_tiles_in_another_order_find_their_places(codec: Codec, data: bytes) -> None:
    """Those of all extents; the file is damaged all the same, as `decode` says."""
    tiles = list(container.read(data).tiles)
    whole = codec.decode(data).pixels
    swapped = [tiles[1], tiles[0], *tiles[2:]]
    for order, count in ((tiles[::-1], SIDE**2 - 1), (swapped, 2)):
        other = rewritten(data, order)
        with pytest.raises((FormatError, MismatchError)):
            codec.decode(other)
        found = lcodec.salvage(other, codec=codec)
        told = f"{count} tiles in the wrong place of the file, among them: tile 0"
        assert not found.lost and found.faults == (told,)
        assert np.array_equal(found.decoded.pixels, whole)


@pytest.mark.parametrize("alpha", [False, True], ids=["without alpha", "with alpha"])
def test_what_decode_refuses_has_a_fault(codec: Codec, alpha: bool) -> None:
    """Sections that are all sound, but not those of such a picture."""
    pixels = picture(70, 150)
    plane = (np.arange(70 * 150) % 256).astype(np.uint8).reshape(70, 150)
    data = codec.encode(Picture(pixels, alpha=plane if alpha else None), 40)
    sections = [data[s["offset"] :][: s["size"]] for s in lcodec.inspect(data)["sections"]]
    start, (head, *others, end) = data[: data.index(sections[0])], sections
    of_kind = {code: [s for s in others if s[0] == code] for code in (TILE, ALPHA)}
    foreign = [frame(code, b"payload") for code in (ALPHA, HEAD, 0x05, 0x7F)]
    bodies = [
        *([section, *others] for section in foreign),
        *([*others, section] for section in foreign),
        *([one for one in others if one is not section] for section in others),
        *([*others, section] for section in others),
        [*of_kind[TILE][::-1], *of_kind[ALPHA]],
    ]
    assert lcodec.salvage(start + head + b"".join(others) + end, codec=codec).faults == ()
    for body in bodies:
        other = start + head + b"".join(body) + end
        with pytest.raises((FormatError, MismatchError, UnsupportedError)):
            codec.decode(other)
        found = lcodec.salvage(other, codec=codec)
        assert found.faults
        tiles = [section for section in body if section[0] == TILE]
        assert bool(found.lost) == (len(tiles) < len(of_kind[TILE]))
