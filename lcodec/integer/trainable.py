"""What every twin layer offers for release, and the walk over the layers of a network."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

Integers = dict[str, Tensor]
"""Stored tensors of one layer by their names in it."""


class TwinLayer(nn.Module):
    """What all twins offer for release; a layer without weights has nothing to add.

    ``deviation`` (levels, latent): deviation of the latents in steps at every quality level.
    """

    @property
    def writes_stream(self) -> bool:
        """Whether the residual stream that comes out is a multiple of all its parameters."""
        return False

    def to_integers(self, deviation: Tensor) -> Integers:
        """The stored form: what the layer's integer form loads.

        Raises:
            WeightsError: it cannot be proved that its sums are exact.
        """
        return {}

    def from_integers(self, stored: Integers, deviation: Tensor) -> None:
        """Take weights whose stored form is ``stored``, as nearly as they allow.

        Raises:
            KeyError: a tensor is missing.
        """


def twin_layers(network: nn.Module, prefix: str = "") -> Iterator[tuple[str, TwinLayer]]:
    """The layers of a network with their names; a layer's parts belong to it."""
    for name, child in network.named_children():
        if isinstance(child, TwinLayer):
            yield prefix + name, child
        else:
            yield from twin_layers(child, f"{prefix}{name}.")
