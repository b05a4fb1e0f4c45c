"""Compiling what networks are made of, piece by piece.

A step compiled whole is faster still, but takes minutes to compile, and again for each size of
crops. The pieces repeat: a dozen compilations serve them all.
"""

from __future__ import annotations

import torch
from torch import nn

from lcodec.entropy.feedforward import FeedForward
from lcodec.entropy.hyper import HyperBlock
from lcodec.nets.transforms import Block

PIECES = (Block, HyperBlock, FeedForward)
SIZES = 64
"""Different sizes, types and modes that one piece may be compiled for."""


def compile_blocks(model: nn.Module) -> int:
    """Compile the pieces of a model at their first use; returns how many there are."""
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, SIZES)
    pieces = [module for module in model.modules() if isinstance(module, PIECES)]
    for piece in pieces:
        piece.compile(dynamic=False)
    return len(pieces)
