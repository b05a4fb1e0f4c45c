"""GroupedMixers of more slices out of one of fewer: what is learnt is not learnt again.

Each channel slice is split into equal parts. A part takes its share of the slice's embedding and
head, and the whole of its features, its rows of the group table and its attention biases. Layers
stay as they are; they now see more groups of fewer channels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from torch import Tensor

from lcodec.entropy.groupedmixer import GroupedMixerConfig
from lcodec.entropy.network import EntropyConfig

Tensors = dict[str, Tensor]


def can_split(old: GroupedMixerConfig, new: EntropyConfig) -> TypeGuard[GroupedMixerConfig]:
    """Whether `split_slices` leads from ``old`` to ``new``; the depth may differ."""
    if not isinstance(new, GroupedMixerConfig) or new.slices <= old.slices:
        return False
    same = replace(old, slices=new.slices, depth=new.depth) == new
    return same and new.slices % old.slices == 0 and not new.channels_first


def split_slices(stored: Tensors, old: GroupedMixerConfig, new: GroupedMixerConfig) -> Tensors:
    """Weights of a float twin of ``old``, made to fit ``new``; what is not its own is kept."""
    times = new.slices // old.slices
    split = dict(stored)
    for kind in ("weight", "bias"):
        rows = stored[f"network.features.{kind}"].unflatten(0, (old.slices, old.width))
        split[f"network.features.{kind}"] = rows.repeat_interleave(times, 0).flatten(0, 1)
        for part in range(new.slices):
            whole, place = divmod(part, times)
            channels = slice(place * new.slice_width, (place + 1) * new.slice_width)
            head = stored[f"network.heads.{whole}.linear.{kind}"]
            both = head.unflatten(0, (2, old.slice_width))[:, channels]  # mean and scale index
            split[f"network.heads.{part}.linear.{kind}"] = both.flatten(0, 1)
            embed = stored[f"network.embed.{whole}.linear.{kind}"]
            if kind == "weight":
                embed = embed[:, channels]
            split[f"network.embed.{part}.linear.{kind}"] = embed
    table = stored["network.group_table.weight"].unflatten(0, (old.slices, old.phases))
    split["network.group_table.weight"] = table.repeat_interleave(times, 0).flatten(0, 1)
    for name, bias in stored.items():
        if name.endswith(".cross.attention.scores.bias"):
            pairs = bias.unflatten(1, (old.slices, old.phases, old.slices, old.phases))
            pairs = pairs.repeat_interleave(times, 1).repeat_interleave(times, 3)
            split[name] = pairs.flatten(1)
    return split
