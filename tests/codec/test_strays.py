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
from lcodec.library.codec import Codec
from lcodec.pipeline.tiles import LatentCoder
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


def test_tiles_of_all_extents_find_their_places(codec: Codec, data: bytes) -> None:
    tiles = list(container.read(data).tiles)
    found = lcodec.salvage(rewritten(data, tiles[::-1]), codec=codec)
    assert not found.lost
    assert np.array_equal(found.decoded.pixels, codec.decode(data).pixels)
