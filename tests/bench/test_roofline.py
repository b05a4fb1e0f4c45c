"""The share of the roofline: what is counted, and what is made of it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch

from benchmarks import roofline
from benchmarks.picture import natural
from benchmarks.roofline import Figures, Product, Stage, Workload
from lcodec.bench.macs import steps_and_macs
from lcodec.library.codec import Codec
from lcodec.modules.typed import Conv2d

MODEL = "groupedmixer-fast"


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec(MODEL, device="cpu")


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def blocks(width: int, count: int) -> int:
    """Multiply-accumulates of residual blocks at one position: 1x1, 1x1, to double and back."""
    return count * (6 * width**2 + 9 * width)


def test_the_work_of_each_stage_is_counted(codec: Codec) -> None:
    found, data = roofline.workloads(codec, natural(48, 32), 40)
    sizes = codec.loaded.config.transforms
    wide, narrow, latent, patch = sizes.width16, sizes.width8, sizes.latent, 3 * 16 * 16
    at8, at16 = 6 * 4, 3 * 2
    padded = 4 * 4  # positions that the hyper-analysis and the entropy model see
    analysis = at8 * (192 * narrow + blocks(narrow, sizes.analysis8))
    analysis += at16 * (4 * narrow * wide + blocks(wide, sizes.analysis16) + wide * latent)
    analysis += at16 * patch * latent
    hyper = sizes.hyper_width
    for share, n_in in ((1, latent), (4, 4 * hyper), (16, 4 * hyper)):
        analysis += padded // share * (n_in * hyper + blocks(hyper, 1))
    analysis += padded // 16 * hyper * sizes.hyper_latent
    synthesis = at16 * (latent * wide + blocks(wide, sizes.synthesis16) + 4 * narrow * wide)
    synthesis += at8 * (blocks(narrow, sizes.synthesis8) + 192 * narrow) + at16 * patch * latent
    assert found["synthesis"].total == synthesis
    look = synthesis + at16 * patch * latent
    assert found["analysis"].total == analysis + look
    _, per_pixel = steps_and_macs(codec.loaded.entropy, 4)
    assert found["entropy network"].total == round(per_pixel * padded * 256)
    for work in found.values():
        alone = sum(size.macs * often for size, often in work.products.items())
        assert 0.95 * work.total < alone < work.total  # the rest is depthwise
    assert data == codec.encode(natural(48, 32), 40)


def test_convolutions_are_counted() -> None:
    dense, thin = Conv2d(8, 6, 1), Conv2d(8, 8, 3, padding=1, groups=8)
    work = Workload()
    with work.watch(dense, thin):
        dense(thin(torch.zeros(2, 8, 5, 7)))
    dense(torch.zeros(2, 8, 5, 7))  # not watched any more
    assert work.total == 70 * (9 * 8 + 8 * 6)
    assert work.products == {Product(1, 70, 8, 6): 1}


def test_products_are_multiplied_at_their_size() -> None:
    assert roofline.multiply(Product(1, 2, 3, 4))().shape == (2, 4)
    assert roofline.multiply(Product(5, 2, 3, 4))().shape == (5, 2, 4)
    assert Product(5, 2, 3, 4).macs == 120


def test_all_rates_are_measured(codec: Codec, one_thread: None) -> None:
    found = roofline.measure(codec, natural(48, 32), 40, side=64, rounds=1)
    assert found.gemm > 0 and list(found.stages) == ["analysis", "entropy network", "synthesis"]
    assert all(0 < value < math.inf for stage in found.stages.values() for value in stage)


def test_shares_are_of_the_large_product() -> None:
    assert roofline.rate(3_000_000_000, 2.0) == pytest.approx(3.0)
    figures = Figures(80.0, {"synthesis": Stage(24_000_000_000, 20.0, 50.0)})
    assert roofline.table(figures, 0.5)[-1] == "| synthesis | 48.0 | 20.0 | 25 % | 50.0 |"
