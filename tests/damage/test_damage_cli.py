"""The program, given damaged files: one line, the documented status, no output, no traceback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from lcodec.container import LicFile, read, write
from lcodec.library.codec import Codec
from tests.cli.command import lcodec
from tests.damage.damage import beneath_crc, flipped, header_end
from tests.tinymodel import picture


@pytest.fixture
def sound(tiny_model: Path) -> bytes:
    return Codec(device="cpu", tile_edge=64).encode(picture(50, 90), 60)


def with_wrong_model(data: bytes) -> bytes:
    file = read(data)
    model_id = bytes(byte ^ 0xFF for byte in file.header.model_id)
    return write(replace(file.header, model_id=model_id), file.tiles)


def with_wrong_checksum(data: bytes) -> bytes:
    file: LicFile = read(data)
    last = file.tiles[-1]
    return write(file.header, [*file.tiles[:-1], replace(last, checksum=last.checksum ^ 1)])


def with_damaged_streams(data: bytes) -> bytes:
    return next(beneath_crc(data, 1, Random(5))).data


DAMAGES: list[tuple[str, Callable[[bytes], bytes], set[int]]] = [
    ("empty", lambda data: b"", {4}),
    ("truncated", lambda data: data[:-1], {4}),
    ("header", lambda data: flipped(data, 8 * header_end(data) - 50), {4}),
    ("stream", lambda data: flipped(data, 8 * len(data) - 120), {4}),
    ("newer", lambda data: flipped(data, 8 * 8 + 4), {5}),
    ("other weights", with_wrong_model, {6}),
    ("checksum", with_wrong_checksum, {7}),
    ("beneath", with_damaged_streams, {4, 7}),
]


@pytest.mark.parametrize(
    ("damage", "statuses"), [pytest.param(f, s, id=name) for name, f, s in DAMAGES]
)
def test_decode(
    sound: bytes, damage: Callable[[bytes], bytes], statuses: set[int], tmp_path: Path
) -> None:
    source = tmp_path / "damaged.lic"
    source.write_bytes(damage(sound))
    result = lcodec("decode", source, tmp_path / "out.png")
    assert result.status in statuses
    assert result.out == b""
    assert result.error_line.startswith(f"{source}: ")
    assert "Traceback" not in result.err
    assert list(tmp_path.iterdir()) == [source]


def test_sound_file_decodes(sound: bytes, tmp_path: Path) -> None:
    (tmp_path / "sound.lic").write_bytes(sound)
    assert lcodec("decode", tmp_path / "sound.lic", tmp_path / "out.png").status == 0
    assert (tmp_path / "out.png").stat().st_size > 1000
