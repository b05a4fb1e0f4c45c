"""Start a GroupedMixer with more slices from the weights of one with fewer.

Each channel slice is split into equal parts. A part takes its share of the slice's embedding and
head, and all of its features, rows of the group table and attention biases. The layers are
unchanged; they now see more groups of fewer channels.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lcodec.entropy.groupedmixer import GroupedMixerConfig
from lcodec.entropy.network import EntropyConfig

Tensors = dict[str, Tensor]


def split_slices(stored: Tensors, old: EntropyConfig, new: EntropyConfig) -> Tensors:
    """Convert the weights of a float twin of ``old`` to one of ``new``.

    Slices are split if ``new`` is a GroupedMixer like ``old`` with a multiple of its slices (the
    depth may differ, too); otherwise the weights are returned unchanged.
    """
    if not (isinstance(old, GroupedMixerConfig) and isinstance(new, GroupedMixerConfig)):
        return stored
    alike = replace(old, slices=new.slices, depth=new.depth) == new and not new.channels_first
    if not alike or new.slices == old.slices or new.slices % old.slices:
        return stored
    return _split(stored, old, new)


def _split(stored: Tensors, old: GroupedMixerConfig, new: GroupedMixerConfig) -> Tensors:
    times = new.slices // old.slices
    split = dict(stored)
    for kind in ("weight", "bias"):
        rows = stored[f"network.features.{kind}"]
        parts = [part for part in rows.chunk(old.slices) for _ in range(times)]
        split[f"network.features.{kind}"] = torch.cat(parts)
        for part in range(new.slices):
            whole, place = divmod(part, times)
            channels = slice(place * new.slice_width, (place + 1) * new.slice_width)
            head = stored[f"network.heads.{whole}.linear.{kind}"]
            mean, index = head.chunk(2)
            split[f"network.heads.{part}.linear.{kind}"] = torch.cat(
                (mean[channels], index[channels])
            )
            embed = stored[f"network.embed.{whole}.linear.{kind}"]
            if kind == "weight":
                embed = embed[:, channels]
            split[f"network.embed.{part}.linear.{kind}"] = embed
    # For each new group, the old one that it is part of.
    whole_of = torch.arange(old.groups).view(old.slices, old.phases)
    whole_of = whole_of.repeat_interleave(times, 0).flatten()
    split["network.group_table.weight"] = stored["network.group_table.weight"][whole_of]
    for name, bias in stored.items():
        if name.endswith(".cross.attention.scores.bias"):
            pairs = bias.view(-1, old.groups, old.groups)
            split[name] = pairs[:, whole_of][:, :, whole_of].flatten(1)
    return split
