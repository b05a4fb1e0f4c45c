"""Start a GroupedMixer from the weights of one whose latents are cut into other slices.

Every channel takes its own columns of the embeddings and its own rows of the heads along. The rest
of a slice, its features, rows of the group table and attention biases, is that of the slice its
first channel was in. The layers are unchanged.
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

    That is done if both are GroupedMixers that differ in nothing but their slices, and maybe their
    depth; otherwise the weights are returned unchanged.
    """
    if not (isinstance(old, GroupedMixerConfig) and isinstance(new, GroupedMixerConfig)):
        return stored
    if old.latent != new.latent or new.slice_widths == old.slice_widths:
        return stored
    recut = replace(old, slices=new.slices, slice_channels=new.slice_channels, depth=new.depth)
    alike = recut == new and not new.channels_first
    return _split(stored, old, new) if alike else stored


def _split(stored: Tensors, old: GroupedMixerConfig, new: GroupedMixerConfig) -> Tensors:
    split = dict(stored)
    sources = [part for part, width in enumerate(old.slice_widths) for _ in range(width)]
    firsts = [sources[new.channels_of(part).start] for part in range(new.slices)]
    for kind in ("weight", "bias"):
        rows = stored[f"network.features.{kind}"].chunk(old.slices)
        split[f"network.features.{kind}"] = torch.cat([rows[source] for source in firsts])
        heads = [stored[f"network.heads.{part}.linear.{kind}"] for part in range(old.slices)]
        means, indices = (
            torch.cat(half) for half in zip(*(head.chunk(2) for head in heads), strict=True)
        )
        for part in range(new.slices):
            channels = new.channels_of(part)
            split[f"network.heads.{part}.linear.{kind}"] = torch.cat(
                (means[channels], indices[channels])
            )
    embed = [stored[f"network.embed.{part}.linear.weight"] for part in range(old.slices)]
    columns = torch.cat(embed, 1)
    for part, source in enumerate(firsts):
        split[f"network.embed.{part}.linear.weight"] = columns[:, new.channels_of(part)]
        bias = stored[f"network.embed.{source}.linear.bias"]
        split[f"network.embed.{part}.linear.bias"] = bias.clone()
    # For each new group, the old one whose place it takes.
    before = torch.arange(old.groups).view(old.slices, old.phases)[firsts].flatten()
    split["network.group_table.weight"] = stored["network.group_table.weight"][before]
    for name, bias in stored.items():
        if name.endswith(".cross.attention.scores.bias"):
            pairs = bias.view(-1, old.groups, old.groups)
            split[name] = pairs[:, before][:, :, before].flatten(1)
    return split
