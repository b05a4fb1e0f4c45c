"""Base of the entropy networks that are transformers over groups: layers, caches, state.

Tokens are (B, groups, rows, columns, width). Every layer takes the tokens of some groups, the
number of the first one, and a cache that holds keys and values of all groups before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from lcodec.entropy.attention import KeyValueCache
from lcodec.entropy.network import EntropyNetwork, State
from lcodec.integer.kit import Norm
from lcodec.modules.typed import Typed, TypedList


@dataclass
class GroupState(State):
    """State of a transformer over groups while it codes tiles."""

    caches: list[KeyValueCache] | None  # None: recompute all groups at every step
    tokens: list[Tensor] = field(default_factory=list, init=False)  # only without caches
    context: Tensor | None = field(default=None, init=False)  # from the previous group


GroupStateT = TypeVar("GroupStateT", bound=GroupState)
GroupLayer = Typed[[Tensor, int, KeyValueCache], Tensor]


class GroupTransformer(EntropyNetwork[GroupStateT]):
    """Layers over groups with a final norm; ``layers`` and ``norm`` are the subclass's."""

    layers: TypedList[GroupLayer]
    norm: Norm

    def new_caches(self) -> list[KeyValueCache]:
        """Empty caches, one per layer."""
        return [KeyValueCache() for _ in self.layers]

    def advance(self, tokens: Tensor, first: int, caches: list[KeyValueCache]) -> Tensor:
        """Run tokens of groups first.. through all layers; returns normed activations."""
        for layer, cache in zip(self.layers, caches, strict=True):
            tokens = layer(tokens, first, cache)
        return self.norm(tokens)

    def advance_one(self, state: GroupStateT, tokens: Tensor, group: int) -> Tensor:
        """Run the tokens (B, 1, ...) of one more group; its activations (B, ...)."""
        if state.caches is not None:
            out = self.advance(tokens, group, state.caches)
        else:
            state.tokens.append(tokens)
            out = self.advance(torch.cat(state.tokens, 1), 0, self.new_caches())
        return out[:, -1]
