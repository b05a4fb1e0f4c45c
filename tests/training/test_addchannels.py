"""More latent channels out of fewer, and what the old ones have learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lcodec.integer.condition import Condition
from lcodec.training.data import CropDataset, patch_components
from lcodec.training.export import write_model
from lcodec.training.start import load_start
from lcodec.twin.codec import TwinCodec
from lcodec.twin.restore import restore_model
from lcodec.weights.config import ModelConfig
from tests.tinymodel import picture, tiny_codec

MORE = 8


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> CropDataset:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(2):
        Image.fromarray(picture(160, 160, seed)).save(folder / f"{seed}.png")
    return CropDataset(folder, 1)


def wider(config: ModelConfig) -> ModelConfig:
    channels = config.transforms.latent + MORE
    return ModelConfig(
        replace(config.transforms, latent=channels), config.entropy.with_latent(channels)
    )


def start(
    folder: Path, pictures: CropDataset, kind: str = "groupedmixer"
) -> tuple[TwinCodec, TwinCodec, torch.Tensor]:
    """A released model, one widened from it, and which of the latter's channels are the old."""
    source = tiny_codec(seed=5, kind=kind)
    with torch.no_grad():  # networks that do something
        for layer in (source.transforms.analysis.leave, source.transforms.synthesis.leave):
            layer.weight.normal_(std=0.05)
    write_model(source, folder, "tiny", "shared")
    source = restore_model(folder / "tiny").eval()
    target = TwinCodec(wider(source.config)).eval()
    assert load_start(target, folder / "tiny", lambda: pictures) == []
    source.kit.rounding.enabled = target.kit.rounding.enabled = False
    old: Any = source.config.entropy
    new: Any = target.config.entropy
    kept = [
        torch.arange(new.latent)[new.channels_of(part)][:own]
        for part, own in enumerate(old.slice_widths)
    ]
    return source, target, torch.cat(kept)


def test_components_show_what_the_others_leave(pictures: CropDataset) -> None:
    first, _ = patch_components(pictures, 20, 16)
    more, deviation = patch_components(pictures, 5, 16, without=first.t())
    assert torch.allclose(more @ first.t(), torch.zeros(5, 20), atol=1e-4)
    assert torch.allclose(more @ more.t(), torch.eye(5), atol=1e-4)
    assert bool((deviation.diff() <= 0).all()) and float(deviation[-1]) > 0


@pytest.mark.parametrize("kind", ["groupedmixer", "groupedmixer-uneven"])
def test_old_channels_keep_what_they_learnt(
    tmp_path: Path, pictures: CropDataset, kind: str
) -> None:
    source, target, kept = start(tmp_path, pictures, kind)
    pixels, quality = torch.rand(2, 3, 64, 64), torch.tensor([20.0, 80.0])
    with torch.no_grad():
        y, z = source.latents(pixels, quality)
        wide_y, wide_z = target.latents(pixels, quality)
        assert torch.allclose(wide_y[:, kept], y, atol=1e-4)
        assert torch.allclose(wide_z, z, atol=1e-4)
        only_old = torch.zeros_like(wide_y)
        only_old[:, kept] = y
        shown = target.transforms.synthesise(only_old, quality)
        assert torch.allclose(shown, source.transforms.synthesise(y, quality), atol=1e-4)
        expected = source.predict(y.round(), z.round(), quality)
        found = target.predict(wide_y.round(), z.round(), quality)
        for one, two in zip(expected, found, strict=True):
            assert torch.allclose(two[:, kept], one, rtol=1e-3, atol=1e-3)


def test_new_channels_begin_as_a_linear_codec(tmp_path: Path, pictures: CropDataset) -> None:
    _, target, kept = start(tmp_path, pictures)
    new = torch.ones(target.config.transforms.latent, dtype=torch.bool)
    new[kept] = False
    assert int(new.sum()) == MORE
    transforms, quality = target.transforms, torch.tensor([60.0])
    rows = transforms.analysis.linear.weight.flatten(1)
    assert torch.allclose(rows[new] @ rows[new].t(), torch.eye(MORE), atol=1e-4)
    pixels = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        y = transforms.analyse(pixels, quality)
        without = y.clone()
        without[:, new] = 0
        # What they add to the picture is its projection on them.
        added = transforms.synthesise(y, quality) - transforms.synthesise(without, quality)
        patches = torch.nn.functional.pixel_unshuffle(torch.cat((pixels - 0.5, added)), 16)
        original, shown = patches.flatten(2)
        projection = rows[new].t() @ rows[new] @ original
        assert torch.allclose(shown, projection, atol=1e-4)
        deviation = transforms.gains(quality) * transforms.gains.deviation
        network: Any = target.network
        state = network.begin(torch.zeros(1, 8, 1, 1), Condition(quality, deviation=deviation))
        mean, _ = network.predict(state)
        part = new[: mean.shape[-1]]
        assert part.any() and not mean[..., part].any() and mean[..., ~part].any()
