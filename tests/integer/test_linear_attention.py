"""Linear attention: the formula, sums beyond 2^24, and the float twin."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lcodec.integer import profile as P
from lcodec.integer.carriers import exact_products, make_carrier
from lcodec.integer.exact import ExactKit
from lcodec.integer.twin import TwinKit

CARRIERS = ("int8", "float32", "float64", "int64")
TABLE = P.score_table()


def attend(carrier: str, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Memory and output as int64."""
    kit = ExactKit(make_carrier(carrier))
    q, k, v = (t.to(kit.carrier.dtype) for t in (q, k, v))
    with exact_products():
        memory = kit.memory()(k, v)
        mixed = kit.recall()(q, memory)
    assert mixed.dtype == kit.carrier.dtype
    return memory.long(), mixed.long()


def weights(scores: list[int]) -> list[int]:
    top = max(scores)
    return [TABLE[min(2 * (top - s), 288)] for s in scores]


def mean(w: list[int], values: list[int], scale: int = 1) -> int:
    """``round`` halves to even, and ``/`` of two Python integers is one rounded division."""
    return round(scale * sum(a * b for a, b in zip(w, values, strict=True)) / sum(w))


def explicit(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The same with Python's integers, for (positions, channels)."""
    columns = v.t().tolist()
    memory = [[mean(weights(row), column, 16) for column in columns] for row in k.t().tolist()]
    by_value = list(zip(*memory, strict=True))
    mixed = [[mean(weights(row), list(c)) for c in by_value] for row in q.tolist()]
    return torch.tensor(memory), torch.tensor(mixed)


def activations(*shape: int, spread: int = P.ACT_LIMIT) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape) + spread)
    return torch.randint(-spread, spread + 1, shape, generator=generator)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("spread", [3, 40, P.ACT_LIMIT])
def test_every_carrier_follows_the_formula(carrier: str, spread: int) -> None:
    q = activations(2, 2, 30, 5, spread=spread)
    k = activations(2, 2, 50, 5, spread=spread)
    v = activations(2, 2, 50, 7)
    memory, mixed = attend(carrier, q, k, v)
    for picture in range(2):
        for head in range(2):
            part = picture, head
            expected_memory, expected = explicit(q[part], k[part], v[part])
            assert torch.equal(memory[part], expected_memory)
            assert torch.equal(mixed[part], expected)
            assert len(set(expected.flatten().tolist())) > 5


@pytest.mark.parametrize("carrier", CARRIERS)
def test_sums_over_a_tile_are_exact(carrier: str) -> None:
    """Means that lie half-way between two integers: any lost bit of a sum moves some of them."""
    count, channels = 8192, 24
    v = activations(count, channels).abs()
    v[-5:] = 0
    missing = (256 - v.sum(0)) % 512
    v[-5:] = (missing - P.ACT_LIMIT * torch.arange(5)[:, None]).clamp(0, P.ACT_LIMIT)
    assert bool((v.sum(0) % 512 == 256).all())  # the mean, times 16, ends in one half
    k = torch.full((count, 1), 5)
    total = 255 * v.sum(0)
    assert int(total.min()) > P.FLOAT32_EXACT
    memory, _ = attend(carrier, k[:1][None, None], k[None, None], v[None, None])
    expected, _ = explicit(k[:1], k, v)
    assert torch.equal(memory[0, 0], expected)


def test_a_key_far_above_the_others_is_all_that_counts() -> None:
    k = torch.full((1, 1, 600, 1), -127)
    k[0, 0, 400] = 30
    v = activations(1, 1, 600, 4)
    memory, mixed = attend("float32", k[:, :, :1], k, v)
    assert torch.equal(memory[0, 0, 0], 16 * v[0, 0, 400])
    assert torch.equal(mixed[0, 0, 0], 16 * v[0, 0, 400])


def test_twin_gives_the_same() -> None:
    q, k, v = activations(1, 2, 40, 8), activations(1, 2, 90, 8), activations(1, 2, 90, 6)
    memory, mixed = attend("float32", q, k, v)
    recall = TwinKit().recall()
    remembered = TwinKit().memory()(k.float(), v.float())
    scale = P.RESIDUAL_SCALE
    assert float((remembered * scale - memory).abs().max()) <= 0.5 + 1e-3
    assert float((recall(q.float(), remembered) * scale - mixed).abs().max()) <= 1.0 + 1e-3
    exact = recall(q.float(), memory.float() / scale)
    assert float((exact * scale - mixed).abs().max()) <= 0.5 + 1e-3


def test_unrounded_twin_is_a_softmax_and_has_its_gradient() -> None:
    kit = TwinKit(rounding=False)
    q, k, v = (
        activations(1, 1, n, c, spread=30).float().requires_grad_()
        for n, c in ((7, 4), (9, 4), (9, 5))
    )
    unit = torch.log(torch.tensor(2.0)) / P.ACT_SCALE
    plain = (
        torch.softmax(q * unit, -1)
        @ (torch.softmax(k * unit, -2).transpose(-1, -2) @ v)
        / P.ACT_SCALE
    )
    mixed = kit.recall()(q, kit.memory()(k, v))
    assert torch.allclose(mixed, plain, atol=1e-5)
    direction = activations(*mixed.shape, spread=9).float()
    expected = torch.autograd.grad((plain * direction).sum(), (q, k, v))
    actual = torch.autograd.grad((mixed * direction).sum(), (q, k, v))
    for a, b in zip(actual, expected, strict=True):
        assert torch.allclose(a, b, atol=1e-4)
