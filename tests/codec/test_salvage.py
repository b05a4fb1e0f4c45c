"""What is left of damaged files."""

from __future__ import annotations

import itertools
import json
import random
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lcodec
from lcodec import container
from lcodec.container import Section, TilePayload
from lcodec.container.sections import TILE, frame_prefix
from lcodec.container.tile import encode_tile
from lcodec.errors import FormatError, UnsupportedError
from lcodec.library.codec import Codec
from lcodec.metrics.distortion import psnr
from lcodec.picture import Metadata, Picture
from lcodec.pipeline import tiles as coding
from lcodec.pipeline.tiles import LatentCoder
from tests.cli.command import lcodec as command
from tests.container.samples import mixed, small, with_alpha
from tests.tinymodel import picture

COLUMNS, ROWS = 4, 3  # tiles; those at the edges are smaller
HEIGHT, WIDTH = 64 * ROWS - 20, 64 * COLUMNS - 10


@pytest.fixture
def codec(tiny_model: Path) -> Codec:
    return Codec(device="cpu", tile_edge=64)


@pytest.fixture
def data(codec: Codec) -> bytes:
    alpha = np.full((HEIGHT, WIDTH), 200, np.uint8)
    alpha[30:50, 40:90] = 0
    metadata = Metadata(xmp=b"<x:xmpmeta>" + bytes(100) + b"</x:xmpmeta>")
    return codec.encode(Picture(picture(HEIGHT, WIDTH), alpha=alpha, metadata=metadata), 60)


def tiles_of(data: bytes) -> list[tuple[int, int]]:
    """First and last offset of every TILE section."""
    sections = lcodec.inspect(data)["sections"]
    return [(s["offset"], s["offset"] + s["size"]) for s in sections if s["type"] == "TILE"]


def flipped(data: bytes, at: int) -> bytes:
    """Wrong in two bits, of which nothing tells where they are."""
    return data[:at] + bytes((data[at] ^ 0x11,)) + data[at + 1 :]


def counted_calls(monkeypatch: pytest.MonkeyPatch, name: str) -> list[None]:
    """Grows by one with every call of a function of `lcodec.pipeline.tiles`."""
    calls: list[None] = []
    real = getattr(coding, name)

    def counting(*given: object, **more: object) -> object:
        calls.append(None)
        return real(*given, **more)

    monkeypatch.setattr(coding, name, counting)
    return calls


def check(codec: Codec, data: bytes, damaged: bytes, lost: list[int]) -> lcodec.Salvaged:
    """Sound tiles are decoded, the others gray; how far from lost ones pixels are the same."""
    found = lcodec.salvage(damaged, codec=codec)
    assert list(found.lost) == lost
    assert found.faults or not lost
    whole, part = codec.decode(data), found.decoded
    sure = np.ones((HEIGHT, WIDTH), np.bool_)
    reach = 16 * codec.loaded.transforms.config.synthesis_halo
    for number, box in zip(lost, found.boxes, strict=True):
        left, top, right, bottom = whole.header.tile_box(number)
        assert box == {
            "index": number,
            "left": left,
            "top": top,
            "width": right - left,
            "height": bottom - top,
        }
        shown = part.pixels[top:bottom, left:right]
        if part.alpha is not None:
            shown = shown[part.alpha[top:bottom, left:right] > 0]
        assert (shown == 128).all()
        sure[max(0, top - reach) : bottom + reach, max(0, left - reach) : right + reach] = False
    visible = sure & (whole.alpha > 0 if whole.alpha is not None else True)
    assert np.array_equal(part.pixels[visible], whole.pixels[visible])
    return found


def test_a_sound_file_is_as_it_is(codec: Codec, data: bytes) -> None:
    found = lcodec.salvage(data, codec=codec)
    whole = codec.decode(data)
    assert (found.lost, found.faults) == ((), ())
    assert np.array_equal(found.decoded.pixels, whole.pixels)
    assert found.decoded.metadata == whole.metadata


