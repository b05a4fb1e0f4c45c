"""What is not an argument of a call is a UsageError of the package, whatever it is."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lcodec
from lcodec import Codec, Metadata, Picture, Region, Target
from lcodec.container import DEFAULT_TILE_EDGE
from lcodec.errors import UsageError
from tests.tinymodel import picture

PIXELS = picture(24, 40)

NO_NUMBERS: list[Any] = [None, "30", b"30", True, False, [1], (1, 2), {}, 1 + 2j, np.array([2, 4])]
NO_WHOLE_NUMBERS: list[Any] = [*NO_NUMBERS, 2.0, 2.5, float("nan"), np.float64(8.0), np.bool_(True)]
BEYOND: list[Any] = [10**400, -(10**400), float("inf"), float("nan"), "9" * 400 + "GB"]


def fails(call: Callable[[Any], object], values: list[Any]) -> None:
    for value in values:
        with pytest.raises(UsageError) as caught:
            call(value)
        assert str(caught.value), value


@pytest.mark.parametrize("name", ["size", "bpp", "psnr", "ssimulacra2"])
def test_targets(name: str) -> None:
    make = getattr(Target, name)
    if name == "size":
        assert make("30") == make(30)
    fails(make, [value for value in NO_NUMBERS if not (name == "size" and isinstance(value, str))])
    fails(make, [*BEYOND, np.bool_(True)])
    assert make(np.float32(2.5)) == make(2.5)
    assert Target(name, 30) == make(30)  # type: ignore[arg-type]


def test_unknown_targets() -> None:
    fails(lambda value: Target(value, 30.0), [None, 5, "quality", [1]])


def test_regions() -> None:
    for at in range(4):

        def region(value: Any, at: int = at) -> Region:
            return Region(*[value if number == at else 1 for number in range(4)])

        fails(region, NO_WHOLE_NUMBERS)
    assert Region(*np.array([1, 2, 3, 4])) == Region(1, 2, 3, 4)


def test_pictures() -> None:
    masked = np.ma.masked_array(PIXELS, PIXELS > 100)
    fails(lambda value: Picture(value), [*NO_NUMBERS, masked, PIXELS.tolist()])
    fails(lambda value: Picture(PIXELS, alpha=value), [*NO_NUMBERS[1:], masked[..., 0], PIXELS])
    fails(lambda value: Picture(PIXELS, metadata=value), [None, "x", b"x", {}])
    for kind in fields(Metadata):

        def metadata(value: Any, name: str = kind.name) -> Any:
            return getattr(Metadata(**{name: value}), name)

        fails(metadata, ["x", 5, [1]])
        assert metadata(bytearray(b"x")) == b"x"
    unmasked = np.ma.masked_array(PIXELS, mask=False)
    assert np.array_equal(Picture(unmasked).pixels, PIXELS)
    with pytest.raises(TypeError):
        Picture(*[PIXELS, PIXELS[..., 0]])


@pytest.mark.usefixtures("tiny_model")
def test_calls() -> None:
    data = lcodec.encode(PIXELS)
    some = [value for value in NO_WHOLE_NUMBERS if value is not None]
    fails(lambda value: lcodec.encode(PIXELS, value), some)
    fails(lambda value: lcodec.encode(PIXELS, effort=value), NO_WHOLE_NUMBERS)
    fails(lambda value: lcodec.encode(PIXELS, target=value), some)
    fails(lambda value: lcodec.encode(PIXELS, model=value), [5, b"x", [1]])
    fails(lambda value: lcodec.encode(PIXELS, tune=value), [5, b"x", "x"])
    fails(
        lambda value: lcodec.decode(data, scale=value), [*NO_WHOLE_NUMBERS, 0, 3, 32, -1, 10**400]
    )
    regions = ["1234", (1.9, 0, 3, 3), ("0", "0", "5", "5"), (1, 2, 3), 5, (0, 0, 10**400, 1)]
    fails(lambda value: lcodec.decode(data, region=value), regions)
    with lcodec.Reader(data) as reader:
        fails(lambda value: reader.read(value), regions)
        fails(lambda value: reader.read(scale=value), NO_WHOLE_NUMBERS)
    fails(lambda value: Codec(tiles_at_once=value), [*some, 0, -1])
    fails(lambda value: Codec(tile_edge=value), some)
    counted: Any = np.int64(64)
    assert Codec(device="cpu", tile_edge=counted).encode(PIXELS)
    codec = Codec(device="cpu")
    fails(codec.encode_many, [None, 5, "abc", b"abc"])
    fails(codec.decode_many, [None, 5, "abc", data])


@pytest.mark.usefixtures("tiny_model")
def test_what_decoding_gives_can_be_encoded() -> None:
    decoded = lcodec.decode(lcodec.encode(PIXELS, 60))
    assert lcodec.encode(decoded, 60) == lcodec.encode(decoded.picture, 60)


def test_codecs_can_be_copied(tiny_model: Path) -> None:
    codec = Codec("groupedmixer", "cpu", "float32", tune="psnr", tile_edge=64, layers=False)
    assert codec.tile_edge != DEFAULT_TILE_EDGE
    expected = codec.encode(picture(80, 90))
    pickled = pickle.dumps(codec)
    assert len(pickled) < 1000
    for other in (pickle.loads(pickled), copy.deepcopy(codec), copy.copy(codec)):
        assert other.encode(picture(80, 90)) == expected
        assert other.loaded.entropy.carrier.name == "float32"


@pytest.mark.parametrize("edge", [0, -64, 63, 100, 4096])
def test_edges_of_tiles_are_checked_at_once(edge: int) -> None:
    with pytest.raises(UsageError, match=r"tile edge"):  # not that there is no such model
        Codec("no-such-model", tile_edge=edge)


def test_limits_of_numpy() -> None:
    five: Any = np.int64(500)
    assert lcodec.DecoderLimits(pixels=five) == lcodec.DecoderLimits(pixels=500)
    limits = lcodec.DecoderLimits.for_pixels(np.uint8(200))  # type: ignore[arg-type]
    assert limits == lcodec.DecoderLimits.for_pixels(200)
