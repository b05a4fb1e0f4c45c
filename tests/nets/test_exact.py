"""The integer layers against the int64 reference and against their float twins."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lcodec.entropy.model import IntegerEntropyModel
from lcodec.errors import WeightsError
from lcodec.nets.integer import profile as P
from lcodec.nets.integer.carriers import exact_products, make_carrier
from lcodec.nets.integer.condition import Condition
from lcodec.nets.integer.twin import TwinLinear
from lcodec.training.integers import export_entropy, prove_bound
from tests.tinymodel import CONFIG, tiny_codec

QUALITY = 60


@pytest.fixture(scope="module")
def integers() -> dict[str, Tensor]:
    return export_entropy(tiny_codec())


def build(integers: dict[str, Tensor], carrier: str, cached: bool = True) -> IntegerEntropyModel:
    model = IntegerEntropyModel(CONFIG.entropy, make_carrier(carrier), cached)
    model.load(integers, torch.device("cpu"))
    return model


def inputs(batch: int, h: int = 12, w: int = 20, spread: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    z = torch.randint(
        -9, 10, (batch, CONFIG.entropy.hyper_latent, h // 4, w // 4), generator=generator
    )
    y = torch.randint(
        -spread, spread + 1, (batch, CONFIG.entropy.latent, h, w), generator=generator
    )
    return z.int(), y.int()


def predictions(model: IntegerEntropyModel, z: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    with exact_products():
        state = model.begin(z, QUALITY)
        out = []
        for group in model.group(y).unbind(1):
            out.append(model.predict(state))
            model.absorb(state, group)
    return out


def same(a: list[tuple[Tensor, Tensor]], b: list[tuple[Tensor, Tensor]]) -> bool:
    return all(
        torch.equal(x, y)
        for left, right in zip(a, b, strict=True)
        for x, y in zip(left, right, strict=True)
    )


@pytest.mark.parametrize("spread", [6, 3000])
@pytest.mark.parametrize("carrier", ["int8", "float32", "float64"])
def test_carriers_give_the_integers_of_the_reference(
    integers: dict[str, Tensor], carrier: str, spread: int
) -> None:
    z, y = inputs(1, spread=spread)
    reference = predictions(build(integers, "int64"), z, y)
    assert len({int(m.sum()) for m, _ in reference}) > 2  # the predictions do vary
    assert same(predictions(build(integers, carrier), z, y), reference)


def test_cached_equals_uncached(integers: dict[str, Tensor]) -> None:
    z, y = inputs(1)
    cached = predictions(build(integers, "float32"), z, y)
    assert same(predictions(build(integers, "float32", cached=False), z, y), cached)


def test_batched_equals_one_by_one(integers: dict[str, Tensor]) -> None:
    z, y = inputs(3)
    model = build(integers, "float32")
    together = predictions(model, z, y)
    for tile in range(3):
        alone = predictions(model, z[tile : tile + 1], y[tile : tile + 1])
        assert same(alone, [(m[tile : tile + 1], s[tile : tile + 1]) for m, s in together])


def test_predictions_use_earlier_groups_only(integers: dict[str, Tensor]) -> None:
    z, y = inputs(1)
    model = build(integers, "float32")
    base = predictions(model, z, y)
    changed_group = 2
    groups = model.group(y).clone()
    groups[:, changed_group] += 5
    changed = predictions(model, z, model.ungroup(groups))
    assert same(base[: changed_group + 1], changed[: changed_group + 1])
    for before, after in zip(base[changed_group + 1 :], changed[changed_group + 1 :], strict=True):
        assert not torch.equal(before[0], after[0])


def test_twin_and_integers_agree() -> None:
    """Differences come from values that lie within float rounding of a step boundary."""
    twin = tiny_codec()
    model = build(export_entropy(twin), "float32")
    z, y = inputs(1)
    quality = torch.tensor([float(QUALITY)])
    gains = twin.transforms.gains
    with torch.no_grad():
        deviation = gains(quality) * gains.deviation
        normalised = twin.kit.latent_input(y.float(), deviation)
        mean, index = twin.network.parallel(
            z.float(), normalised, Condition(quality, deviation=deviation)
        )
    exact = predictions(model, z, y)
    exact_mean = model.ungroup(torch.stack([m for m, _ in exact], 1)).float() / P.MEAN_SCALE
    exact_index = model.ungroup(torch.stack([s for _, s in exact], 1)).float()
    spread = mean.std()
    assert float((mean - exact_mean).abs().mean()) < 0.03 * float(spread) + 0.05
    assert float((index.clamp(0, 63) - exact_index).abs().mean()) < 0.75


def test_export_refuses_what_could_overflow() -> None:
    weight = torch.full((2, 4000), P.WEIGHT_LIMIT, dtype=torch.int8)
    with pytest.raises(WeightsError, match="2\\^24"):
        prove_bound("layer", weight, torch.zeros(2, dtype=torch.int64), P.ACT_LIMIT)
    with pytest.raises(WeightsError, match="exceeds"):
        prove_bound("layer", weight[:, :4] + 1, torch.zeros(2, dtype=torch.int64), P.ACT_LIMIT)
    prove_bound("layer", weight[:, :1000], torch.zeros(2, dtype=torch.int64), P.ACT_LIMIT)


def test_export_refuses_a_model_whose_bias_is_too_large() -> None:
    twin = tiny_codec()
    features = twin.network.get_submodule("features")
    assert isinstance(features, TwinLinear)
    with torch.no_grad():
        features.bias.add_(1e6)
    with pytest.raises(WeightsError, match=r"network\.features"):
        export_entropy(twin)


def test_score_table_is_the_rounded_power_of_two() -> None:
    table = P.score_table()
    assert len(table) == P.SCORE_TABLE_SIZE
    assert table[0] == 255 and table[32] == 128 and table[64] == 64 and table[-1] == 0
    assert all(abs(w - 255 * 2 ** (-u / 32)) <= 0.5 + 1e-9 for u, w in enumerate(table[:-1]))


def test_settings_of_torch_are_restored() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with exact_products():
                assert not torch.is_autocast_enabled("cpu")
                x = torch.full((1, 257), 127.0)
                assert float((x @ x.t()).item()) == 257 * 127.0**2
            assert torch.is_autocast_enabled("cpu")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
