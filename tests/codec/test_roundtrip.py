"""Whole files: every size, tiles, checksums, estimates, wrong weights."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec import container
from lcodec.container import LicFile, TilePayload
from lcodec.entropy import interface
from lcodec.errors import FormatError, MismatchError, UsageError, WeightsError
from lcodec.library.codec import Codec
from lcodec.pipeline import tiles
from lcodec.pipeline.encoder import Encoded
from lcodec.pipeline.looks import analyse_with_looks
from lcodec.weights.lock import lock_model
from tests.codec.plain import header_of
from tests.tinymodel import picture, write_tiny_model


@pytest.fixture
def codec(tiny_model: Path) -> Codec:
    return Codec(device="cpu", tile_edge=128)  # tiles of 128 pixels


SIZES = [(1, 1), (1, 300), (300, 1), (17, 33), (64, 64), (127, 129), (255, 383), (40, 700)]


@pytest.mark.parametrize(("h", "w"), SIZES)
def test_every_size_round_trips(codec: Codec, h: int, w: int) -> None:
    pixels = picture(h, w)
    data = codec.encode(pixels, 80)
    decoded = codec.decode(data)
    assert decoded.pixels.shape == pixels.shape
    assert decoded.pixels.dtype == np.uint8
    error = np.abs(decoded.pixels.astype(int) - pixels).mean()
    assert error < 25  # 32 of 768 components, untrained: coarse, but the picture is there


def test_symbols_survive_exactly(codec: Codec) -> None:
    pixels = picture(200, 150)
    latents = analyse_with_looks(codec.stages.pixels, pixels, header_of(codec, pixels, 70))
    symbols = codec.decode_symbols(codec.encode(pixels, 70)).y
    assert np.array_equal(symbols, latents.rounded)
    assert len(np.unique(symbols)) > 20


def test_gray_comes_back_gray(codec: Codec) -> None:
    pixels = picture(90, 70)[:, :, 0]
    decoded = codec.decode(codec.encode(pixels, 60))
    assert decoded.pixels.shape == (90, 70)
    assert decoded.header.channels == 1
    assert decoded.to_image().mode == "L"


def test_tiles_are_independent_and_batches_change_nothing(codec: Codec) -> None:
    pixels = picture(260, 400)
    one_by_one = codec.encode(pixels, 50)
    together = Codec(device="cpu", tile_edge=128, tiles_at_once=4)
    assert together.encode(pixels, 50) == one_by_one
    assert np.array_equal(together.decode(one_by_one).pixels, codec.decode(one_by_one).pixels)
    assert len(container.read(one_by_one).tiles) == 3 * 4


def test_many_pictures_at_once_give_the_same_files(codec: Codec) -> None:
    sizes = ((40, 50), (48, 64), (200, 60), (33, 49), (64, 128), (128, 128))
    pictures = [picture(*size, seed) for seed, size in enumerate(sizes)]
    pictures.append(pictures[0][:, :, 0])
    pictures.append(np.dstack([pictures[0], pictures[0][:, :, 0]]))
    many = codec.encode_many(pictures, 50)
    for pixels, encoded in zip(pictures, many, strict=True):
        one = codec.encode_detailed(pixels, 50)
        assert encoded.data == one.data
        assert encoded.estimated_bits_y == pytest.approx(one.estimated_bits_y)
        assert encoded.estimated_bits_z == pytest.approx(one.estimated_bits_z)
        assert encoded.timings.keys() == one.timings.keys()
    assert codec.encode_many([], 50) == []
    with pytest.raises(UsageError):
        codec.encode_many([pictures[0]], 101)


def test_many_files_at_once_give_the_same_pictures(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = ((40, 50), (48, 64), (200, 60), (33, 49), (64, 128), (128, 128))
    files = [codec.encode(picture(*size, n), 50) for n, size in enumerate(sizes)]
    files += [codec.encode(picture(40, 50, 9), 80), codec.encode(picture(40, 50, 8)[..., 0], 50)]
    calls = []
    code = interface.code_latents

    def counted(model: Any, z: Any, quality: int, ports: Any, *more: Any) -> Any:
        calls.append((quality, len(ports)))
        return code(model, z, quality, ports, *more)

    monkeypatch.setattr(tiles, "code_latents", counted)
    many = codec.decode_many(files)
    assert len(calls) < sum(count for _, count in calls) and (50, 4) in calls and (80, 1) in calls
    for data, decoded in zip(files, many, strict=True):
        one = codec.decode(data)
        assert np.array_equal(decoded.pixels, one.pixels)
        assert decoded.header == one.header and decoded.timings.keys() == one.timings.keys()
    assert codec.decode_many([]) == []
    with pytest.raises(FormatError):
        codec.decode_many([files[0], files[1][:-5]])


def test_overlapping_batches_change_nothing(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: several tiles a batch, two batches at a time, in two threads."""
    pixels = [picture(260, 400), picture(300, 140, 1)]
    overlapping = Codec(device="cpu", tile_edge=128)
    several = tiles.LatentCoder(codec.loaded, tiles_at_once=3, threads=2)
    overlapping.stages = replace(overlapping.stages, latents=several)
    used = set()
    for name in ("_encode_batch", "_decode_batch"):
        run = getattr(tiles.LatentCoder, name)

        def noted(*arguments: Any, run: Any = run, **options: Any) -> Any:
            used.add(threading.get_ident())
            time.sleep(0.01)
            return run(*arguments, **options)

        monkeypatch.setattr(tiles.LatentCoder, name, noted)
    files = [codec.encode(one, 50) for one in pixels]
    before = len(used)
    detailed = overlapping.encode_many(pixels, 50)
    assert [one.data for one in detailed] == files
    assert len(used) >= before + 2
    alone = codec.encode_detailed(pixels[0], 50)
    assert detailed[0].estimated_bits_y == pytest.approx(alone.estimated_bits_y)
    assert detailed[0].timings["range coder"] > 0
    for data in files:
        assert np.array_equal(overlapping.decode(data).pixels, codec.decode(data).pixels)
    # A damaged tile ends it, and all threads.
    file = container.read(files[0])
    damaged = [replace(file.tiles[0], latent=file.tiles[0].latent[:-4]), *file.tiles[1:]]
    with pytest.raises((FormatError, MismatchError)):
        overlapping.decode(container.write(file.header, damaged))
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPool")]


