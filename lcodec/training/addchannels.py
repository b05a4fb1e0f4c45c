"""Widen a codec: start one with more latent channels from the weights of one with fewer.

The new channels start like those of a codec without networks: as principal components of what the
linear synthesis cannot represent, with the gain of a good quantiser. The networks ignore them at
first.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lcodec.entropy.groupedmixer import GroupedMixerConfig
from lcodec.nets.transforms import Transforms
from lcodec.weights.config import ModelConfig

Tensors = dict[str, Tensor]


def add_channels(
    stored: Tensors, old: ModelConfig, new: ModelConfig, components: Tensor, deviation: Tensor
) -> Tensors:
    """Convert the weights of a float twin of ``old`` to one of ``new`` with more latent channels.

    ``components`` (new - old channels, 3 * 16^2) are orthonormal rows, ``deviation`` their
    standard deviations. In a GroupedMixer with the same number of slices, every slice gets its
    share of the new channels after its own, or the last one all if they are not alike; other
    entropy models are not converted.
    """
    slices = _slices(old, new)
    places = torch.arange(old.transforms.latent)
    if slices:
        before, after = slices
        starts = zip(map(after.channels_of, range(after.slices)), before.slice_widths, strict=True)
        places = torch.cat([torch.arange(part.start, part.start + own) for part, own in starts])
    added = torch.ones(new.transforms.latent, dtype=torch.bool)
    added[places] = False
    start = Transforms(new.transforms)
    with torch.no_grad():
        start.analysis.linear.weight[added] = components[:, :, None, None]
        start.synthesis.linear.weight[:, added] = components.t()[:, :, None, None]
        start.gains.deviation[added] = deviation
        for layer in (start.synthesis.enter, start.hyper_analysis.enter):
            layer.weight[:, added] = 0.0
    wide = dict(stored)
    for name, value in start.state_dict().items():
        full, axis = f"transforms.{name}", _latent_axis(name)
        if axis is not None:
            wide[full] = value.index_copy(axis, places, stored[full])
    if slices:
        wide.update(_entropy(stored, *slices))
    return wide


def _latent_axis(name: str) -> int | None:
    """Axis of the latent channels in a tensor of the transforms; None if it has none."""
    makers = ("analysis.linear.weight", "analysis.leave.weight", "analysis.leave.bias")
    if name in (*makers, "gains.deviation"):
        return 0
    readers = ("synthesis.linear.weight", "synthesis.enter.weight", "hyper_analysis.enter.weight")
    return 1 if name in readers or name.startswith("gains.") else None


def _slices(
    old: ModelConfig, new: ModelConfig
) -> tuple[GroupedMixerConfig, GroupedMixerConfig] | None:
    """Both entropy models, if they are GroupedMixers that differ only in channels and depth."""
    before, after = old.entropy, new.entropy
    if not (isinstance(before, GroupedMixerConfig) and isinstance(after, GroupedMixerConfig)):
        return None
    same = replace(before.with_latent(after.latent), depth=after.depth)
    return (before, after) if same == after else None


def _entropy(stored: Tensors, old: GroupedMixerConfig, new: GroupedMixerConfig) -> Tensors:
    """Embeddings and heads with zero weights for the new channels."""
    wide: Tensors = {}
    for part, (own, wider) in enumerate(zip(old.slice_widths, new.slice_widths, strict=True)):
        more = wider - own
        name = f"network.embed.{part}.linear.weight"
        weight = stored[name]
        wide[name] = torch.cat((weight, weight.new_zeros(len(weight), more)), 1)
        for kind in ("weight", "bias"):
            name = f"network.heads.{part}.linear.{kind}"
            halves = stored[name].chunk(2)
            padding = halves[0].new_zeros(more, *halves[0].shape[1:])
            wide[name] = torch.cat((halves[0], padding, halves[1], padding))
    return wide
