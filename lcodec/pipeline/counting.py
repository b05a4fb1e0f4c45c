"""A symbol encoder that also counts bits by the tables' probabilities."""

from __future__ import annotations

from lcodec.coding import BitCounter, SymbolEncoder
from lcodec.coding.residual import IntArray


class CountingEncoder:
    """Encodes symbols and counts their ideal bits."""

    def __init__(self) -> None:
        self.encoder = SymbolEncoder()
        self.counter = BitCounter()

    def put(self, symbols: IntArray, mean: IntArray, index: IntArray) -> None:
        """Take the symbols of one group."""
        self.encoder.put(symbols, mean, index)
        self.counter.put(symbols, mean, index)