@pytest.mark.parametrize("lost", [[5], [0, 1, 11]])
def test_damage_inside_tiles(codec: Codec, data: bytes, lost: list[int]) -> None:
    damaged, places = data, tiles_of(data)
    for number in lost:
        damaged = flipped(damaged, places[number][1] - 9)
    found = check(codec, data, damaged, lost)
    assert 1 <= len(found.faults) <= len(lost)  # neighbours may be one gap
    assert found.decoded.alpha is not None and (found.decoded.alpha == 200).any()


@pytest.mark.parametrize("lost", [[11], [2, 4, 5]])
def test_damage_to_the_framing(codec: Codec, data: bytes, lost: list[int]) -> None:
    """Lengths that lead astray: sections behind them are found by what they look like."""
    damaged, places = data, tiles_of(data)
    for number in lost:
        at = places[number][0] + 1
        damaged = damaged[:at] + b"\xff\xff\xff\x7f" + damaged[at + 4 :]
    check(codec, data, damaged, lost)


@pytest.mark.parametrize("lost", [[4], [2, 3], [1, 3, 6]])
def test_tiles_cut_out(codec: Codec, data: bytes, lost: list[int]) -> None:
    """Only the checksum tells which of the tiles between two holes are which."""
    places = tiles_of(data)
    kept = [data[: places[0][0]]]
    for number, (start, end) in enumerate(places):
        kept.append(b"\x07junk" if number in lost else data[start:end])
    kept.append(data[places[-1][1] :])
    check(codec, data, b"".join(kept), lost)


def test_a_single_wrong_bit_costs_nothing(codec: Codec, data: bytes) -> None:
    """Neither in a tile nor in alpha or metadata: the CRC tells which it is."""
    whole = codec.decode(data)
    sections = [s for s in lcodec.inspect(data)["sections"] if s["type"] not in ("HEAD", "END")]
    assert {s["type"] for s in sections} == {"TILE", "ALPHA", "PACKED"}
    damaged = bytearray(data)
    for number, section in enumerate(sections):
        damaged[section["offset"] + section["size"] - 1 - 5 * number] ^= 1 << number % 8
    with pytest.raises(FormatError):
        codec.decode(bytes(damaged))
    found = lcodec.salvage(bytes(damaged), codec=codec)
    assert np.array_equal(found.decoded.pixels, whole.pixels)
    assert found.decoded.alpha is not None and whole.alpha is not None
    assert np.array_equal(found.decoded.alpha, whole.alpha)
    assert found.decoded.metadata == whole.metadata
    assert not found.lost and not found.partial and len(found.faults) == len(sections)
    assert all(fault.endswith(", in one bit, which was put right") for fault in found.faults)


def test_a_truncated_download(codec: Codec, data: bytes) -> None:
    places = tiles_of(data)
    for size in (places[0][0] + 1, places[5][0], places[5][1] - 9, len(data) - 1):
        complete = sum(end <= size for _, end in places)
        cut = lcodec.salvage(data[:size], codec=codec).partial
        assert list(cut) == ([complete] if size == places[5][1] - 9 else [])
        found = check(codec, data, data[:size], list(range(complete + len(cut), ROWS * COLUMNS)))
        assert found.faults


