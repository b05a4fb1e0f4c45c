"""The contract: layers of the twin kit and their integer forms agree, up to the ends of all ranges.

A twin takes its weights from integers, as a restored model does; the same inputs then go through
both. Outputs are compared in units of the integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lcodec.format import QUALITY_LEVELS, QUALITY_MAX
from lcodec.integer import profile as P
from lcodec.integer.carriers import exact_products, make_carrier
from lcodec.integer.condition import Condition
from lcodec.integer.exact import ExactKit
from lcodec.integer.kit import ACT, HYPER, LATENT, RELU, RESIDUAL, Format, Kit, Layer
from lcodec.integer.prepared import prepare_all
from lcodec.integer.trainable import Integers, TwinLayer
from lcodec.integer.twin import TwinKit

Random = torch.Generator
CHANNELS = 3
LEVEL = 60
SIZES = (0.0, 1.0, 3000.0)  # as a closing layer starts; as usual; far beyond all clamps


def deviation(levels: int = QUALITY_LEVELS) -> Tensor:
    """Deviations of the latents in steps at every level, over a wide range."""
    return torch.logspace(-1, 2, levels * CHANNELS, dtype=torch.float64).view(levels, CHANNELS)


@dataclass(frozen=True)
class Pair:
    """How a layer is made and called, and how far apart its two forms may be.

    Attributes:
        inputs: shape and format of each tensor it takes.
        output: format of what it gives.
        most, mean: largest and mean difference allowed, in units of the integers.
        more: what it takes besides.
        sizes: of the weights, times those of a fresh network.
        clamps: whether these inputs and weights reach the ends of the output's range.
    """

    make: Callable[[Kit], Layer[Any, Tensor]]
    inputs: Sequence[tuple[tuple[int, ...], Format]]
    output: Format
    most: float
    mean: float = 0.3
    more: tuple[Any, ...] = ()
    sizes: tuple[float, ...] = SIZES
    clamps: bool = True


INDEX = torch.arange(4 * 6).view(4, 6) % 5
MASK = torch.tensor([True, False, True, True, False, True])

# A twin rounds activations as the integers do: they differ where a value lies at a half. It leaves
# the residual stream as it is: the integers differ by their rounding, a half at most.
PAIRS = {
    "linear": Pair(lambda kit: kit.linear(24, 9, ACT), [((4, 7, 24), ACT)], ACT, 1, 0.02),
    "linear, rectified": Pair(
        lambda kit: kit.linear(24, 9, RELU), [((40, 24), ACT)], RELU, 1, 0.02
    ),
    "linear, hyper": Pair(
        lambda kit: kit.linear(8, 9, RESIDUAL, HYPER), [((40, 8), HYPER)], RESIDUAL, 0.6
    ),
    "closing": Pair(lambda kit: kit.closing(24, 9), [((40, 24), RELU)], RESIDUAL, 0.6),
    "embedding": Pair(lambda kit: kit.embedding(12, 9), [((40, 12), LATENT)], RESIDUAL, 0.6),
    "depthwise": Pair(lambda kit: kit.depthwise(9), [((2, 5, 6, 9), ACT)], RELU, 1, 0.02),
    # The integer root is up to 1 in 512 too small.
    "norm": Pair(lambda kit: kit.norm(70), [((30, 70), RESIDUAL)], ACT, 1, 0.05),
    "table": Pair(lambda kit: kit.table(5, 9), [], RESIDUAL, 1e-3, more=(slice(1, 4),)),
    # Anchors are fitted to rows that were rounded.
    "quality_table": Pair(
        lambda kit: kit.quality_table(9),
        [],
        RESIDUAL,
        1.1,
        0.6,
        more=(torch.tensor([LEVEL]),),
        sizes=(0.0, 1.0, 60.0),  # anchors cannot follow rows that were clamped
        clamps=False,
    ),
    # Scores are rounded to 1/32 octave, weights to 1/255 of the largest.
    "attention": Pair(
        lambda kit: kit.attention(2, 8, 5),
        [((3, 2, 4, 8), ACT), ((3, 2, 6, 8), ACT), ((3, 2, 6, 8), ACT)],
        ACT,
        6,
        0.7,
        more=(INDEX, MASK),
    ),
    "memory": Pair(
        lambda kit: kit.memory(), [((2, 2, 50, 6), ACT), ((2, 2, 50, 5), ACT)], RESIDUAL, 0.6,
        clamps=False,
    ),
    "recall": Pair(
        lambda kit: kit.recall(), [((2, 2, 9, 6), ACT), ((2, 2, 6, 5), RESIDUAL)], RESIDUAL, 0.6
    ),
}  # fmt: skip


def draw(random: Random, form: Format, shape: tuple[int, ...], kind: str) -> Tensor:
    """Integers of a format, float32: next to zero, anywhere, at the ends of the range."""
    if kind == "small":
        return torch.randint(max(form.low, -3), 4, shape, generator=random).float()
    if kind == "uniform":
        return torch.randint(form.low, form.high + 1, shape, generator=random).float()
    ends = torch.tensor([form.low, form.low + 1, 0, form.high - 1, form.high]).float()
    values = ends[torch.randint(0, len(ends), shape, generator=random)]
    if kind == "spike":  # one channel of all: the largest values of a norm, the steepest softmax
        values[..., 1:] = 0
    return values


def set_weights(layer: nn.Module, random: Random, size: float) -> None:
    """Random parameters, of the size of a fresh network's times ``size``."""
    with torch.no_grad():
        for parameter in layer.parameters():
            fan = parameter[0].numel() if parameter.dim() > 1 else 1
            values = torch.randn(parameter.shape, generator=random)
            parameter.copy_(values * size * fan**-0.5)


