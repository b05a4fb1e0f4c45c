"""Hostile files cost little memory and little time, whatever they claim; as figures."""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lcodec import container
from lcodec.coding.alpha import decode_alpha, encode_alpha
from lcodec.container import Alpha, Header, TilePayload
from lcodec.container.header import encode_header
from lcodec.errors import FormatError
from lcodec.library.codec import Codec
from lcodec.limits import longest_alpha
from lcodec.tunes import default_model
from lcodec.weights import ENVIRONMENT
from tests.cli.command import environment
from tests.conftest import ROOT
from tests.container.samples import PREAMBLE, frame
from tests.limits.cost import MIB, Cost
from tests.tinymodel import picture

pytest.importorskip("resource", reason="memory and CPU time cannot be told here")

TIMEOUT = 600
EMPTY = TilePayload(0, b"", b"")


def header_of(data: bytes, **changes: object) -> Header:
    """The header of a sound file with some fields changed."""
    return replace(container.read(data).header, tile_edge=2048, **changes)  # type: ignore[arg-type]


def thin(sound: bytes, side: int) -> bytes:
    header = header_of(sound, width=side, height=1)
    return PREAMBLE + frame(0x01, encode_header(header), PREAMBLE)


def thinner(sound: bytes) -> bytes:
    return thin(sound, 1 << 28)


def thin_megapixel(sound: bytes) -> bytes:
    return thin(sound, 1 << 20)


def opaque(sound: bytes) -> bytes:
    """740 bytes or so that claim 268 megapixels of 16 bits with opaque alpha."""
    header = header_of(sound, width=1 << 14, height=1 << 14, bit_depth=16, alpha=Alpha.OPAQUE)
    return container.write(header, [EMPTY] * header.tile_count)


def packed_zeros(count: int) -> bytes:
    """So many of them in few bytes."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 16}]
    return lzma.compress(bytes(count), lzma.FORMAT_RAW, filters=filters)


def bulky_alpha(sound: bytes) -> bytes:
    """A plane of 128 MiB, well compressed, over broken tiles."""
    header = header_of(sound, width=1 << 13, height=1 << 13, bit_depth=16, alpha=Alpha.PLANE)
    alpha = b"\x10" + packed_zeros(2 << 26)
    return container.write(header, [EMPTY] * header.tile_count, alpha=alpha)


def endless_alpha(sound: bytes) -> bytes:
    """A small picture with sound tiles whose plane goes on for 64 MiB, in a section no longer than
    such a picture may have."""
    file = container.read(sound)
    header = replace(file.header, bit_depth=16, alpha=Alpha.PLANE)
    alpha = b"\x10" + packed_zeros(1 << 26)
    assert len(alpha) < longest_alpha(header)
    return container.write(header, file.tiles, alpha=alpha)


def many_sections(sound: bytes) -> bytes:
    """A million ancillary sections of one byte."""
    one = frame(0x90, b"x")
    head = PREAMBLE + frame(0x01, encode_header(header_of(sound)), PREAMBLE)
    return head + one * 1_000_000 + b"\0\0"


def endless_tile(sound: bytes) -> bytes:
    return thin(sound, 100) + b"\x02\x80\x80\x80\x80\x40"


def zeros(sound: bytes) -> bytes:
    return b""


def hole_in_a_file(sound: bytes) -> bytes:
    return thin(sound, 100)


# Each with the name of the error, and the bytes to which the file is extended by a hole.
HOSTILE: dict[Callable[[bytes], bytes], tuple[str, int]] = {
    thinner: ("InputError", 0),
    thin_megapixel: ("InputError", 0),
    opaque: ("FormatError", 0),
    many_sections: ("InputError", 0),
    endless_tile: ("InputError", 60 << 30),
    hole_in_a_file: ("FormatError", 60 << 30),
    zeros: ("FormatError", 60 << 30),
    bulky_alpha: ("FormatError", 0),
    endless_alpha: ("FormatError", 0),
}


@pytest.fixture(scope="module")
def costs(tiny_models_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Cost]:
    """What all hostile files cost, in one process that has loaded the networks."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT, str(tiny_models_folder))
        sound = Codec(default_model(), device="cpu").encode(picture(80, 100), 50)
    (folder / "sound.lic").write_bytes(sound)
    paths = [folder / "sound.lic"]
    for make, (_, size) in HOSTILE.items():
        path = folder / f"{make.__name__}.lic"
        with path.open("wb") as stream:
            stream.write(make(sound))
            if size:
                stream.truncate(size)
        paths.append(path)
    done = subprocess.run(
        [sys.executable, "-m", "tests.limits.cost", *map(str, paths)],
        capture_output=True,
        cwd=ROOT,
        env=environment(**{ENVIRONMENT: str(tiny_models_folder)}),
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [Cost(**one) for one in json.loads(done.stdout)]


def test_memory_and_time_of_hostile_files(costs: list[Cost]) -> None:
    assert len(costs) == 2 * len(HOSTILE)
    for one in costs:
        # A file of 60 GB and a claim of 1.5 GB of samples are among them.
        assert one.memory < 50 * MIB, one
        assert one.seconds < 2, one


def test_hostile_files_are_told_of_by_our_own_errors(costs: list[Cost]) -> None:
    expected = {make.__name__: error for make, (error, _) in HOSTILE.items()}
    decoded = {Path(one.file).stem: one.error for one in costs if one.action == "decode"}
    assert decoded == expected
    opened = {one.error for one in costs if one.action == "open"}
    assert opened <= {"OSError", "UnidentifiedImageError"}


def test_alpha_takes_what_it_needs() -> None:
    plane = np.zeros((2048, 2048), np.uint8)
    plane[::7] = 255
    payload = encode_alpha(plane)
    tracemalloc.start()
    try:
        decode_alpha(payload, plane.shape, np.uint8)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The plane, its sums beside it, what a growing buffer has to spare, and a part of it.
    assert peak < 3 * plane.nbytes
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="not of the picture's size"):
            decode_alpha(payload, (1 << 15, 1 << 15), np.uint8)  # a short stream, a large claim
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * plane.nbytes
