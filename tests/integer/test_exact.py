"""The bounds, tables and settings that make the integer layers exact."""

from __future__ import annotations

import pytest
import torch

from lcodec.errors import WeightsError
from lcodec.format import QUALITY_LEVELS
from lcodec.integer import profile as P
from lcodec.integer.carriers import exact_products
from lcodec.integer.quantise import proved
from lcodec.integer.twin import TwinKit, TwinLinear
from lcodec.twin.integers import export_entropy
from tests.tinymodel import tiny_codec


def test_sums_that_could_overflow_are_refused() -> None:
    weight = torch.full((2, 4000), P.WEIGHT_LIMIT, dtype=torch.int8)
    none, one = torch.zeros(2), torch.ones(2)
    with pytest.raises(WeightsError, match="2\\^24"):
        proved(weight, none, one)
    with pytest.raises(WeightsError, match="exceeds"):
        proved(weight[:, :4] + 1, none, one)
    proved(weight[:, :1000], none, one)


@pytest.mark.parametrize("flat", [False, True])
def test_wide_embeddings_take_coarser_steps_where_they_must(flat: bool) -> None:
    twin = TwinKit().embedding(512, 16)
    with torch.no_grad():
        if flat:  # all weights at the limit: the worst there is
            twin.linear.weight.copy_(0.3 * torch.sign(twin.linear.weight))
        twin.linear.bias.normal_()
    stored = twin.to_integers(torch.ones(QUALITY_LEVELS, 1))  # refuses what could overflow
    largest = int(stored["weight"].abs().max())
    assert 10 < largest < P.WEIGHT_LIMIT if flat else largest == P.WEIGHT_LIMIT


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
