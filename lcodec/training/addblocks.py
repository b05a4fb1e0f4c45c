"""Deepen the transforms: start a codec with more blocks from the weights of one with fewer.

A block is residual, so one whose last layers are zero changes nothing: the new ones come after
those that are there and start like that (as in Net2Net, Chen et al., arXiv 1511.05641). The first
ones at 1/4 come with the layers around them, of which the last starts at zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lcodec.nets.transforms import TransformConfig, Transforms
from lcodec.training.options import BLOCKS

_LAST = ("project", "down")


def add_blocks(
    stored: dict[str, Tensor], old: TransformConfig, new: TransformConfig
) -> dict[str, Tensor]:
    """The weights of a float twin of ``old`` transforms with those of the blocks that ``new`` has.

    Widths must be the same.
    """
    deeper = dict(stored)
    start = Transforms(new).state_dict()
    for length in BLOCKS:
        part = length.rstrip("0123456789")
        stride, own = length.removeprefix(part), getattr(old, length)
        if stride == "4":
            part += ".fine"
            if not own:  # what it adds is zero as it is
                deeper |= {f"transforms.{n}": v for n, v in start.items() if n.startswith(part)}
                continue
        for number in range(own, getattr(new, length)):
            place = f"{part}.blocks{stride}.{number}."
            for name, value in start.items():
                if name.startswith(place):
                    last = name.removeprefix(place).partition(".")[0] in _LAST
                    deeper[f"transforms.{name}"] = torch.zeros_like(value) if last else value
    return deeper
