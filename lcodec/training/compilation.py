"""Compile the building blocks of networks one by one.

A whole compiled step is faster still, but takes minutes to compile, and again for each crop size.
The blocks repeat: a dozen compilations serve them all.
"""

from __future__ import annotations

import torch
from torch import nn

from lcodec.entropy.feedforward import FeedForward
from lcodec.entropy.hyper import HyperBlock
from lcodec.nets.transforms import Block

PIECES = (Block, HyperBlock, FeedForward)
SIZES = 64
"""Limit on the combinations of size, type and mode that a block is compiled for."""


def compile_blocks(model: nn.Module) -> int:
    """Mark the blocks of a model for compilation at first use; returns how many there are."""
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, SIZES)
    pieces = [module for module in model.modules() if isinstance(module, PIECES)]
    for piece in pieces:
        piece.compile(dynamic=False)
    return len(pieces)
