"""What a program has told torch before it uses the library changes neither files nor pictures."""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lcodec
from lcodec.container import FileReader
from lcodec.library.codec import Codec
from lcodec.picture.rows import of_array
from lcodec.strips import decode_strips, encode_strips
from lcodec.twin.restore import restore_model
from tests.tinymodel import drawn, picture

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
def by_default(dtype: torch.dtype) -> Iterator[None]:
    """New tensors are of that type unless they say otherwise."""
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def double_by_default() -> AbstractContextManager[object]:
    """New tensors are float64."""
    return by_default(torch.float64)


def half_by_default() -> AbstractContextManager[object]:
    """New tensors are float16."""
    return by_default(torch.float16)


@contextmanager
def elsewhere_by_default() -> Iterator[None]:
    """New tensors are on another device: "meta", which has no values, stands for a GPU."""
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


def on_another_device() -> AbstractContextManager[object]:
    """The same in one block."""
    return torch.device("meta")


@contextmanager
def fast_convolutions() -> Iterator[None]:
    """Convolutions of float32 in bfloat16 where the processor can."""
    switch: Any = torch.backends.mkldnn.conv  # type: ignore[attr-defined]
    switch.fp32_precision = "bf16"
    try:
        yield
    finally:
        switch.fp32_precision = "none"


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


def reduced_to_half() -> AbstractContextManager[object]:
    """Every product in float16."""
    return torch.autocast("cpu", dtype=torch.float16)


new_switch = pytest.mark.skipif(
    not hasattr(torch.backends, "fp32_precision"), reason="this torch lacks it"
)


@pytest.mark.parametrize("carrier", ["int8", "float32"])
@pytest.mark.parametrize(
    "state",
    [
        fast_products,
        pytest.param(fast_products_newer_switch, marks=new_switch),
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


def forget_everything() -> None:
    """Drop what the library keeps from call to call: models, and constants as tensors."""
    modules = [module for name, module in sys.modules.items() if name.startswith("lcodec.")]
    for value in [value for module in modules for value in vars(module).values()]:
        if isinstance(value, functools._lru_cache_wrapper):
            value.cache_clear()


def with_alpha() -> np.ndarray:
    """A picture whose alpha rises from left to right."""
    alpha = np.linspace(0, 255, 70).astype(np.uint8)
    return np.dstack([picture(40, 70), np.broadcast_to(alpha, (40, 70))])


def made(decoded_from: dict[str, bytes]) -> dict[str, Any]:
    """All that calls of the library make, from their own files unless others are given."""
    everything: dict[str, Any] = {}
    pictures = {"colour": picture(40, 70), "alpha": with_alpha(), "drawn": drawn(40, 70)}
    for tune in ("visual", "psnr"):
        for name, pixels in pictures.items():
            for effort in (0, 1) if name == "colour" else (0,):
                data = lcodec.encode(pixels, 60, effort=effort, tune=tune, device="cpu")
                everything[f"{name}, {tune}, effort {effort}"] = data
    points = lcodec.Target.ssimulacra2(20)
    everything["target"] = lcodec.encode(picture(32, 40), target=points, device="cpu")
    codec, stream = Codec(device="cpu", tile_edge=64), io.BytesIO()
    encode_strips(codec, of_array(picture(40, 70)), stream)
    everything["strips"] = stream.getvalue()
    for name, own in list(everything.items()):
        data = decoded_from.get(name, own)
        everything[f"{name}, decoded"] = lcodec.decode(data, device="cpu").pixels.tolist()
    data = decoded_from.get("strips", everything["strips"])
    bands = decode_strips(codec, FileReader(io.BytesIO(data))).bands
    everything["bands"] = [band.tolist() for band in bands]
    for part in ({"scale": 8}, {"region": (10, 9, 30, 20)}):
        found = lcodec.decode(data, device="cpu", **part)
        everything[str(part)] = found.pixels.tolist()
    everything["salvaged"] = lcodec.salvage(data[:-20], device="cpu").decoded.pixels.tolist()
    everything["figures"] = lcodec.compare(picture(40, 70), picture(40, 70, 1))
    return everything


@pytest.fixture(scope="module")
def expected(tiny_models_folder: Path) -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LCODEC_MODELS", str(tiny_models_folder))
        forget_everything()
        yield made({})


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize(
    "state",
    [
        fast_products,
        pytest.param(fast_products_newer_switch, marks=new_switch),
        pytest.param(fast_convolutions, marks=new_switch),
        double_by_default,
        half_by_default,
        elsewhere_by_default,
        on_another_device,
        reduced_precision,
        reduced_to_half,
        torch.inference_mode,
        torch.enable_grad,
    ],
)
def test_state_of_torch_changes_nothing(expected: dict[str, Any], state: State) -> None:
    """Neither inside, from the first call on, nor for the calls that come after."""
    forget_everything()
    with state():
        inside = made(expected)
    assert [name for name, found in inside.items() if found != expected[name]] == []
    after = lcodec.encode(picture(40, 70), 60, effort=1, device="cpu")
    assert after == expected["colour, visual, effort 1"]
    assert lcodec.compare(picture(40, 70), picture(40, 70, 1)) == expected["figures"]


def test_state_of_torch_changes_no_restored_weight(all_tiny_models: Path) -> None:
    folders = [path.parent for path in all_tiny_models.glob("*/entropy.safetensors")]
    assert len(folders) > 4
    for folder in folders:
        weights = restore_model(folder).state_dict()
        for state in (double_by_default, half_by_default):
            with state():
                inside = restore_model(folder).state_dict()
            wrong = [name for name in weights if not torch.equal(inside[name], weights[name])]
            assert wrong == []
