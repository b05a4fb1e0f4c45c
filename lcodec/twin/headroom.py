"""Fit the residual streams into 16 bits: scale down those that would be clamped.

Only norms read a residual stream, so whatever writes into it can be multiplied by a constant and
the network computes the same, except for the norms' epsilon and rounding. Training leaves that
constant free, and streams do grow beyond ``RESIDUAL_LIMIT / RESIDUAL_SCALE``, where the integers
clamp them; the export chooses it. Only streams that need it are scaled: a smaller stream has fewer
steps. A model restored from integers has their scale, and clamps as they do.

Training with the clamp would make this unnecessary for new runs, but weights trained without it,
including all released ones, would be far off as soon as training continued.
"""

from __future__ import annotations

import copy
from functools import partial

import torch
from torch import Tensor, nn

from lcodec.integer.kit import RESIDUAL, Norm
from lcodec.integer.trainable import twin_layers
from lcodec.twin.codec import TwinCodec

LIMIT = RESIDUAL.high / RESIDUAL.scale
"""Largest value of a stream in real units."""

ROOM = 0.75
"""Share of the limit to which the largest value on the probes is scaled: other pictures reach
further, by a quarter in the weights examined."""

SIDE = 128
QUALITIES = (0.0, 50.0, 100.0)

SYNTHESIS = "synthesis."
"""Prefix of the hyper-synthesis, whose streams are scaled apart from those of the context model."""


def probe_pictures() -> Tensor:
    """Fixed pictures of high contrast at several scales, (4, 3, SIDE, SIDE) in [0, 1]."""
    draw = torch.Generator().manual_seed(1)
    soft = torch.rand(3, SIDE, SIDE, generator=draw)
    hard = torch.rand(3, SIDE, SIDE, generator=draw).round()
    cells = torch.rand(3, SIDE // 8, SIDE // 8, generator=draw).round()
    blocks = cells.repeat_interleave(8, 1).repeat_interleave(8, 2)
    ramp = torch.linspace(0, 1, SIDE).expand(3, SIDE, SIDE)
    return torch.stack((soft, hard, blocks, ramp))


@torch.no_grad()
def scale_streams(network: nn.Module, factor: float, synthesis: bool) -> None:
    """Multiply the residual streams of the hyper-synthesis, or those of all the rest."""
    for name, layer in twin_layers(network):
        if layer.writes_stream and name.startswith(SYNTHESIS) == synthesis:
            for parameter in layer.parameters():
                parameter.mul_(factor)


@torch.no_grad()
def stream_peaks(model: TwinCodec) -> tuple[float, float]:
    """Largest magnitude in the residual streams on `probe_pictures`, in real units, unclamped.

    First in the context model, then in the hyper-synthesis; with the rounding of the integers.
    """
    peaks = [0.0, 0.0]

    def watch(synthesis: bool, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        peaks[synthesis] = max(peaks[synthesis], float(inputs[0].abs().max()))

    handles = [
        layer.register_forward_pre_hook(partial(watch, name.startswith(SYNTHESIS)))
        for name, layer in model.network.named_modules()
        if isinstance(layer, Norm)
    ]
    rounding = model.kit.rounding
    before = rounding.enabled, rounding.bounded
    rounding.enabled, rounding.bounded = True, False
    pictures = probe_pictures().to(model.prior.mean.values.device)
    try:
        for quality in QUALITIES:
            levels = torch.full((len(pictures),), quality, device=pictures.device)
            y, z = model.latents(pictures, levels)
            model.code(y, z, levels, reconstruct=False)
    finally:
        rounding.enabled, rounding.bounded = before
        for handle in handles:
            handle.remove()
    return peaks[0], peaks[1]


def with_headroom(model: TwinCodec) -> TwinCodec:
    """The same model, or a copy whose streams are scaled so that none is clamped on the probes."""
    factors = [1.0 if peak <= LIMIT else ROOM * LIMIT / peak for peak in stream_peaks(model)]
    if min(factors) == 1.0:
        return model
    model = copy.deepcopy(model)
    for synthesis, factor in enumerate(factors):
        scale_streams(model.network, factor, bool(synthesis))
    return model
