"""Latents of many crops, computed once, to train entropy models over frozen transforms.

The latents are rounded as they will be coded, after the encoder's looks at what they decode to, so
the rate is that of the real symbols, without noise in place of rounding.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from lcodec.errors import InputError
from lcodec.format import QUALITY_MAX
from lcodec.integer import profile as P
from lcodec.nets import looks, steps, worth
from lcodec.nets.precision import reduced_precision
from lcodec.nets.transforms import HYPER_STRIDE, PATCH
from lcodec.process.outputs import make_folder
from lcodec.training import checkpoint
from lcodec.training.data import Crops
from lcodec.twin.codec import TwinCodec
from lcodec.twin.integers import export_transforms

HYPER_PATCH = PATCH * HYPER_STRIDE  # pixels per position of z, each way
HELD_OUT = 0.04  # share of the crops kept for validation


@dataclass(frozen=True)
class LatentCrops:
    """Crops as latents: y int16 (count, M, h, w), z int16 (count, Z, h/4, w/4), quality (count,).

    Qualities are whole levels, as in files. ``origin`` is the `fingerprint` of the model.
    The last share `HELD_OUT` of the crops is for validation.
    """

    y: Tensor
    z: Tensor
    quality: Tensor
    origin: Tensor

    @property
    def side(self) -> int:
        """Pixels along an edge of a crop."""
        return int(self.z.shape[2]) * HYPER_PATCH

    @property
    def training(self) -> int:
        """Number of crops to train on."""
        return len(self.quality) - self.held_out

    @property
    def held_out(self) -> int:
        """Number of crops held out for validation; at least one."""
        return max(1, round(len(self.quality) * HELD_OUT))

    def pick(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """y, z and quality of the crops ``rows``, as float."""
        return self.y[rows].float(), self.z[rows].float(), self.quality[rows].float()

    def draw(self, count: int, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """As `pick`, for random training crops, cut at random to ``side`` pixels."""
        device = self.z.device
        extent, span = self.z.shape[2], side // HYPER_PATCH
        rows = torch.randint(0, self.training, (count,), device=device)
        corners = torch.randint(0, extent - span + 1, (count, 2), device=device)
        y = _squares(self.y, rows, corners * HYPER_STRIDE, span * HYPER_STRIDE)
        return y, _squares(self.z, rows, corners, span), self.quality[rows].float()

    def to(self, device: torch.device) -> LatentCrops:
        """The same crops on a device."""
        return LatentCrops(*(getattr(self, f.name).to(device) for f in fields(self)))

    def save(self, path: Path) -> None:
        """Write to a safetensors file.

        Raises:
            OutputError: the file cannot be written.
        """
        make_folder(path.parent)
        checkpoint.save_tensors({f.name: getattr(self, f.name) for f in fields(self)}, path)

    @classmethod
    def load(cls, path: Path) -> LatentCrops:
        """Read what `save` wrote.

        Raises:
            InputError: the file holds something else, or is damaged.
        """
        tensors = checkpoint.load_tensors(path)
        if set(tensors) != {f.name for f in fields(cls)} or not _fit(**tensors):
            raise InputError(f"{path}: not a file of latents")
        return cls(**tensors)


def _fit(y: Tensor, z: Tensor, quality: Tensor, origin: Tensor) -> bool:
    """Whether tensors have the shapes that `LatentCrops` has, of two crops or more."""
    count, alike = len(quality) if quality.ndim else 0, y.ndim == z.ndim == 4
    extent = [HYPER_STRIDE * side for side in z.shape[2:]]
    shapes = alike and len(y) == len(z) == count >= 2 and list(y.shape[2:]) == extent
    return shapes and quality.ndim == 1 and origin.shape == (32,)


def fingerprint(model: TwinCodec) -> Tensor:
    """SHA-256 of all that latents depend on but the pictures, uint8 (32,).

    That is the weights of the transforms as released, the tune's factors, and the encoder's looks.
    """
    constants = [
        (name, value)
        for module in (looks, steps, worth)
        for name, value in sorted(vars(module).items())
        if name.isupper() and isinstance(value, int | float)
    ]
    known = (looks.VERSION, constants, model.config.factors)
    digest = hashlib.sha256(repr(known).encode())
    for name, value in sorted(export_transforms(model.transforms).items()):
        digest.update(name.encode() + value.numpy().tobytes())
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)


def _squares(planes: Tensor, rows: Tensor, corners: Tensor, side: int) -> Tensor:
    """Square crops of some of the planes (n, C, h, w), float (B, C, side, side).

    ``rows`` (B,) selects the planes; ``corners`` (B, 2) hold first row and first column.
    """
    axis = torch.arange(side, device=planes.device)
    down, along = (corner[:, None] + axis for corner in corners.unbind(1))
    found = planes[rows[:, None, None], :, down[:, :, None], along[:, None, :]]
    return found.permute(0, 3, 1, 2).contiguous().float()


@torch.no_grad()
def compute_latents(
    model: TwinCodec,
    data: Crops,
    count: int,
    side: int,
    device: torch.device,
    at_once: int = 4,
) -> LatentCrops:
    """Latents of ``count`` random crops of ``side`` pixels, each at a random quality level."""
    transforms = model.transforms.eval()
    levels = torch.arange(count) % (QUALITY_MAX + 1)
    levels = levels[torch.randperm(count)]
    ys, zs = [], []
    for start in range(0, count, at_once):
        quality = levels[start : start + at_once].to(device).float()
        pixels = data.batch(len(quality), side).to(device).float() / 255.0
        with reduced_precision(device):
            y = transforms.analyse(pixels, quality)
            z = transforms.hyper_analysis(y)
            y = model.after_looks(y, pixels, quality)
        ys.append(y.round().clamp(-P.SYMBOL_LIMIT, P.SYMBOL_LIMIT).to(torch.int16).cpu())
        zs.append(z.round().clamp(-P.HYPER_LIMIT, P.HYPER_LIMIT).to(torch.int16).cpu())
    return LatentCrops(torch.cat(ys), torch.cat(zs), levels.to(torch.int16), fingerprint(model))
