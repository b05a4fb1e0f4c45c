"""The format's description is enough: a decoder written from it finds the same symbols."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageCms
from safetensors.numpy import load_file, save_file

from lcodec import container
from lcodec.container import TilePayload
from lcodec.library.codec import Codec
from lcodec.picture import Metadata, Picture
from lcodec.pipeline.latents import Latents, to_symbols
from lcodec.pipeline.tally import BitTally
from lcodec.process.timing import Stopwatch
from lcodec.weights.lock import lock_model
from tests.conformance.pure_container import alpha_plane, metadata, parse
from tests.conformance.pure_contextformer import Contextformer
from tests.conformance.pure_decoder import Model, model_id
from tests.conformance.pure_memplusplus import MemPlusPlus
from tests.entropy.tiny import LATENT
from tests.tinymodel import picture, write_tiny_model

PURE: dict[str, type[Model]] = {
    "groupedmixer": Model,
    "groupedmixer-inner": Model,
    "groupedmixer-cross": Model,
    "groupedmixer-channels-first": Model,
    "groupedmixer-uneven": Model,
    "econtextformer": Contextformer,
    "memplusplus": MemPlusPlus,
}


@pytest.mark.parametrize("kind", PURE)
@pytest.mark.parametrize(
    ("h", "w", "edge", "quality"),
    [
        (100, 150, 128, 70),  # two tiles, both padded, windows cut off at the edges
        (170, 200, 192, 100),  # several windows in a group; large symbols
        (17, 1, 64, 0),  # groups without any symbol
    ],
)
def test_same_symbols(
    all_tiny_models: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    h: int,
    w: int,
    edge: int,
    quality: int,
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    codec = Codec(kind, device="cpu", tile_edge=edge)
    data = codec.encode(picture(h, w), quality)
    expected = codec.decode_symbols(data).y
    assert np.array_equal(PURE[kind](all_tiny_models / kind).decode(data), expected)
    assert parse(data).model_id == codec.loaded.model_id
    if quality:
        assert len(np.unique(expected)) > 20


@pytest.mark.parametrize("predictor", range(4))
@pytest.mark.parametrize("full", [255, 65535])
def test_same_alpha(tiny_model: Path, full: int, predictor: int) -> None:
    """Planes that each prediction suits best, and the mode of the file."""
    random = np.random.default_rng(5)
    noise = random.integers(0, 97, (41, 57)) * 631
    alpha = (noise, noise.cumsum(1), noise.cumsum(0), noise.cumsum(1).cumsum(0))[predictor]
    dtype = np.uint8 if full == 255 else np.uint16
    source = Picture(picture(41, 57).astype(dtype), alpha=(alpha & full).astype(dtype))
    data = Codec(device="cpu").encode(source, 50)
    file = parse(data)
    assert file.alpha is not None and file.alpha[0] & 15 == predictor
    assert (file.colour, file.depth) == (True, 8 if full == 255 else 16)
    assert source.alpha is not None
    assert np.array_equal(alpha_plane(file), source.alpha)


def test_alpha_of_the_other_kinds(tiny_model: Path) -> None:
    codec = Codec(device="cpu")
    half = np.full((9, 9), 128 * 257, np.uint16)
    gray = Picture(half, alpha=half)
    assert np.array_equal(alpha_plane(parse(codec.encode(gray, 50))), half)
    assert not parse(codec.encode(gray, 50)).colour
    opaque = Picture(half, alpha=np.full((9, 9), 65535, np.uint16))
    assert (alpha_plane(parse(codec.encode(opaque, 50))) == 65535).all()
    with pytest.raises(ValueError, match="no alpha"):
        alpha_plane(parse(codec.encode(Picture(half), 50)))


def test_same_metadata(tiny_model: Path) -> None:
    """A known profile, one with changes, and what is deflated."""
    known = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # with a date
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + bytes(range(256)) + b"</x:xmpmeta>" * 9
    exif = b"II*\0" + b"\x08\0\0\0" + bytes(70)
    for icc in (known, known[:24] + known[0:12] + known[36:], known + known[100:]):
        given = Metadata(icc, exif, xmp)
        file = parse(Codec(device="cpu").encode(Picture(picture(9, 9), metadata=given), 50))
        assert metadata(file) == {129: icc, 130: exif, 131: xmp}
        assert [kind for kind, _ in file.others] == [132, 132, 132]
        assert sum(len(payload) for _, payload in file.others) < 600


def saturate(folder: Path) -> None:
    """Change a released model so that its clamps are reached.

    All but those of the scores and of the norm, which stay far below with so few channels.
    """
    random = np.random.default_rng(3)
    tensors = load_file(folder / "entropy.safetensors")
    tables = [n for n in tensors if n.endswith(("group_table.weight", "quality_table.weight"))]
    rows = tensors[min(tables)]
    rows[...] = random.integers(-32767, 32768, rows.shape) * random.integers(0, 2, rows.shape)
    factors = {"features": 100, "embed.0": 60, ".qkv": 3, ".project": 50, ".up": 8, "spatial": 8}
    factors |= {".query": 3, ".key": 3, ".value": 3, ".key_value": 3, "channel.0.enter": 8}
    for name, tensor in tensors.items():
        for part, factor in factors.items():
            if name.startswith("network.") and name.endswith(f"{part}.multiplier"):
                tensor *= np.float32(factor)
    heads = [n for n in tensors if n.startswith("network.") and tensors[n].shape[:1] == (101,)]
    for name in (n.removesuffix(".multiplier") for n in heads if n.endswith(".multiplier")):
        mean, index = np.split(tensors[f"{name}.multiplier"], 2, axis=1)
        mean *= np.float32(400)
        index *= np.float32(5)
        tensors[f"{name}.bias"][:, index.shape[1] :] = 0
    save_file(tensors, folder / "entropy.safetensors")
    config = json.loads((folder / "config.json").read_text())
    shared = folder.parent / "transforms"
    sizes = config | json.loads((shared / "config.json").read_text())
    transforms = load_file(shared / "transforms.safetensors")
    config["model_id"] = model_id(sizes, transforms, tensors).hex()
    (folder / "config.json").write_text(json.dumps(config))
    lock_model(folder.parent, folder.name)


@pytest.mark.parametrize("kind", PURE)
def test_same_symbols_at_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    models = write_tiny_model(tmp_path, kind=kind)
    saturate(models / kind)
    monkeypatch.setenv("LCODEC_MODELS", str(models))
    codec = Codec(kind, device="cpu", tile_edge=64)
    header = codec._header_of(Picture(np.zeros((60, 100, 3), np.uint8)))(90)
    y = np.random.default_rng(4).standard_cauchy((LATENT, 4, 7)).astype(np.float32) * 300
    watch = Stopwatch()
    symbols = codec.stages.latents.quantise(header, Latents(y, to_symbols(y)), watch)
    tiles = codec.stages.latents.code_tiles(header, symbols, watch, BitTally())
    data = container.write(header, tiles)
    expected = np.rint(y).clip(-32767, 32767)
    assert np.abs(expected).max() == 32767
    assert np.array_equal(codec.decode_symbols(data).y, expected)
    assert np.array_equal(PURE[kind](models / kind).decode(data), expected)


def test_checksum_is_over_these_symbols(
    all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    codec = Codec("groupedmixer", device="cpu", tile_edge=64)
    file = container.read(codec.encode(picture(40, 40), 60))
    tile = file.tiles[0]
    wrong = TilePayload(tile.checksum ^ 1, tile.hyper, tile.latent)
    with pytest.raises(ValueError, match="wrong symbol checksum"):
        Model(all_tiny_models / "groupedmixer").decode(container.write(file.header, [wrong]))


def test_levels_of_a_visual_model(tiny_model: Path) -> None:
    """Its levels stand for other qualities than those the networks were trained with."""
    codec = Codec(tune="visual", device="cpu", tile_edge=64)
    for quality in (0, 40, 100):
        data = codec.encode(picture(40, 70), quality)
        expected = codec.decode_symbols(data).y
        assert np.array_equal(Model(tiny_model / codec.loaded.name).decode(data), expected)
