"""What a program has told torch before it uses the library does not change the integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lcodec.codec import Codec
from tests.tinymodel import picture

State = Callable[[], AbstractContextManager[object]]


@contextmanager
def fast_products() -> Iterator[None]:
    """Products of float32 in bfloat16 where the processor can."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def double_by_default() -> Iterator[None]:
    """New tensors are float64 unless they say otherwise."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Tiny floats become zero."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@contextmanager
def two_threads() -> Iterator[None]:
    """Another number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2 if before == 1 else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def fast_products_newer_switch() -> Iterator[None]:
    """As `fast_products`, by the switch that torch 2.9 brought."""
    switch: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    switch.fp32_precision = "bf16"
    try:
        yield
    finally:
        switch.fp32_precision = "none"


def reduced_precision() -> AbstractContextManager[object]:
    """Every product in bfloat16."""
    return torch.autocast("cpu", dtype=torch.bfloat16)


@pytest.mark.parametrize("carrier", ["int8", "float32"])
@pytest.mark.parametrize(
    "state",
    [
        fast_products,
        pytest.param(
            fast_products_newer_switch,
            marks=[
                pytest.mark.skipif(
                    not hasattr(torch.backends, "fp32_precision"), reason="this torch lacks it"
                ),
            ],
        ),
        double_by_default,
        flushed_denormals,
        two_threads,
        reduced_precision,
        torch.enable_grad,
    ],
)
def test_state_of_torch_changes_no_symbol(tiny_model: Path, state: State, carrier: str) -> None:
    codec = Codec(device="cpu", carrier=carrier, tile_edge=64)
    pixels = picture(40, 90)
    data = codec.encode(pixels, 75)
    symbols = codec.decode_symbols(data).y
    with state():
        assert np.array_equal(codec.decode_symbols(data).y, symbols)
        inside = codec.encode(pixels, 75)
        loaded_inside = Codec(device="cpu", carrier=carrier)
    codec.decode_symbols(inside)  # its checksum holds
    assert np.array_equal(loaded_inside.decode_symbols(data).y, symbols)