def pair_of(
    make: Callable[[Kit], Layer[Any, Any]], carrier: str, random: Random, size: float
) -> tuple[Layer[Any, Any], Layer[Any, Any], ExactKit]:
    """A twin that was restored from integers, and their layer."""
    kit, exact_kit = TwinKit(anchors=3), ExactKit(make_carrier(carrier))
    kit.rounding.bounded = True
    twin, exact = make(kit), make(exact_kit)
    assert isinstance(twin, TwinLayer)
    set_weights(twin, random, size)
    stored = twin.to_integers(deviation())
    exact.load_state_dict(stored, strict=True)
    prepare_all(exact)
    with torch.no_grad():
        twin.from_integers(stored, deviation())
    assert_same_integers(twin.to_integers(deviation()), stored)
    return twin, exact, exact_kit


def assert_same_integers(again: Integers, stored: Integers) -> None:
    """Weights are the same, multipliers but for the last bits; the rest is within one unit."""
    assert again.keys() == stored.keys()
    for name, tensor in stored.items():
        assert again[name].dtype == tensor.dtype and again[name].shape == tensor.shape, name
        difference = (again[name].double() - tensor.double()).abs().max()
        if tensor.dtype == torch.int8:
            assert difference == 0, name
        elif tensor.is_floating_point():
            assert difference <= 1e-6 * tensor.abs().max(), name
        else:
            assert difference <= 1, name


KINDS = ("small", "uniform", "ends", "spike")


@pytest.mark.parametrize("carrier", ["int8", "float32", "int64"])
@pytest.mark.parametrize("name", PAIRS)
def test_both_forms_agree(name: str, carrier: str) -> None:
    pair, random = PAIRS[name], torch.Generator().manual_seed(3)
    unit = RESIDUAL.scale if pair.output is RESIDUAL else 1
    reached: set[float] = set()
    for size in pair.sizes:
        twin, exact, kit = pair_of(pair.make, carrier, random, size)
        for kind in KINDS:
            values = [draw(random, form, shape, kind) for shape, form in pair.inputs]
            reals = [
                value / RESIDUAL.scale if form is RESIDUAL else value
                for value, (_, form) in zip(values, pair.inputs, strict=True)
            ]
            dtype = kit.carrier.dtype
            wide = torch.float64 if dtype.is_floating_point else torch.int64
            whole = [value.to(dtype) for value in values]
            if name == "recall":  # memories stay in the type in which sums over tiles are exact
                whole[1] = whole[1].to(wide)
            with exact_products():
                found = exact(*whole, *pair.more).double()
                expected = unit * twin(*reals, *pair.more).double()
            difference = (found - expected).abs()
            assert found.shape == expected.shape and bool((found == found.round()).all())
            assert float(difference.max()) <= pair.most, (size, kind)
            assert float(difference.mean()) <= pair.mean, (size, kind)
            assert pair.output.low <= float(found.min()) <= float(found.max()) <= pair.output.high
            assert expected.abs().max() <= pair.output.high
            assert twin.macs(*reals, *pair.more) == exact.macs(*whole, *pair.more)
            reached |= {float(found.min()), float(found.max())}
    assert not pair.clamps or {pair.output.low, pair.output.high} <= reached


