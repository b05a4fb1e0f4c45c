"""Modules whose calls and lists have types: those of torch give Any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


class Conv2d(nn.Conv2d, Typed[[Tensor], Tensor]):
    """torch's, (B, C, h, w)."""


class Sequential(nn.Sequential, Typed[[Tensor], Tensor]):
    """torch's, of modules that each take a tensor and give one."""
