"""The interface of entropy models, and the coding loop that all its uses share.

An entropy model knows nothing of coders or files. It predicts a mean and a scale index for every
latent of a group from the hyper-latent and from the groups before it, then absorbs the group's
symbols. Encoder, decoder and bit counter differ only in the port that supplies the symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcodec.coding import SymbolPort
from lcodec.nets.transforms import HYPER_STRIDE
from lcodec.process.timing import Stopwatch

Symbols = NDArray[np.int32]
StateT = TypeVar("StateT")


@dataclass(frozen=True)
class Extent:
    """Latent positions of one tile: ``h`` x ``w`` that are coded, inside a padded grid."""

    h: int
    w: int
    padded_h: int
    padded_w: int


class EntropyModel(Protocol[StateT]):
    """Integer entropy model on the parse path. It codes ``B`` tiles of one extent together."""

    fourcc: str

    def prior(self, quality: int) -> tuple[Symbols, Symbols]:
        """Mean (sixteenths) and scale index of z per channel, two arrays (hyper,)."""
        ...

    def begin(self, z_hat: Tensor, quality: int) -> StateT:
        """State before the first group; ``z_hat`` (B, hyper, h/4, w/4) integers."""
        ...

    def predict(self, state: StateT) -> tuple[Tensor, Tensor]:
        """Mean (sixteenths) and scale index of the next group, int32 (B, ...)."""
        ...

    def absorb(self, state: StateT, symbols: Tensor) -> None:
        """Take the next group's symbols, int32 of the same shape."""
        ...

    def group(self, y: Tensor) -> Sequence[Tensor]:
        """Rearrange (B, M, h, w) into groups, each (B, ...)."""
        ...

    def ungroup(self, groups: Sequence[Tensor], h: int, w: int) -> Tensor:
        """Inverse of `group`, for a grid of ``h`` x ``w`` positions."""
        ...


def coded_mask(
    model: EntropyModel[Any],
    latent: int,
    extent: Extent,
    skipped: NDArray[np.bool_] | None = None,
) -> list[NDArray[np.bool_]]:
    """For each group, a mask (...) of the latents that are coded; the others are zero.

    They are those inside the picture, but for positions ``skipped`` (h, w).
    """
    grid = torch.zeros(1, latent, extent.padded_h, extent.padded_w, dtype=torch.bool)
    grid[:, :, : extent.h, : extent.w] = (
        True if skipped is None else torch.from_numpy(np.logical_not(skipped))
    )
    return [np.ascontiguousarray(group[0].numpy()) for group in model.group(grid)]


def groups_of(model: EntropyModel[Any], latent: int, channels: int, extent: Extent) -> int:
    """How many groups, from the first on, cover the first ``channels`` of ``latent`` channels."""
    grid = torch.zeros(1, latent, extent.padded_h, extent.padded_w, dtype=torch.bool)
    grid[:, :channels] = True
    return max(number for number, group in enumerate(model.group(grid), 1) if group.any())


def code_latents(
    model: EntropyModel[StateT],
    z_hat: Tensor,
    quality: int,
    ports: Sequence[SymbolPort],
    masks: Sequence[Sequence[NDArray[np.bool_]]],
    watch: Stopwatch,
    stop: int | None = None,
) -> Tensor:
    """Run all groups of ``len(ports)`` tiles, or the first ``stop``, through the tiles' ports.

    ``z_hat`` (B, hyper, h/4, w/4); ``masks`` of each tile from `coded_mask`. Returns the symbols
    of y, int32 (B, M, h, w), zero outside the masks and in groups that were left out.
    """
    device = z_hat.device
    h, w = (HYPER_STRIDE * side for side in z_hat.shape[2:])

    def nothing(first: int) -> list[Tensor]:
        shapes = [(len(masks), *mask.shape) for mask in masks[0][first:]]
        return [torch.zeros(shape, dtype=torch.int32, device=device) for shape in shapes]

    if not any(mask.any() for own in masks for mask in own):
        return model.ungroup(nothing(0), h, w)
    with watch.stage("entropy network"):
        state = model.begin(z_hat, quality)
    groups: list[Tensor] = []
    for index in range(len(masks[0]) if stop is None else stop):
        with watch.stage("entropy network"):
            mean, scale = (t.cpu().numpy() for t in model.predict(state))
        symbols = np.zeros(mean.shape, dtype=np.int32)
        with watch.stage("range coder"):
            for tile, port in enumerate(ports):
                inside = masks[tile][index]
                symbols[tile][inside] = port.exchange(
                    index, mean[tile][inside], scale[tile][inside]
                )
        group = torch.from_numpy(symbols).to(device)
        groups.append(group)
        with watch.stage("entropy network"):
            model.absorb(state, group)
    return model.ungroup(groups + nothing(len(groups)), h, w)


def code_hyper(
    model: EntropyModel[Any],
    shape: tuple[int, int, int],
    quality: int,
    port: SymbolPort,
    watch: Stopwatch,
    skipped: NDArray[np.bool_] | None = None,
) -> Symbols:
    """Run the hyper-latent of one tile through its port; returns int32 symbols of ``shape``.

    ``shape`` is (hyper, h, w), the size of z. Those at positions ``skipped`` (h, w) are zero and
    not coded.
    """
    mean, scale = model.prior(quality)
    symbols = np.zeros(shape, np.int32)
    coded = np.broadcast_to(True if skipped is None else np.logical_not(skipped), shape)
    area = np.count_nonzero(coded[0])
    with watch.stage("range coder"):
        symbols[coded] = port.exchange(0, np.repeat(mean, area), np.repeat(scale, area))
    return symbols
