"""Symbols at the limits give the same bytes with every carrier, and come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lcodec import container
from lcodec.integer.profile import SYMBOL_LIMIT
from lcodec.library.codec import Codec
from tests.entropy.extremes import extreme_symbols, header_of
from tests.entropy.tiny import TINY

REFERENCE = "int64"
CARRIERS = ("int8", "float32", "float64")


@pytest.mark.parametrize("name", sorted(TINY))
def test_carriers_agree_on_extreme_symbols(
    name: str, all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    coded: dict[int, bytes] = {}
    for carrier in (REFERENCE, *CARRIERS):
        codec = Codec(name, device="cpu", carrier=carrier)
        for edge, quality in ((64, 0), (128, 100)):
            header = header_of(edge, quality)
            symbols = extreme_symbols(header)
            assert np.abs(symbols.y).max() == np.abs(symbols.z[-1]).max() == SYMBOL_LIMIT
            data = container.write(*codec.code_symbols(header, symbols))
            assert data == coded.setdefault(quality, data), (carrier, quality)
            back = codec.decode_symbols(data)
            np.testing.assert_array_equal(back.y, symbols.y)
            for number, z in enumerate(symbols.z):
                np.testing.assert_array_equal(back.z[number], z)
