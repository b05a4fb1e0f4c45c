"""What entropy networks that are transformers over groups share: layers, caches, their state.

Tokens are (B, groups, rows, columns, width). Every layer takes the tokens of some groups, the
number of the first one, and a cache that holds keys and values of all groups before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lcodec.entropy.attention import KeyValueCache
from lcodec.entropy.network import EntropyNetwork
from lcodec.integer.condition import Condition


@dataclass
class GroupState:
    """What a transformer over groups remembers of the tiles it is coding."""

    condition: Condition
    caches: list[KeyValueCache] | None  # None: recompute all groups at every step
    tokens: list[Tensor] = field(default_factory=list, init=False)  # only without caches
    context: Tensor | None = field(default=None, init=False)  # what the group before tells
    next_group: int = field(default=0, init=False)


class GroupTransformer(EntropyNetwork):
    """Layers over groups with a final norm; ``layers`` and ``norm`` are the subclass's."""

    layers: nn.ModuleList
    norm: nn.Module

    def new_caches(self) -> list[KeyValueCache]:
        """Empty caches, one per layer."""
        return [KeyValueCache() for _ in self.layers]

    def advance(self, tokens: Tensor, first: int, caches: list[KeyValueCache]) -> Tensor:
        """Run tokens of groups first.. through all layers; returns normed activations."""
        for layer, cache in zip(self.layers, caches, strict=True):
            tokens = layer(tokens, first, cache)
        out: Tensor = self.norm(tokens)
        return out

    def advance_one(self, state: GroupState, tokens: Tensor, group: int) -> Tensor:
        """Run the tokens (B, 1, ...) of one more group; its activations (B, ...)."""
        if state.caches is not None:
            out = self.advance(tokens, group, state.caches)
        else:
            state.tokens.append(tokens)
            out = self.advance(torch.cat(state.tokens, 1), 0, self.new_caches())
        return out[:, -1]
