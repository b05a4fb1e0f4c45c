"""Modules whose calls and lists have types: those of torch give Any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

from torch import Tensor, nn

Args = ParamSpec("Args")
Out = TypeVar("Out")
M = TypeVar("M", bound=nn.Module)


class Typed(nn.Module, Generic[Args, Out]):
    """A module that is called with ``Args`` and gives ``Out``: what its `forward` says."""

    if TYPE_CHECKING:

        def __call__(self, *args: Args.args, **kwargs: Args.kwargs) -> Out: ...


class TypedList(nn.ModuleList, Generic[M]):
    """A list of modules of one type."""

    if TYPE_CHECKING:

        def __init__(self, modules: Iterable[M]) -> None: ...

        def __getitem__(self, index: int) -> M: ...  # type: ignore[override]

        def __iter__(self) -> Iterator[M]: ...


_filled = ContextVar("filled", default=True)


@contextmanager
def unfilled() -> Iterator[None]:
    """Layers made inside, by this thread, start with whatever is in memory; to be loaded into.

    That takes less time, and none of the caller's random numbers. (torch's own way, the device
    "meta", imports eight hundred modules for it.)
    """
    before = _filled.set(False)
    try:
        yield
    finally:
        _filled.reset(before)


class Conv2d(nn.Conv2d, Typed[[Tensor], Tensor]):
    """torch's, (B, C, h, w)."""

    def reset_parameters(self) -> None:
        """torch's start, or none (`unfilled`)."""
        if _filled.get():
            super().reset_parameters()

    def start_near_zero(self, deviation: float) -> None:
        """Weights of a small deviation, no bias; or none of it (`unfilled`)."""
        if _filled.get():
            nn.init.normal_(self.weight, std=deviation)
            if self.bias is not None:
                nn.init.zeros_(self.bias)

    def start_at_zero(self) -> None:
        """Weights and bias 0; or none of it."""
        if _filled.get():
            nn.init.zeros_(self.weight)
            if self.bias is not None:
                nn.init.zeros_(self.bias)


class Sequential(nn.Sequential, Typed[[Tensor], Tensor]):
    """torch's, of modules that each take a tensor and give one."""
