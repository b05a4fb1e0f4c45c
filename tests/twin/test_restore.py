"""Training goes on from released weights. That restoring inverts the export: tests/entropy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lcodec.entropy.groupedmixer import GroupedMixerConfig
from lcodec.errors import InputError
from lcodec.integer.condition import Condition
from lcodec.training.data import CropDataset
from lcodec.training.export import write_model
from lcodec.training.splitslices import split_slices
from lcodec.training.start import load_start
from lcodec.twin.codec import TwinCodec
from lcodec.twin.restore import restore_model
from tests.tinymodel import tiny_codec


def no_pictures() -> CropDataset:
    raise AssertionError("not needed for as many channels")


def test_a_run_starts_from_a_released_model(tmp_path: Path) -> None:
    source = tiny_codec(seed=5)
    write_model(source, tmp_path, "tiny", "shared")
    target = tiny_codec(seed=6)
    assert load_start(target, tmp_path / "tiny", no_pictures) == []
    weight = source.transforms.analysis.enter.weight
    assert torch.allclose(target.transforms.analysis.enter.weight, weight, atol=1e-3)


def test_fresh_takes_the_transforms_and_the_hyper_synthesis(tmp_path: Path) -> None:
    write_model(tiny_codec(seed=5), tmp_path, "tiny", "shared")
    fresh = load_start(tiny_codec(seed=6), tmp_path / "tiny", no_pictures, fresh=True)
    assert "network.features.weight" in fresh and "network.layers.0.inner.qkv.weight" in fresh
    assert not any(n.startswith(("transforms.", "prior.", "network.synthesis.")) for n in fresh)


def test_the_entropy_model_of_another_release(tmp_path: Path) -> None:
    """What fits comes with it, and all that is shared from the start, even from fewer channels."""
    kind = "econtextformer"
    old, new = tiny_codec(seed=5, kind=kind), tiny_codec(seed=6)
    write_model(old, tmp_path / "old", kind, "shared")
    write_model(new, tmp_path / "new", "tiny", "shared")
    network = old.config.entropy
    target = TwinCodec(replace(new.config, entropy=network))
    folders = tmp_path / "new" / "tiny", tmp_path / "old" / kind
    assert load_start(target, folders[0], no_pictures, entropy=folders[1]) == []
    expected = [dict(restore_model(folder).state_dict()) for folder in folders]
    for name, value in target.state_dict().items():
        shared = name.startswith(("transforms.", "prior.", "network.synthesis."))
        assert torch.equal(value, expected[0 if shared else 1][name]), name

    wide = 2 * network.latent
    transforms = replace(target.config.transforms, latent=wide)
    config = replace(target.config, transforms=transforms, entropy=replace(network, latent=wide))
    new = TwinCodec(replace(config, entropy=replace(new.config.entropy, latent=wide)))
    write_model(new, tmp_path / "wide", "tiny", "shared")
    target = TwinCodec(config)
    fresh = load_start(target, tmp_path / "wide" / "tiny", no_pictures, entropy=folders[1])
    assert fresh
    assert all(".embed." in name or ".head." in name for name in fresh), fresh


def test_an_incomplete_released_model_is_refused(tmp_path: Path) -> None:
    write_model(tiny_codec(), tmp_path, "tiny", "shared")
    path = tmp_path / "tiny" / "entropy.safetensors"
    path.write_bytes(b"?")
    with pytest.raises(InputError, match="not a complete released model"):
        restore_model(tmp_path / "tiny")
    path.unlink()
    with pytest.raises(InputError, match="not a complete released model"):
        restore_model(tmp_path / "tiny")


def test_slices_are_split(tmp_path: Path) -> None:
    """Parts of a slice get its share of embedding and head, and all the rest of it."""
    torch.manual_seed(3)
    source = tiny_codec(seed=5)
    with torch.no_grad():
        for parameter in source.network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    old = source.config.entropy
    assert isinstance(old, GroupedMixerConfig)
    new = replace(old, slices=2 * old.slices)
    write_model(source, tmp_path, "tiny", "shared")
    source = restore_model(tmp_path / "tiny")
    target = TwinCodec(replace(source.config, entropy=new))
    assert load_start(target, tmp_path / "tiny", no_pictures) == []
    again = TwinCodec(target.config)
    assert "network.features.weight" in load_start(
        again, tmp_path / "tiny", no_pictures, fresh=True
    )
    source.kit.rounding.enabled = target.kit.rounding.enabled = False
    a: Any = source.network
    b: Any = target.network
    latents, tokens = torch.randn(1, old.slice_widths[0]), torch.randn(1, old.width)
    condition = Condition(torch.tensor([50.0]), deviation=torch.rand(1, old.latent) + 0.5)
    for part in range(old.slices):
        first, second = b.embed[2 * part], b.embed[2 * part + 1]
        halves = latents.chunk(2, dim=1)
        both = first(halves[0]) + second(halves[1]) - second.linear.bias
        assert torch.allclose(a.embed[part](latents), both, atol=1e-5)
        for k in range(2):  # mean, scale index
            expected = a.heads[part](tokens, condition)[k]
            heads = [b.heads[2 * part + j](tokens, condition)[k] for j in range(2)]
            assert torch.allclose(expected, torch.cat(heads, 1), atol=1e-4)
    grid = torch.randint(-3, 4, (1, old.hyper_latent, 2, 2)).float()
    quality = torch.tensor([50.0])
    expected, split = a.side_tokens(grid, quality), b.side_tokens(grid, quality)
    for group in range(new.groups):
        part, phase = divmod(group, old.phases)
        whole = part // 2 * old.phases + phase
        assert torch.allclose(split[:, group], expected[:, whole], atol=1e-5)
    whole_bias, split_bias = (n.layers[0].cross.attention.scores.bias for n in (a, b))
    last_pair = split_bias.view(-1, new.groups, new.groups)[:, -1, old.phases]
    first_part = whole_bias.view(-1, old.groups, old.groups)[:, -1, 0]
    assert torch.allclose(last_pair, first_part)
    stored = dict(target.state_dict())
    assert split_slices(stored, old, replace(new, width=2 * old.width)) is stored


def test_slices_of_other_widths_start_from_equal_ones(tmp_path: Path) -> None:
    """Every channel keeps its weights, and is in the place that its slice's first one was in."""
    source = tiny_codec(seed=5)
    with torch.no_grad():
        for parameter in source.network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    old = source.config.entropy
    assert isinstance(old, GroupedMixerConfig) and old.slice_widths == (16, 16)
    new = replace(old, slices=3, slice_channels=(4, 8, 20))
    write_model(source, tmp_path, "tiny", "shared")
    source = restore_model(tmp_path / "tiny")
    target = TwinCodec(replace(source.config, entropy=new))
    assert load_start(target, tmp_path / "tiny", no_pictures) == []
    source.kit.rounding.enabled = target.kit.rounding.enabled = False
    a: Any = source.network
    b: Any = target.network
    condition = Condition(torch.tensor([50.0]), deviation=torch.rand(1, old.latent) + 0.5)
    tokens = torch.randn(1, old.width)
    for k in range(2):  # mean, scale index
        expected, found = (
            torch.cat([head(tokens, condition)[k] for head in n.heads], 1) for n in (a, b)
        )
        assert torch.allclose(found, expected, atol=1e-4)
    latents = torch.randn(1, old.latent)
    whole = [
        embed(part) for embed, part in zip(a.embed, latents.tensor_split([16], 1), strict=True)
    ]
    parts = [
        embed(part) for embed, part in zip(b.embed, latents.tensor_split([4, 12], 1), strict=True)
    ]
    # The first three slices start in the first old one, and have its bias three times.
    again = sum(parts) - 3 * a.embed[0].linear.bias
    both = sum(whole) - a.embed[0].linear.bias - a.embed[1].linear.bias
    assert torch.allclose(again, both, atol=1e-5)
    grid = torch.randint(-3, 4, (1, old.hyper_latent, 2, 2)).float()
    quality = torch.tensor([50.0])
    expected, split = a.side_tokens(grid, quality), b.side_tokens(grid, quality)
    for group in range(new.groups):
        assert torch.allclose(split[:, group], expected[:, group % old.phases], atol=1e-5)
