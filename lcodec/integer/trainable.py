"""Base of the twin layers, and a walk over the layers of a network."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

Integers = dict[str, Tensor]
"""Stored tensors of one layer by their names in it."""


class TwinLayer(nn.Module):
    """Conversion of a twin layer to integers and back; as it is, for a layer without weights.

    ``deviation`` (levels, latent): deviation of the latents in steps at every quality level.
    """

    @property
    def writes_stream(self) -> bool:
        """Whether its output is a residual stream that is proportional to all its parameters."""
        return False

    def to_integers(self, deviation: Tensor) -> Integers:
        """The stored form, which the layer's integer form loads.

        Raises:
            WeightsError: its sums cannot be proved to be exact.
        """
        return {}

    def from_integers(self, stored: Integers, deviation: Tensor) -> None:
        """Set the weights to those whose stored form is nearest to ``stored``.

        Raises:
            KeyError: a tensor is missing.
        """


def twin_layers(network: nn.Module, prefix: str = "") -> Iterator[tuple[str, TwinLayer]]:
    """The twin layers of a network with their names; layers inside a layer belong to it."""
    for name, child in network.named_children():
        if isinstance(child, TwinLayer):
            yield prefix + name, child
        else:
            yield from twin_layers(child, f"{prefix}{name}.")
