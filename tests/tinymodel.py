"""A small random model for tests: the real networks, a few thousand weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lcodec.library.codec import Codec
from lcodec.nets.transforms import TransformConfig
from lcodec.training.export import TRANSFORMS_NAME, write_model
from lcodec.tunes import default_model
from lcodec.twin.codec import TwinCodec
from lcodec.weights.config import ModelConfig
from lcodec.weights.lock import lock_model
from tests.entropy.tiny import GROUPEDMIXER, HYPER_LATENT, LATENT, TINY

KIND = "groupedmixer"
VISUAL_TRANSFORMS = "transforms-visual"
ENTROPY = GROUPEDMIXER
CONFIG = ModelConfig(
    TransformConfig(
        latent=LATENT,
        width8=16,
        width16=16,
        analysis8=1,
        analysis16=1,
        synthesis16=1,
        synthesis8=1,
        hyper_width=16,
        hyper_latent=HYPER_LATENT,
        anchors=3,
    ),
    ENTROPY,
)


def cosine_components(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Orthonormal 16x16 cosine components of gray and of two colour differences."""
    axis = torch.arange(16, dtype=torch.float64)
    basis = torch.cos(torch.pi * (axis[None] + 0.5) * axis[:, None] / 16) * (2 / 16) ** 0.5
    basis[0] /= 2**0.5
    colours = torch.linalg.qr(
        torch.tensor([[1.0, 1, 0], [1, 0, 1], [1, -1, -1]], dtype=torch.float64)
    )[0].t()
    rows = []
    for order in range(16):
        for i in range(order + 1):
            for colour in colours:
                patch = torch.outer(basis[i], basis[order - i])
                rows.append((colour[:, None, None] * patch).flatten())
    deviation = torch.tensor([3.0 / (1 + k // 3) for k in range(count)])
    return torch.stack(rows[:count]).float(), deviation


def tiny_codec(seed: int = 0, rounding: bool = True, kind: str = KIND, **sizes: Any) -> TwinCodec:
    """A model whose heads and closed layers are random too, so that everything matters.

    The transforms depend on the seed and their ``sizes`` alone, so those of all kinds are the same.
    """
    torch.manual_seed(seed)
    transforms = replace(CONFIG.transforms, **sizes)
    model = TwinCodec(replace(CONFIG, transforms=transforms, entropy=TINY[kind]), rounding)
    model.transforms.start_from_components(*cosine_components(LATENT))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("network") and parameter.abs().max() == 0:
                parameter.normal_(std=0.1)
            if "scores.bias" in name:
                parameter.normal_(std=0.5)
    return model.eval()


def write_tiny_model(root: Path, seed: int = 0, kind: str = KIND, name: str | None = None) -> Path:
    """Release a tiny model below ``root``, by default under its kind; returns its models folder."""
    return release(root, tiny_codec(seed, kind=kind), name or kind, TRANSFORMS_NAME)


def write_visual_model(root: Path) -> Path:
    """Release a tiny model of tune visual as the default model; returns its models folder.

    Its levels are unevenly spread over the qualities its networks know.
    """
    codec = tiny_codec(seed=1, deblocking=True)
    scale = tuple(round(100 * (level / 100) ** 1.25, 3) for level in range(101))
    codec.config = replace(codec.config, tune="visual")
    codec.rescale(scale)
    return release(root, codec, default_model(), VISUAL_TRANSFORMS)


def release(root: Path, codec: TwinCodec, name: str, transforms: str) -> Path:
    """Release ``codec`` below ``root``; returns its models folder."""
    models = root / "models"
    write_model(codec, models, name, transforms)
    lock_model(models, name)
    lock_model(models, transforms)
    return models


def picture(h: int, w: int, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth colour picture with edges and some noise, uint8 (h, w, 3)."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:h, 0:w].astype(np.float64)
    out = np.empty((h, w, 3))
    for channel in range(3):
        a, b, c = random.uniform(0.005, 0.06, 3)
        out[..., channel] = (
            128 + 70 * np.sin(a * rows + c * 20) + 40 * np.cos(b * columns + channel)
        )
    out += 50.0 * (((rows // 23 + columns // 31) % 2) > 0)[..., None]
    out += random.normal(0, 4, out.shape)
    return out.clip(0, 255).astype(np.uint8)


def drawn(h: int, w: int) -> NDArray[np.uint8]:
    """Flat rectangles on the left, `picture` on the right half, uint8 (h, w, 3)."""
    out = picture(h, w)
    colours = np.random.default_rng(9).integers(0, 256, (-(-h // 9), -(-w // 22), 3), np.uint8)
    flat = colours.repeat(9, axis=0).repeat(11, axis=1)[:h, : w // 2]
    out[:, : w // 2] = flat
    return out


def encode_layered(codec: Codec, pixels: NDArray[np.uint8], quality: int) -> bytes:
    """A file with a lossless layer, whatever the networks would cost."""
    from lcodec import container

    other = Codec(codec.loaded.name, device="cpu", tile_edge=codec.tile_edge)
    assert other.stages.splitter is not None
    other.stages.splitter._octave *= 100.0
    data = other.encode(pixels, quality)
    assert container.read(data).layers
    return data