def test_a_picture_of_one_tile_arrives_by_and_by(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = Codec(device="cpu")
    parsed = counted_calls(monkeypatch, "code_latents")
    data = codec.encode(picture(180, 200, 3), 70)
    whole = codec.decode(data).pixels
    start, end = tiles_of(data)[0]
    parsed.clear()
    shares: list[float] = []
    errors: list[float] = []
    for size in np.linspace(start + 1, end - 9, 12).astype(int):
        found = lcodec.salvage(data[:size], codec=codec)
        if found.lost:
            assert found.lost == (0,) and not found.partial and not shares
            continue
        shares.append(found.partial[0])
        box = {"index": 0, "left": 0, "top": 0, "width": 200, "height": 180}
        assert found.partial_boxes == [{**box, "arrived": shares[-1]}]
        assert any("% of its latents have arrived" in fault for fault in found.faults)
        errors.append(psnr(whole, found.decoded.pixels))
    assert len(shares) > 8 and shares == sorted(shares) and shares[0] < 0.2 < 0.8 < shares[-1]
    assert np.corrcoef(shares, errors)[0, 1] > 0.8
    assert len(parsed) == len(shares)  # once each
    # All symbols are there, and their checksum; that of the section is not.
    found = lcodec.salvage(data[: end - 1], codec=codec)
    assert np.array_equal(found.decoded.pixels, whole) and not found.partial and not found.lost
    assert len(parsed) == len(shares) + 1
    # All bytes are there, but not the right ones.
    found = lcodec.salvage(flipped(data[: end - 1], end - 9), codec=codec)
    assert psnr(whole, found.decoded.pixels) > errors[0] and list(found.partial) == [0]


def test_a_cut_tile_whose_number_or_streams_are_not_known_is_lost(
    codec: Codec, data: bytes
) -> None:
    places = tiles_of(data)
    start, end = places[6]
    # The tile before it is damaged together with its length.
    damaged = bytearray(data[: end - 1])
    damaged[places[5][0] + 1 : places[5][1] - 2] = bytes(places[5][1] - places[5][0] - 3)
    assert 6 in check(codec, data, bytes(damaged), [5, *range(6, 12)]).lost
    # Cut off in the hyper stream.
    assert not check(codec, data, data[: start + 8], list(range(6, 12))).partial


def test_wrong_symbols_count_as_lost(codec: Codec, data: bytes) -> None:
    file = container.read(data)
    tiles = list(file.tiles)
    tiles[2] = TilePayload(tiles[2].checksum ^ 1, tiles[2].hyper, tiles[2].latent)
    tiles[8] = TilePayload(tiles[8].checksum, tiles[8].hyper, tiles[8].latent[:-4])
    damaged = container.write(file.header, tiles, file.extra, file.alpha)
    assert len(check(codec, data, damaged, [2, 8]).faults) == 2


def test_side_data_that_is_lost(codec: Codec, data: bytes) -> None:
    sections = {s["type"]: s["offset"] for s in lcodec.inspect(data)["sections"]}
    found = lcodec.salvage(flipped(data, sections["ALPHA"] + 5), codec=codec)
    assert found.lost == () and len(found.faults) == 2
    assert found.decoded.alpha is not None and (found.decoded.alpha == 255).all()
    found = lcodec.salvage(flipped(data, sections["PACKED"] + 5), codec=codec)
    assert found.lost == () and len(found.faults) == 1
    assert not found.decoded.metadata
    file = container.read(data)
    broken = container.write(
        file.header, file.tiles, [Section(container.PACKED, b"\x13")], file.alpha
    )
    assert lcodec.salvage(broken, codec=codec).faults == (
        "truncated: size of metadata at byte 1 needs 1 bytes, 0 left",
    )


def test_nothing_without_a_header(data: bytes) -> None:
    for broken in (b"", data[:20], flipped(data, 12), b"\x89PNG" + data[4:]):
        with pytest.raises(FormatError):
            lcodec.salvage(broken)
    with pytest.raises(UnsupportedError):
        lcodec.salvage(data[:8] + b"\x09" + data[9:])


@pytest.mark.parametrize(
    ("head", "fake"),
    [
        (small()[:32], b"\x02\x84\x80\x80\x01" + bytes(11)),
        (mixed()[:32], b"\x04\x84\x80\x80\x01" + bytes(5) + b"\x01" + bytes(9)),
    ],
    ids=["TILE", "MIXED"],
)
def test_a_survey_takes_bounded_time(head: bytes, fake: bytes) -> None:
    """Bytes that look like sections over and over cost no more than a few passes."""
    hostile = head + fake * 4000
    crcs = []
    real = zlib.crc32

    def counted(data: bytes, value: int = 0) -> int:
        crcs.append(len(data))
        return real(data, value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zlib, "crc32", counted)
        found = container.survey(hostile)
    assert found.tiles == [] and found.faults
    assert sum(crcs) < 70 * len(hostile) + (1 << 21)


def test_tiles_written_twice(codec: Codec, data: bytes) -> None:
    (start, _), (_, end) = tiles_of(data)[2], tiles_of(data)[4]
    found = check(codec, data, data[:end] + data[start:end] + data[end:], [])
    assert found.faults == ("the same tile again",) * 3


def test_more_tiles_than_the_picture_has(
    codec: Codec, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles that are not the picture's cost a few times what the picture costs, no more."""
    sound = container.read(data).tiles
    foreign = [replace(sound[at % 6], checksum=at) for at in range(200)]
    surplus = b""
    for tile in foreign:
        payload = b"".join(encode_tile(tile))
        framed = frame_prefix(TILE, len(payload)) + payload
        surplus += framed + zlib.crc32(framed).to_bytes(4, "little")
    at = tiles_of(data)[0][0]
    decoded = []
    real = LatentCoder._decode_batch

    def counted(self: LatentCoder, *arguments: Any, **options: Any) -> Any:
        decoded.append(1)
        return real(self, *arguments, **options)

    monkeypatch.setattr(LatentCoder, "_decode_batch", counted)
    found = lcodec.salvage(data[:at] + surplus + data[at:], codec=codec)
    assert len(decoded) <= 4 * len(sound)  # 4: tiles inside, at the edges, in the corner
    assert f"more tiles than the {len(sound)} of the picture" in found.faults
    assert len(container.survey(data[:at] + surplus + data[at:]).tiles) == len(sound)


@pytest.mark.parametrize("whole", [small(), with_alpha()], ids=["small", "alpha"])
def test_a_survey_of_any_damage(whole: bytes) -> None:
    """Never more than the file has, and all that is sound in the right place."""
    file = container.read(whole)
    numbers = dict(enumerate(file.tiles))
    chance = random.Random(4)
    for size, _ in itertools.product(range(40, len(whole)), range(2)):
        damaged = bytearray(whole[:size])
        damaged[chance.randrange(32, size)] ^= 1 << chance.randrange(8)
        found = container.survey(bytes(damaged))
        assert found.header == file.header
        assert found.faults
        for tile in found.tiles:
            assert tile.payload in file.tiles
            assert tile.number is None or numbers[tile.number] == tile.payload
        assert set(found.extra) <= set(file.extra)
        assert found.alpha in (None, file.alpha)


def test_the_command(codec: Codec, data: bytes, tmp_path: Path) -> None:
    path, out = tmp_path / "a.lic", tmp_path / "a.png"
    path.write_bytes(flipped(data, tiles_of(data)[5][1] - 9))
    plain = command("decode", path, out)
    assert plain.status == 4 and not out.exists()
    done = command("decode", path, out, "--salvage", "--json", "--device", "cpu")
    # JSON and picture do not go to the same place, so both can be had.
    assert done.status == 11 and out.exists()
    record = json.loads(done.out)
    assert record["lost_tiles"] == [{"index": 5, "left": 64, "top": 64, "width": 64, "height": 64}]
    assert "tile 5 of 12 is lost: 64,64,64x64" in done.err
    sound = tmp_path / "b.lic"
    sound.write_bytes(data)
    assert command("decode", "-t", sound, "--salvage", "--device", "cpu").status == 0
    told = command("inspect", path, "--json")
    assert told.status == 4
    assert json.loads(told.out)["lost_tiles"] == record["lost_tiles"]
    text = command("inspect", path).out.decode()
    assert "11 of 12 tiles sound" in text and "64" in text
