"""The trained parameters of a model as one vector, matrices of equal shape side by side.

An optimiser's hundreds of small operations, parameter by parameter, become a few large ones. On a
device where starting an operation takes longer than running it, that saves most of the time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SLOW = ("analysis.linear", "synthesis.linear")
"""Parameters with `SLOW_FACTOR` times the learning rate: the linear branches start out good."""
SLOW_FACTOR = 0.1


def is_matrix(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is updated by Muon: dense matrices and 1x1 convolutions."""
    if any(part in name for part in ("values", "table", "spatial", "scores")):
        return False
    shape = parameter.shape
    if len(shape) == 4:
        return shape[2:] == (1, 1) and min(shape[:2]) > 1
    return len(shape) == 2


@dataclass(frozen=True)
class Stack:
    """A part of the vector that is updated alike.

    Attributes:
        where: its place in the vector.
        shape: (matrices, rows, columns) for Muon, else (values,).
        factor: factor on the learning rate.
    """

    where: slice
    shape: tuple[int, ...]
    factor: float
    muon: bool

    def of(self, vector: Tensor) -> Tensor:
        """This part of a vector laid out like the parameters, as a view."""
        return vector[self.where].view(self.shape)


class FlatParameters:
    """Turns the parameters into views of one vector.

    Attributes:
        values: all parameters (n,), float32.
        gradient: their gradients (n,).
        stacks: the parts of the vector, Muon's first.
    """

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]]) -> None:
        kinds: dict[tuple[bool, float, torch.Size], dict[str, nn.Parameter]] = defaultdict(dict)
        for name, parameter in named:
            factor = SLOW_FACTOR if any(part in name for part in SLOW) else 1.0
            muon = is_matrix(name, parameter)
            sides = parameter.shape[:2] if muon else torch.Size()
            kinds[muon, factor, sides][name] = parameter
        order = sorted(kinds.items(), key=lambda kind: not kind[0][0])  # stable: Muon's first
        self.parameters = {n: p for _, members in order for n, p in members.items()}
        self.values = torch.cat([p.detach().flatten() for p in self.parameters.values()])
        self.gradient = torch.zeros_like(self.values)
        self.stacks: list[Stack] = []
        place = 0
        for (muon, factor, sides), members in order:
            size = sum(p.numel() for p in members.values())
            shape = (len(members), *sides) if muon else (size,)
            self.stacks.append(Stack(slice(place, place + size), shape, factor, muon))
            place += size
        for name, view in self.views(self.values).items():
            self.parameters[name].data = view

    @property
    def matrices(self) -> int:
        """Number of values that Muon updates; they come first."""
        return sum(s.where.stop - s.where.start for s in self.stacks if s.muon)

    def views(self, vector: Tensor, matrices: bool = True) -> dict[str, Tensor]:
        """Views of a vector by parameter name, shaped like the parameters.

        The vector covers all parameters, or, without ``matrices``, those Muon does not update.
        """
        first = 0 if matrices else self.matrices
        views: dict[str, Tensor] = {}
        place = 0
        for name, parameter in self.parameters.items():
            if place >= first:
                part = vector[place - first : place - first + parameter.numel()]
                views[name] = part.view(parameter.shape)
            place += parameter.numel()
        return views
