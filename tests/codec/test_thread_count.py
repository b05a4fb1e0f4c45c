"""Files and decoded pixels do not depend on the number of threads, `--threads`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from lcodec.library.codec import Codec
from lcodec.metrics.localdistance import LocalMeasure
from lcodec.modules.typed import Conv2d
from lcodec.tunes import TuneName
from tests.conftest import RELEASED
from tests.tinymodel import picture

COUNTS = (1, 2, 3)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """The number of threads is as before afterwards."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def check_same(compute: Callable[[], Tensor]) -> None:
    found = []
    for count in COUNTS:
        torch.set_num_threads(count)
        found.append(compute())
    for other in found[1:]:
        assert torch.equal(other, found[0])


@pytest.mark.parametrize(("inputs", "outputs"), [(768, 384), (384, 256), (256, 1024), (192, 384)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_of_the_released_sizes(inputs: int, outputs: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = Conv2d(inputs, outputs, 1).to(dtype)
    x = torch.randn(1, inputs, 30, 47).to(dtype, memory_format=torch.channels_last)
    with torch.inference_mode():
        check_same(lambda: layer(x))
        expected = torch.nn.functional.conv2d(x, layer.weight, layer.bias)
        torch.testing.assert_close(layer(x), expected)
        assert layer(x).is_contiguous(memory_format=torch.channels_last)


def test_the_distance_and_its_gradient() -> None:
    torch.manual_seed(0)
    reference = torch.rand(1, 3, 300, 301)
    decoded = (reference + 0.03 * torch.randn_like(reference)).clamp(0.0, 1.0)
    check_same(lambda: LocalMeasure(reference, 16)(decoded).total)

    def gradient() -> Tensor:
        shown = decoded.clone().requires_grad_()
        return torch.autograd.grad(LocalMeasure(reference, 16)(shown).cells.sum(), [shown])[0]

    check_same(gradient)


@pytest.mark.skipif(not RELEASED.is_file(), reason="the released weights are not here")
@pytest.mark.parametrize("tune", TuneName)
@pytest.mark.parametrize(("side", "effort"), [(330, 0), (130, 1)])
def test_released_models(tune: TuneName, side: int, effort: int) -> None:
    codec, pixels = Codec(tune=tune, device="cpu"), picture(side, side + 20, 3)
    files, shown = set(), []
    for count in COUNTS:
        torch.set_num_threads(count)
        files.add(codec.encode(pixels, 60, effort=effort))
        shown.append(codec.decode(max(files)).pixels)
    assert len(files) == 1
    for other in shown[1:]:
        np.testing.assert_array_equal(other, shown[0])
