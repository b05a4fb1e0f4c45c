"""Where bfloat16 is used."""

from __future__ import annotations

import pytest
import torch

from lcodec.nets.precision import has_fast_bfloat16, processor_has_fast_bfloat16


@pytest.mark.parametrize(
    ("capabilities", "fast"),
    [
        ({}, False),
        ({"avx2": True, "avx512_bf16": False, "cpu_name": "AMD EPYC"}, False),
        ({"avx512_bf16": True, "cpu_name": "AMD EPYC"}, True),
        ({"avx512_bf16": True, "amx_bf16": False, "cpu_name": "Intel Xeon"}, False),
        ({"avx512_bf16": True, "amx_bf16": True, "cpu_name": "Intel Xeon"}, True),
        ({"neon": True, "bf16": True}, True),
        ({"neon": True, "bf16": False}, False),
    ],
)
def test_processors_that_gain_from_bfloat16(capabilities: dict[str, object], fast: bool) -> None:
    assert processor_has_fast_bfloat16(capabilities) is fast


def test_this_machine_is_one_of_them_or_not() -> None:
    known: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    assert has_fast_bfloat16(torch.device("cpu")) is processor_has_fast_bfloat16(known)
