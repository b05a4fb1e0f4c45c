"""The cost of symbols as a differentiable function: the released networks as float twins.

The integers of the entropy model have no gradient. Its trainable twin, restored from them, agrees
with them to a fraction of a percent, which is enough for choosing symbols: what these cost by the
integers is not measured again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lcodec.nets.precision import reduced_precision
from lcodec.nets.steps import energy
from lcodec.twin.restore import restore_model
from lcodec.weights import find_model
from lcodec.weights.load import LoadedModel


class Proxy:
    """Synthesis and entropy model of a loaded model, with gradients to the latents only."""

    def __init__(self, loaded: LoadedModel) -> None:
        found = find_model(loaded.name)
        twin = restore_model(found.folder, found.earlier)
        twin.transforms = loaded.transforms
        self._twin = twin.to(loaded.device).eval().requires_grad_(False)
        self._transforms = loaded.transforms
        self.config = loaded.config
        self._device = loaded.device

    def quality(self, level: int) -> Tensor:
        """The networks' quality (1,) at a quality level of a file."""
        return torch.tensor(
            [self.config.trained_quality(level)], dtype=torch.float32, device=self._device
        )

    def predict(self, y_hat: Tensor, z_hat: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation in steps of every latent, two tensors (1, M, h, w).

        ``y_hat`` (1, M, h, w) and ``z_hat`` (1, hyper, h/4, w/4) hold integers.
        """
        with reduced_precision(self._device):
            mean, sigma = self._twin.predict(y_hat, z_hat, quality)
        return mean.float(), sigma.float()

    def hyper_bits(self, z_hat: Tensor, quality: Tensor) -> Tensor:
        """Bits of every hyper-latent of ``z_hat`` (1, hyper, h/4, w/4)."""
        bits: Tensor = self._twin.prior.bits(z_hat, quality)
        return bits

    def synthesise(self, y_hat: Tensor, quality: Tensor) -> Tensor:
        """Pixels (1, 3, 16h, 16w), clipped to [0, 1], from ``y_hat`` (1, M, h, w)."""
        y_hat = y_hat.contiguous(memory_format=torch.channels_last)
        with reduced_precision(self._device):
            return self._transforms.show(y_hat, quality)

    def energy(self, quality: Tensor, gray: bool) -> Tensor:
        """Squares of all samples (1, M, 1, 1) of a step; see `lcodec.nets.steps.energy`."""
        return energy(self._transforms, quality, gray)
