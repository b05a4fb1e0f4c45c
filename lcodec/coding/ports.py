"""Ports: where the coding loop gets its symbols.

Encoding, decoding and counting bits run one loop over the groups. In each step the entropy model
gives mean and scale index and the port returns the group's symbols, be it from a picture or from a
stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lcodec.coding.rangecoder import SymbolDecoder
from lcodec.coding.residual import IntArray
from lcodec.errors import FormatError
from lcodec.integer.profile import SYMBOL_LIMIT


class SymbolSink(Protocol):
    """What symbols can be put into, such as SymbolEncoder or BitCounter."""

    def put(self, symbols: IntArray, mean: IntArray, index: IntArray) -> None:
        """Take one group; arguments and errors as in `SymbolEncoder.put`."""


class SymbolPort(Protocol):
    """One side of the coding loop."""

    def exchange(self, group: int, mean: IntArray, index: IntArray) -> NDArray[np.int32]:
        """Symbols of group number `group`, in the shape of `mean`; call in order, once each.

        mean: integers, sixteenths of a step. index: scale index 0..63, of the same shape.
        """


class EncodePort:
    """Returns the symbols of known groups, and puts them into a sink."""

    def __init__(self, encoder: SymbolSink, groups: Sequence[IntArray]) -> None:
        """groups: the symbols of each group, within +-32767."""
        self._encoder = encoder
        self._groups = groups

    def exchange(self, group: int, mean: IntArray, index: IntArray) -> NDArray[np.int32]:
        """See SymbolPort. Raises ValueError where the encoder does."""
        symbols = self._groups[group]
        self._encoder.put(symbols, mean, index)
        return np.asarray(symbols, np.int32).reshape(np.shape(mean))


class DecodePort:
    """Decodes the symbols from a stream."""

    def __init__(self, decoder: SymbolDecoder) -> None:
        self._decoder = decoder

    def exchange(self, group: int, mean: IntArray, index: IntArray) -> NDArray[np.int32]:
        """See SymbolPort. Raises FormatError if the stream is damaged."""
        return self._decoder.get(mean, index)


class CutPort:
    """Decodes the symbols from a stream that is cut off; missing ones are the likeliest.

    A group counts as missing if any of it may depend on bytes that are not there, and so do all
    groups after it. ``arrived`` and ``asked`` count symbols.
    """

    def __init__(self, decoder: SymbolDecoder) -> None:
        self.arrived = self.asked = 0
        self._decoder: SymbolDecoder | None = decoder

    def exchange(self, group: int, mean: IntArray, index: IntArray) -> NDArray[np.int32]:
        """See SymbolPort."""
        self.asked += mean.size
        if self._decoder is not None:
            try:
                symbols = self._decoder.get(mean, index)
            except FormatError:
                self._decoder = None
            else:
                if self._decoder.certain:
                    self.arrived += mean.size
                    return symbols
                self._decoder = None
        likeliest = (np.asarray(mean, np.int32) + 8) >> 4
        return likeliest.clip(-SYMBOL_LIMIT, SYMBOL_LIMIT)
