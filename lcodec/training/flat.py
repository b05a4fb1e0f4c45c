"""The trained parameters of a model as one vector, equal matrices side by side.

What an optimiser does to each parameter in turn, hundreds of small operations, becomes a few
large ones: on a device that is waited for less than it is asked, that is most of the time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SLOW = ("analysis.linear", "synthesis.linear")
"""Parameters that learn at `SLOW_FACTOR` of the rate: the linear branches start out good."""
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
    """Where ``shape[0]`` parameters that are treated alike lie; Muon's are (n, rows, columns)."""

    where: slice
    shape: tuple[int, ...]
    factor: float
    muon: bool

    def of(self, vector: Tensor) -> Tensor:
        """The stack in a vector like that of the parameters; shares its memory."""
        return vector[self.where].view(self.shape)


class FlatParameters:
    """Makes the parameters views of one vector.

    Attributes:
        values: all parameters (n,), float32.
        gradient: theirs (n,).
        stacks: what lies where, Muon's first.
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
        """How many of the values Muon updates: the first ones."""
        return sum(s.where.stop - s.where.start for s in self.stacks if s.muon)

    def views(self, vector: Tensor, matrices: bool = True) -> dict[str, Tensor]:
        """Names and parts, shaped like the parameters, of a vector; they share its memory.

        The vector holds all parameters, or, without ``matrices``, those that Muon does not update.
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
