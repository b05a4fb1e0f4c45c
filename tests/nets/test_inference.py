"""Networks compute the same with and without gradients, where they compute in place."""

from __future__ import annotations

import torch

from lcodec.nets.transforms import Block


def test_a_block_without_gradients() -> None:
    torch.manual_seed(0)
    block, x = Block(16), torch.randn(2, 16, 9, 7)
    kept = x.clone()
    with torch.inference_mode():
        assert torch.equal(block(x), block(kept).clone())
        found = block(x)
    assert torch.equal(found, block(x).detach())
    assert torch.equal(x, kept)
    block(x).sum().backward()
    assert block.up.weight.grad is not None
