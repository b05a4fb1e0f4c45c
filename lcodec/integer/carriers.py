"""Carriers: number types that compute products of integers exactly.

All give identical integers; they differ in speed. Values on the parse path are integers stored in
``carrier.dtype``; every sum stays below 2^24 in magnitude (proved at export), so float32 is exact
in any order of summation, with or without fused multiply-add.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.errors import UsageError
from lcodec.integer import profile as P
from lcodec.process.forks import Lock, in_forked_child


class Carrier(Protocol):
    """How integers are stored and multiplied."""

    name: str
    dtype: torch.dtype

    def prepare(self, weight: Tensor) -> Tensor:
        """Convert an int8 weight (out, in) to the form that the products take."""
        ...

    def linear(self, x: Tensor, weight: Tensor) -> Tensor:
        """(n, in) 8-bit values times a prepared weight -> (n, out)."""
        ...

    def wide_linear(self, x: Tensor, weight: Tensor) -> Tensor:
        """The same for 12-bit values."""
        ...


class PlainCarrier:
    """Products in one number type: float32, float64, or int64 (the reference)."""

    def __init__(self, name: str, dtype: torch.dtype) -> None:
        self.name = name
        self.dtype = dtype

    def prepare(self, weight: Tensor) -> Tensor:
        return weight.to(self.dtype)

    def linear(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.linear(x, weight) if self.dtype.is_floating_point else x @ weight.t()

    wide_linear = linear


class Int8Carrier:
    """int8 operands with int32 sums; values between products travel as float32."""

    name = "int8"
    dtype = torch.float32

    def prepare(self, weight: Tensor) -> Tensor:
        return weight.t().contiguous()

    def linear(self, x: Tensor, weight: Tensor) -> Tensor:
        rows = x.shape[0]
        narrow = x.to(torch.int8)
        if x.is_cuda and rows <= 16:  # the CUDA kernel wants more than 16 rows
            narrow = F.pad(narrow, (0, 0, 0, 17 - rows))
        return torch._int_mm(narrow, weight)[:rows].to(torch.float32)

    def wide_linear(self, x: Tensor, weight: Tensor) -> Tensor:
        high = torch.floor((x + P.LIMB // 2) * (1.0 / P.LIMB))
        low = x - high * P.LIMB
        return self.linear(high, weight) * P.LIMB + self.linear(low, weight)


def make_carrier(name: str) -> Carrier:
    """Carrier by name.

    Raises:
        UsageError: the name is unknown.
    """
    match name:
        case "int8":
            return Int8Carrier()
        case "float32" | "float64" | "int64":
            return PlainCarrier(name, getattr(torch, name))
        case _:
            raise UsageError(f"unknown carrier: {name} (int8, float32, float64, int64)")


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Compute as this package means it, whatever settings the program has made in torch.

    Inside the block there is no TF32 or bfloat16 in place of float32 and no autocast, and tensors
    are made on the CPU unless a device is given. Not so the default type of tensors, which torch
    keeps for all threads together: the code names the types it needs.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(full_float32())
        for device in ("cpu", "cuda"):
            if device == "cpu" or torch.cuda.is_available():
                stack.enter_context(torch.autocast(device, enabled=False))
        # Only where it is needed: every call of torch takes longer inside.
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextlib.contextmanager
def exact_products() -> Iterator[None]:
    """`own_settings`, which keep float32 products exact, without autograd."""
    with own_settings(), torch.inference_mode():
        yield


# torch before 2.9 has one switch; since then every backend has its own.
_ONE_SWITCH = not hasattr(torch.backends, "fp32_precision")
_FULL = "highest" if _ONE_SWITCH else "ieee"

_lock = Lock()
_inside = 0  # blocks of `full_float32` that are running
_before: list[str] = []  # settings to restore


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Compute products of float32 in float32.

    torch has these settings per process, not per thread. So the first block to begin makes them,
    and only the last one to end restores them.
    """
    global _inside, _before
    with _lock:
        if not _inside:
            _before = _precisions()
            _set_precisions([_FULL] * len(_before))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _set_precisions(_before)


def _leave_all_blocks() -> None:
    """Forget the blocks of threads that a forked process does not have."""
    global _inside
    if _inside:
        _inside = 0
        _set_precisions(_before)


in_forked_child(_leave_all_blocks)


def _switches() -> tuple[Any, ...]:
    backends: Any = torch.backends
    return backends.mkldnn.matmul, backends.mkldnn.conv, backends.cuda.matmul


def _precisions() -> list[str]:
    if _ONE_SWITCH:
        return [torch.get_float32_matmul_precision()]
    return [switch.fp32_precision for switch in _switches()]


def _set_precisions(settings: Sequence[str]) -> None:
    if _ONE_SWITCH:
        torch.set_float32_matmul_precision(settings[0])
        return
    for switch, setting in zip(_switches(), settings, strict=True):
        switch.fp32_precision = setting
