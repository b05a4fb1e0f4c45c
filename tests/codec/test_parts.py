"""Regions and previews: the same pixels, from no more of the file than they need."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import lcodec
from lcodec import container
from lcodec.coding import SymbolDecoder
from lcodec.container import FileReader, TilePayload
from lcodec.entropy.interface import Extent, groups_of
from lcodec.errors import FormatError, InputError, MismatchError, UsageError
from lcodec.library.codec import Codec
from lcodec.process.timing import Stopwatch
from lcodec.region import Region
from tests.cli.command import lcodec as command
from tests.conftest import ROOT
from tests.tinymodel import picture

HEIGHT, WIDTH = 200, 330
BOXES = [
    (0, 0, 1, 1),
    (0, 0, WIDTH, HEIGHT),
    (63, 63, 2, 2),  # in four tiles
    (100, 50, 130, 77),
    (WIDTH - 1, HEIGHT - 1, 1, 1),
    (0, 190, WIDTH, 10),
]


class Counted(io.BytesIO):
    """A file that counts what is read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.fixture(scope="module")
def samples() -> dict[str, NDArray[Any]]:
    colours = picture(HEIGHT, WIDTH)
    ramp = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) % 256
    gray = np.dstack([colours[..., 0], ramp.astype(np.uint8)])
    deep = np.dstack([colours.astype(np.uint16) * 250, (ramp * 250 + 7).astype(np.uint16)])
    return {"colour": colours, "gray with alpha": gray, "deep with alpha": deep}


@pytest.mark.parametrize("kind", ["colour", "gray with alpha", "deep with alpha"])
def test_a_region_is_the_crop(
    tiny_model: Path, samples: dict[str, NDArray[Any]], kind: str
) -> None:
    codec = Codec(device="cpu", tile_edge=64)
    data = codec.encode(samples[kind], 60)
    whole = codec.decode(data)
    with lcodec.Reader(data, codec=codec) as reader:
        for left, top, width, height in BOXES:
            part = reader.read((left, top, width, height))
            crop = np.s_[top : top + height, left : left + width]
            assert np.array_equal(part.pixels, whole.pixels[crop])
            assert (part.alpha is None) == (whole.alpha is None)
            if part.alpha is not None and whole.alpha is not None:
                assert np.array_equal(part.alpha, whole.alpha[crop])


def test_what_a_region_costs(tiny_model: Path) -> None:
    codec = Codec(device="cpu", tile_edge=64)
    data = codec.encode(picture(640, 640), 60)
    halo = codec.loaded.transforms.config.synthesis_halo
    stream = Counted(data)
    parts = codec.parts(FileReader(stream))
    assert stream.count < 2000 + 7 * 103  # the header, and the starts of 100 tiles and few others
    watch = Stopwatch()
    parts.decode(Region(256, 256, 64, 64), 1, watch)
    assert parts.parsed == 9  # that tile, and those the halo reaches into
    assert parts.synthesised == (4 + 2 * halo) ** 2
    assert stream.count < len(data) / 5
    # What was parsed is kept, and a neighbour needs three more.
    parts.decode(Region(320, 256, 64, 64), 1, watch)
    assert parts.parsed == 12
    parts.decode(Region(272, 272, 16, 16), 1, watch)
    assert parts.parsed == 12


def test_what_is_kept_is_bounded(tiny_model: Path) -> None:
    codec = Codec(device="cpu", tile_edge=64)
    file = container.read(codec.encode(picture(128, 192), 60))
    tile = 4 * 4 * codec.loaded.config.transforms.latent * 2
    parts = codec.parts(file, kept=2 * tile)
    watch = Stopwatch()
    for _ in range(2):
        for left in (0, 64, 128):
            parts.decode(Region(left, 0, 64, 32), 16, watch)
    assert parts.parsed == 3  # of a preview it is a part of the channels
    first = codec.parts(file, kept=2 * tile - 1)
    for _ in range(2):
        for left in (0, 191):
            first.decode(Region(left, 0, 1, 1), 1, watch)
    assert first.parsed == 4


