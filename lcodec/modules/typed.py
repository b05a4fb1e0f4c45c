"""Modules with typed calls and lists; those of torch return Any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

from torch import Tensor, nn

from lcodec.modules.product import product

Args = ParamSpec("Args")
Out = TypeVar("Out")
M = TypeVar("M", bound=nn.Module)


class Typed(nn.Module, Generic[Args, Out]):
    """A module that is called with ``Args`` and returns ``Out``, as its `forward` does."""

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
    """Skip the initialisation of layers that this thread makes inside, to load weights into them.

    That saves time and does not use up the caller's random numbers. (torch's own way, the device
    "meta", imports eight hundred modules.)
    """
    before = _filled.set(False)
    try:
        yield
    finally:
        _filled.reset(before)


class Conv2d(nn.Conv2d, Typed[[Tensor], Tensor]):
    """torch's convolution, (B, C, h, w).

    On a CPU, one of single positions is computed as a matrix product: results of torch's own
    convolution depend on the number of threads.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or self.kernel_size != (1, 1) or self.groups != 1:
            return super().forward(x)
        rows = product(x.permute(0, 2, 3, 1), self.weight[:, :, 0, 0], self.bias)
        return rows.permute(0, 3, 1, 2)

    def reset_parameters(self) -> None:
        """Initialise as torch does, unless `unfilled`."""
        if _filled.get():
            super().reset_parameters()

    def start_near_zero(self, deviation: float) -> None:
        """Initialise with normal weights of that deviation and zero bias, unless `unfilled`."""
        if _filled.get():
            nn.init.normal_(self.weight, std=deviation)
            if self.bias is not None:
                nn.init.zeros_(self.bias)

    def start_at_zero(self) -> None:
        """Initialise weights and bias to zero, unless `unfilled`."""
        if _filled.get():
            nn.init.zeros_(self.weight)
            if self.bias is not None:
                nn.init.zeros_(self.bias)


class Sequential(nn.Sequential, Typed[[Tensor], Tensor]):
    """torch's sequence, of modules that each map a tensor to a tensor."""