@pytest.mark.parametrize("level", [0, LEVEL, QUALITY_MAX])
@pytest.mark.parametrize("size", [0.0, 0.3, 3000.0])
def test_heads_agree(level: int, size: float) -> None:
    """Means in sixteenths of a step; indices once the twin's are clamped, as sigmas are."""
    random = torch.Generator().manual_seed(4)
    twin, exact, _ = pair_of(lambda kit: kit.head(24, slice(0, CHANNELS)), "float32", random, size)
    spread = deviation()[level : level + 1].float()
    condition = Condition(torch.tensor([float(level)]), level, spread)
    for kind in KINDS:
        x = draw(random, ACT, (1, 40, 24), kind)
        with exact_products():
            mean, index = (t.double() for t in exact(x, condition))
            twin_mean, twin_index = (t.double() for t in twin(x, condition))
        assert abs(mean).max() <= P.HEAD_MEAN_LIMIT
        # A bias is restored as the mean over all levels, to half a unit of the sum.
        rounding = 1.0 + 2e-5 * mean.abs()
        assert bool(((mean - twin_mean * P.MEAN_SCALE).abs() <= rounding).all()), kind
        clamped = twin_index.clamp(0, P.SCALE_LEVELS - 1)
        assert float((index - clamped).abs().max()) <= 1.0, kind
        if size == 3000.0 and kind == "ends":
            assert {0, P.SCALE_LEVELS - 1} <= set(index.flatten().tolist())
            assert level == 0 or abs(mean).max() == P.HEAD_MEAN_LIMIT


@pytest.mark.parametrize("carrier", ["int8", "float32", "int64"])
def test_arithmetic_between_layers_agrees(carrier: str) -> None:
    twin, exact = TwinKit(), ExactKit(make_carrier(carrier))
    twin.rounding.bounded = True
    random, dtype = torch.Generator().manual_seed(5), exact.carrier.dtype
    for kind in ("small", "uniform", "ends"):
        a, b = (draw(random, RESIDUAL, (400,), kind) for _ in range(2))
        total = exact.add(a.to(dtype), b.to(dtype)).float()
        assert torch.equal(twin.add(a / RESIDUAL.scale, b / RESIDUAL.scale) * RESIDUAL.scale, total)
        z = 3 * draw(random, HYPER, (400,), kind)
        assert torch.equal(twin.hyper_input(z), exact.hyper_input(z.int()).float())
        symbols = torch.round(draw(random, RESIDUAL, (1, CHANNELS, 20, 20), kind))
        spread = deviation()[LEVEL]
        inputs = twin.latent_input(symbols, spread[None].float()).permute(0, 2, 3, 1)
        multiplier = (LATENT.scale / spread).float()
        whole = exact.latent_input(symbols.int().permute(0, 2, 3, 1), multiplier).float()
        assert float((inputs - whole).abs().max()) <= 1
        assert float((inputs != whole).float().mean()) < 0.01
        if kind == "ends":
            for values, form in ((total, RESIDUAL), (inputs, LATENT)):
                assert (int(values.min()), int(values.max())) == (form.low, form.high)


def test_every_layer_of_the_contract_is_held_to_it() -> None:
    offered = {name for name in vars(Kit) if not name.startswith("_")}
    held = {name.partition(",")[0] for name in PAIRS}
    assert offered == held | {"head", "add", "hyper_input"}


def test_clamped_streams_have_the_gradient_of_plain_ones() -> None:
    """A value beyond the range is not stuck there."""
    kit = TwinKit()
    kit.rounding.bounded = True
    stream = torch.tensor([-400.0, 5.0, 400.0], requires_grad=True)
    total = kit.add(stream, torch.ones(3))
    assert total.tolist() == [-RESIDUAL.high / 256, 6.0, RESIDUAL.high / 256]
    (grad,) = torch.autograd.grad(total.sum(), stream)
    assert grad.tolist() == [1.0, 1.0, 1.0]


def test_streams_are_free_while_a_model_trains() -> None:
    big = torch.tensor([1e4])
    assert float(TwinKit().add(big, big)) == 2e4
    assert float(TwinKit(rounding=False).add(big, big)) == 2e4
