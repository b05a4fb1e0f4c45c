"""The range coder for integer symbols: encoder, decoder and bit counter.

A group of symbols is coded in two parts. First the table entries, sorted by table (stable), so
that each table's run is one call of the coder. Then, in the same sorted order, what the escaped
symbols need: v = 2 (|r| - R - 1) + (r < 0) in an Elias gamma code, the bit length b of v + 1 with
32 equally likely values, then its low b - 1 bits. All groups share one stream, because closing a
stream costs about 16 bits.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lcodec.coding import backend
from lcodec.coding.residual import (
    GroupCodes,
    GroupPlan,
    IntArray,
    decode_group,
    encode_group,
    escaped_positions,
    plan_group,
)
from lcodec.coding.tables import model, tables
from lcodec.errors import FormatError
from lcodec.integer.profile import SYMBOL_LIMIT

ESCAPE_LENGTH_BITS = 5
ESCAPE_LENGTH_MAX = 18


@cache
def _bits_model(bits: int) -> backend.Model:
    """`bits` raw bits, at least one."""
    return backend.uniform(1 << bits)


class SymbolEncoder:
    """Codes groups of symbols into one stream, and has a ``counter`` count their bits."""

    def __init__(self, counter: BitCounter | None = None) -> None:
        self._coder = backend.WordEncoder()
        self._counter = counter

    def put(self, symbols: IntArray, mean: IntArray, index: IntArray) -> None:
        """Append a group.

        symbols: integers within +-32767. mean: integers, sixteenths of a step. index: scale index
        0..63. All of one size; C order counts, not the memory layout. Raises TypeError or
        ValueError for other arguments, and then the stream is as before.
        """
        plan = plan_group(mean, index)
        group = encode_group(plan, symbols)
        sorted_codes = group.codes[plan.order]
        for table, start, stop in plan.runs():
            self._coder.run(sorted_codes[start:stop], model(table))
        for value in group.values.tolist():
            _put_escape(self._coder, value)
        if self._counter is not None:
            self._counter.add(plan, group)

    def finish(self) -> bytes:
        """The stream, whole little-endian 32-bit words; empty if no symbol was put."""
        return self._coder.to_bytes()


class SymbolDecoder:
    """Decodes groups of symbols from a stream, in the order in which they were put.

    The coder itself reads zeros past the end of its data and seldom notices damage. So everything
    decoded is encoded again, which is cheap: a stream that ends early is noticed as soon as more
    words are needed than there are, and `finish` requires the very same words. After an error the
    decoder is of no further use.
    """

    def __init__(self, data: bytes) -> None:
        """Raises FormatError if `data` is not made of whole 32-bit words."""
        self._data = bytes(data)
        if len(self._data) % 4:
            raise FormatError(f"a coded stream of {len(self._data)} bytes is not whole words")
        self._coder = backend.WordDecoder(self._data)
        self._echo = backend.WordEncoder()

    def get(self, mean: IntArray, index: IntArray) -> NDArray[np.int32]:
        """Decode the next group; the result has the shape of `mean`.

        Raises FormatError if the stream is damaged or ends before the group does, TypeError or
        ValueError for arguments that `SymbolEncoder.put` would not take.
        """
        plan = plan_group(mean, index)
        with backend.damage_is_format_error():
            symbols = decode_group(plan, self._codes(plan))
        if symbols.size and np.abs(symbols).max() > SYMBOL_LIMIT:
            raise FormatError("a coded stream is damaged: a symbol is out of range")
        return symbols.reshape(np.shape(mean))

    @property
    def certain(self) -> bool:
        """Whether everything decoded so far came from words that are there.

        The decoder looks two words ahead of those that are settled; the encoder counts one of
        them.
        """
        return 4 * (self._echo.word_count() + 1) <= len(self._data)

    def finish(self) -> None:
        """Raises FormatError unless the decoded symbols make up the stream exactly."""
        if not self._coder.maybe_exhausted():
            raise FormatError("a coded stream is damaged: words are left over")
        if self._echo.to_bytes() != self._data:
            raise FormatError("a coded stream is damaged: it does not end where it should")

    def _codes(self, plan: GroupPlan) -> GroupCodes:
        sorted_codes = np.empty(plan.order.shape, np.int32)
        for table, start, stop in plan.runs():
            run = self._coder.run(stop - start, model(table))
            self._echo.run(run, model(table))
            sorted_codes[start:stop] = run
        self._check_length()
        codes = np.empty_like(sorted_codes)
        codes[plan.order] = sorted_codes
        escaped = escaped_positions(plan, codes)
        values = [self._escape() for _ in range(escaped.size)]
        self._check_length()
        return GroupCodes(codes, escaped, np.array(values, np.int32))

    def _escape(self) -> int:
        length = self._coder.value(_bits_model(ESCAPE_LENGTH_BITS))
        if not 1 <= length <= ESCAPE_LENGTH_MAX:
            raise FormatError("a coded stream is damaged: an escape code is out of range")
        low = self._coder.value(_bits_model(length - 1)) if length > 1 else 0
        value = (1 << (length - 1) | low) - 1
        _put_escape(self._echo, value)
        return value

    def _check_length(self) -> None:
        if 4 * self._echo.word_count() > len(self._data):
            raise FormatError("a coded stream is damaged: it ends too early")


class BitCounter:
    """Counts the bits that `SymbolEncoder` would write, without writing them.

    It sums the information of all table entries and escape codes, from the integer frequencies.
    The stream is longer by at most 33 bits, 16 on average, for closing it, and by about a
    ten-thousandth of a bit per symbol for rounding inside the coder.
    """

    def __init__(self) -> None:
        self.per_call: list[float] = []

    def put(self, symbols: IntArray, mean: IntArray, index: IntArray) -> None:
        """Count a group; arguments and errors as in `SymbolEncoder.put`."""
        plan = plan_group(mean, index)
        self.add(plan, encode_group(plan, symbols))

    def add(self, plan: GroupPlan, group: GroupCodes) -> None:
        """Count a group of which the table entries are known."""
        self.per_call.append(float(_bits(plan, group).sum()))

    @property
    def bits(self) -> float:
        """Bits of all groups so far; `per_call` has those of each."""
        return math.fsum(self.per_call)


def symbol_bits(symbols: IntArray, mean: IntArray, index: IntArray) -> NDArray[np.float64]:
    """Bits that each symbol takes, in the shape of `symbols`; arguments as for the encoder."""
    plan = plan_group(mean, index)
    return _bits(plan, encode_group(plan, symbols)).reshape(np.shape(symbols))


def _bits(plan: GroupPlan, group: GroupCodes) -> NDArray[np.float64]:
    frozen = tables()
    bits: NDArray[np.float64] = frozen.costs[frozen.starts[plan.table] + group.codes]
    length = np.frexp(group.values + 1.0)[1]
    bits[group.escaped] += ESCAPE_LENGTH_BITS + length - 1
    return bits


def _put_escape(coder: backend.WordEncoder, value: int) -> None:
    length = (value + 1).bit_length()
    coder.value(length, _bits_model(ESCAPE_LENGTH_BITS))
    if length > 1:
        coder.value(value + 1 - (1 << (length - 1)), _bits_model(length - 1))