def test_previews_are_means_of_the_linear_branch(tiny_model: Path) -> None:
    codec = Codec(device="cpu", tile_edge=64)
    pixels = picture(HEIGHT, WIDTH)
    data = codec.encode(pixels, 80)
    transforms = codec.loaded.transforms
    y = torch.from_numpy(codec.decode_symbols(data).y.astype(np.float32))[None]
    for scale, share in ((2, 2), (4, 2), (8, 8), (16, 24)):
        shown = lcodec.decode(data, scale=scale, device="cpu").pixels
        assert shown.shape == (-(-HEIGHT // scale), -(-WIDTH // scale), 3)
        kept = y.clone()
        kept[:, max(3, -(-y.shape[1] // share)) :] = 0
        with torch.inference_mode():
            gains = transforms.gains.inverse(codec.stages.pixels.quality(80))[:, :, None, None]
            full = transforms.synthesis.linear_only(kept * gains)[0]
            mean = torch.nn.functional.avg_pool2d(full, scale).clamp(0, 1) * 255
        expected = mean.permute(1, 2, 0).numpy()[: shown.shape[0], : shown.shape[1]]
        assert np.abs(shown - expected).max() < 0.51
        # And they look like the picture.
        rows, columns = HEIGHT // scale * scale, WIDTH // scale * scale
        small = pixels[:rows, :columns].reshape(rows // scale, scale, columns // scale, scale, 3)
        error = small.mean((1, 3)) - shown[: rows // scale, : columns // scale]
        assert (error**2).mean() < 0.2 * small.mean((1, 3)).var()


def test_a_region_of_a_preview(tiny_model: Path, samples: dict[str, NDArray[Any]]) -> None:
    codec = Codec(device="cpu", tile_edge=64)
    data = codec.encode(samples["gray with alpha"], 60)
    with lcodec.Reader(data, codec=codec) as reader:
        whole = reader.read(scale=4)
        part = reader.read((101, 50, 130, 77), scale=4)
    crop = np.s_[50 // 4 : -(-127 // 4), 101 // 4 : -(-231 // 4)]
    assert np.array_equal(part.pixels, whole.pixels[crop])
    assert part.alpha is not None and whole.alpha is not None
    assert np.array_equal(part.alpha, whole.alpha[crop])
    exact = samples["gray with alpha"][..., 1].reshape(50, 4, -1)[:, :, :328].reshape(50, 4, 82, 4)
    assert np.abs(whole.alpha[:, :82] - exact.mean((1, 3))).max() <= 0.5


@pytest.mark.parametrize("channels", [1, 3], ids=["gray", "colour"])
def test_regions_of_previews_are_exact(tiny_model: Path, channels: int) -> None:
    """Products that round differently for other shapes would show in 16 bits, by one level."""
    codec = Codec(device="cpu", tile_edge=64)
    chance = np.random.default_rng(1)
    deep = picture(HEIGHT, WIDTH).astype(np.uint16) * 250 + chance.integers(
        0, 250, (HEIGHT, WIDTH, 3), np.uint16
    )
    data = codec.encode(deep if channels == 3 else deep[..., 1].copy(), 90)
    with lcodec.Reader(data, codec=codec) as reader:
        for scale in (2, 4, 8, 16):
            whole = reader.read(scale=scale).pixels
            for _ in range(60):
                left, top = int(chance.integers(WIDTH)), int(chance.integers(HEIGHT))
                right = int(chance.integers(left, WIDTH)) + 1
                bottom = int(chance.integers(top, HEIGHT)) + 1
                part = reader.read((left, top, right - left, bottom - top), scale=scale).pixels
                crop = whole[top // scale : -(-bottom // scale), left // scale : -(-right // scale)]
                assert np.array_equal(part, crop)


def test_a_preview_parses_the_first_channels_only(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = Codec(device="cpu", tile_edge=64)
    model, latent = codec.loaded.entropy, codec.loaded.config.transforms.latent
    extent = Extent(4, 4, 4, 4)
    groups = [groups_of(model, latent, channels, extent) for channels in (3, latent)]
    assert groups[0] < groups[-1]
    data = codec.encode(picture(64, 64), 60)
    seen = []
    get = SymbolDecoder.get

    def counted(self: Any, mean: Any, index: Any) -> Any:
        seen.append(1)
        return get(self, mean, index)

    monkeypatch.setattr(SymbolDecoder, "get", counted)
    lcodec.decode(data, scale=16, device="cpu")
    assert len(seen) == 1 + groups[0]  # the hyper-latent is one


@pytest.mark.parametrize(
    "kind", ["groupedmixer-channels-first", "econtextformer", "memplusplus", "serial", "hyperprior"]
)
def test_previews_with_every_order_of_groups(
    all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    codec = Codec(kind, device="cpu", tile_edge=64)
    data = codec.encode(picture(70, 90), 70)
    y = codec.decode_symbols(data).y
    file = container.read(data)
    parts = codec.parts(file)
    count = -(-len(y) // 4)
    tile = parts._tile(parts._areas[0], count, count, Stopwatch())
    assert np.array_equal(tile.y, y[:count, :4, :4])


def test_damage_counts_where_it_is_read(tiny_model: Path) -> None:
    codec = Codec(device="cpu", tile_edge=64)
    data = bytearray(codec.encode(picture(64, 256), 60))
    sections = lcodec.inspect(bytes(data))["sections"]
    last = [section for section in sections if section["type"] == "TILE"][-1]
    data[last["offset"] + 20] ^= 1
    with lcodec.Reader(bytes(data), codec=codec) as reader:
        reader.read((0, 0, 64, 64))
        with pytest.raises(FormatError, match="wrong CRC in TILE"):
            reader.read((192, 0, 64, 64))
    with pytest.raises(FormatError, match="truncated"):
        lcodec.decode(bytes(data[:-1]), region=(0, 0, 8, 8))


def test_wrong_symbols_are_told(tiny_model: Path) -> None:
    codec = Codec(device="cpu", tile_edge=64)
    file = container.read(codec.encode(picture(64, 64), 60))
    (tile,) = file.tiles
    other = TilePayload(tile.checksum ^ 1, tile.hyper, tile.latent)
    data = container.write(file.header, [other])
    with pytest.raises(MismatchError):
        lcodec.decode(data, region=(0, 0, 8, 8), device="cpu")


def test_forms_of_files(tiny_model: Path, tmp_path: Path) -> None:
    data = lcodec.encode(picture(40, 56), device="cpu")
    path = tmp_path / "a.lic"
    path.write_bytes(data)
    expected = lcodec.decode(data, device="cpu").pixels[10:20, 5:20]
    with path.open("rb") as stream:
        for form in (data, bytearray(data), path, str(path), stream, container.read(data)):
            part = lcodec.decode(form, region=(5, 10, 15, 10), device="cpu")
            assert np.array_equal(part.pixels, expected)
    assert np.array_equal(
        lcodec.decode(FileReader(io.BytesIO(data)), device="cpu").pixels[10:20, 5:20], expected
    )
    with pytest.raises(InputError, match="no such file"):
        lcodec.decode(tmp_path / "b.lic", scale=2)
    wrong: Any = 5
    with pytest.raises(UsageError, match="not an int"):
        lcodec.decode(wrong, scale=2)


def test_what_is_no_part(tiny_model: Path) -> None:
    data = lcodec.encode(picture(40, 56), device="cpu")
    wrong: Any
    for wrong in ((0, 0, 57, 1), (0, 40, 1, 1), (-1, 0, 5, 5), (0, 0, 0, 5), (1, 2, 3), "abcd", 7):
        with pytest.raises(UsageError, match="region"):
            lcodec.decode(data, region=wrong, device="cpu")
    for wrong in (0, 3, 32, -1, "1/8"):
        with pytest.raises(UsageError, match="scale"):
            lcodec.decode(data, scale=wrong, device="cpu")
    with pytest.raises(InputError, match="over the limit"):
        lcodec.decode(data, region=(0, 0, 10, 11), max_pixels=109, device="cpu")
    # The picture itself may be larger than the limit.
    assert lcodec.decode(data, region=(0, 0, 10, 10), max_pixels=100, device="cpu").alpha is None


def test_the_viewer_of_the_manual(tiny_model: Path, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "parts.md").read_text("utf-8")
    names: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    codec = Codec(device="cpu", tile_edge=64)
    data = codec.encode(picture(300, 530), 60)
    (tmp_path / "a.lic").write_bytes(data)
    whole = codec.decode(data).pixels
    viewer = names["Pyramid"](tmp_path / "a.lic", kept=1 << 20)
    assert viewer.size(1) == (530, 300) and viewer.size(4) == (133, 75)
    assert viewer.tile(1, 0, 0).size == (256, 256)
    assert np.array_equal(np.asarray(viewer.tile(1, 2, 1)), whole[256:, 512:])
    assert viewer.tile(2, 1, 0).size == (9, 150)


def test_the_commands(tiny_model: Path, tmp_path: Path) -> None:
    data = Codec(device="cpu", tile_edge=64).encode(picture(HEIGHT, WIDTH), 60)
    (tmp_path / "a.lic").write_bytes(data)
    whole = Codec(device="cpu").decode(data).pixels

    def decode(*options: str, stdin: bytes = b"") -> Any:
        return command("decode", *options, "--device", "cpu", stdin=stdin, cwd=tmp_path)

    for text in ("100,50,130x77", "130x77+100+50"):
        done = decode("a.lic", "b.png", "-f", "--json", "--region", text)
        assert done.status == 0, done.err
        record = json.loads(done.out)
        assert (record["width"], record["height"]) == (130, 77)
        with Image.open(tmp_path / "b.png") as image:
            assert np.array_equal(np.asarray(image), whole[50:127, 100:230])
    done = decode("-", "c.png", "--scale", "1/8", stdin=data)
    with Image.open(tmp_path / "c.png") as image:
        assert image.size == (42, 25)
    for options, words in (
        (("--region", "300,0,31x1"), "not inside the picture of 330x200"),
        (("--region", "1,2,3"), "is not X,Y,WxH"),
        (("--region", "1,2,0x3"), "has no pixels"),
        (("--scale", "8"), "did you mean `1/8`?"),
        (("--scale", "1/3"), "is not 1/2, 1/4, 1/8 or 1/16"),
    ):
        refused = decode("a.lic", "d.png", *options)
        assert refused.status == 2 and words in refused.error_line
    refused = decode("a.lic", "d.png", "--scale", "1/2", "--salvage")
    assert refused.status == 2 and "no `--region`" in refused.error_line
    refused = decode("b.png", "d.png", "--scale", "1/2")
    assert refused.status == 4 and "a PNG picture" in refused.error_line
    refused = decode("a.lic", "d.png", "--region", "0,0,20x20", "--max-pixels", "399")
    assert refused.status == 3 and "over the limit" in refused.error_line
    assert not (tmp_path / "d.png").exists()