@pytest.mark.parametrize("carrier", ["int8", "float32", "float64"])
def test_carriers_write_the_same_file(codec: Codec, carrier: str) -> None:
    pixels = picture(100, 120)
    other = Codec(device="cpu", carrier=carrier, tile_edge=128)
    assert other.encode(pixels, 40) == codec.encode(pixels, 40)


def test_uncached_decodes_the_same(codec: Codec) -> None:
    pixels = picture(70, 80)
    data = codec.encode(pixels, 40)
    uncached = Codec(device="cpu", tile_edge=128, cached=False)
    assert np.array_equal(uncached.decode_symbols(data).y, codec.decode_symbols(data).y)


@pytest.mark.parametrize("quality", [0, 50, 100])
def test_estimate_agrees_with_the_file(codec: Codec, quality: int) -> None:
    encoded: Encoded = codec.encode_detailed(picture(256, 256), quality)
    tiles = container.read(encoded.data).tiles
    bits = 8 * sum(len(t.hyper) + len(t.latent) for t in tiles)
    estimate = encoded.estimated_bits_y + encoded.estimated_bits_z
    assert estimate <= bits <= estimate * 1.002 + 34 * 2 * len(tiles)


def test_size_and_fidelity_grow_with_quality(codec: Codec) -> None:
    pixels = picture(192, 192)
    sizes, errors = [], []
    for quality in (0, 30, 60, 90):
        data = codec.encode(pixels, quality)
        sizes.append(len(data))
        difference = codec.decode(data).pixels.astype(float) - pixels
        errors.append(float(np.square(difference).mean()))
    assert sizes == sorted(sizes) and len(set(sizes)) == 4
    assert errors[0] > errors[-1]


def _with_tile(file: LicFile, tile: TilePayload) -> bytes:
    return container.write(file.header, [tile, *file.tiles[1:]])


def test_wrong_checksum_is_a_mismatch(codec: Codec) -> None:
    file = container.read(codec.encode(picture(64, 64), 50))
    tile = file.tiles[0]
    wrong = TilePayload(tile.checksum ^ 1, tile.hyper, tile.latent)
    with pytest.raises(MismatchError):
        codec.decode(_with_tile(file, wrong))


def test_other_weights_are_named(
    codec: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = codec.encode(picture(64, 64), 50)
    monkeypatch.setenv("LCODEC_MODELS", str(write_tiny_model(tmp_path, seed=1)))
    other = Codec("groupedmixer", device="cpu", tile_edge=128)
    with pytest.raises(WeightsError, match=other.loaded.model_id.hex()):
        other.decode(data)


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = write_tiny_model(tmp_path)
    monkeypatch.setenv("LCODEC_MODELS", str(models))
    path = models / "groupedmixer" / "entropy.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(WeightsError, match=r"entropy\.safetensors"):
        Codec("groupedmixer", device="cpu")


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_unusable_arrays_are_refused(codec: Codec, bad: np.ndarray) -> None:
    with pytest.raises(UsageError):
        codec.encode(bad, 50)


@pytest.mark.parametrize("quality", [-1, 101])
def test_quality_out_of_range_is_refused(codec: Codec, quality: int) -> None:
    with pytest.raises(UsageError, match="quality"):
        codec.encode(picture(8, 8), quality)


def test_library_functions(tiny_model: Path) -> None:
    image = Image.fromarray(picture(50, 60))
    data = lcodec.encode(image, 50, device="cpu")
    decoded = lcodec.decode(data, device="cpu")
    assert decoded.to_image().size == (60, 50)


def test_a_configuration_of_other_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = write_tiny_model(tmp_path)
    path = models / "groupedmixer" / "config.json"
    path.write_text(path.read_text().replace('"window": 4', '"window": 8'))
    lock_model(models, "groupedmixer")
    monkeypatch.setenv("LCODEC_MODELS", str(models))
    with pytest.raises(WeightsError, match="weights"):
        Codec("groupedmixer", device="cpu")


def test_exchanged_tiles_are_noticed(codec: Codec) -> None:
    file = container.read(codec.encode(picture(128, 256), 50))
    data = container.write(file.header, file.tiles[::-1])
    with pytest.raises(MismatchError):
        codec.decode(data)
