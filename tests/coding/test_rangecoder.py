"""Encoder, decoder and bit counter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lcodec.coding import (
    SYMBOL_LIMIT,
    BitCounter,
    SymbolDecoder,
    SymbolEncoder,
    scale_levels,
    symbol_bits,
)
from lcodec.coding.residual import IntArray
from lcodec.coding.tables import TOTAL, tables

from .reference import RangeReader, read_group
from .samples import (
    STEADY,
    Group,
    Int32,
    assert_round_trip,
    decode,
    encode,
    logistic_group,
    wild_group,
)

SYMBOL = st.one_of(
    st.integers(-3, 3),
    st.integers(-SYMBOL_LIMIT, SYMBOL_LIMIT),
    st.sampled_from([-SYMBOL_LIMIT, SYMBOL_LIMIT]),
)
MEAN = st.one_of(st.integers(-64, 64), st.integers(-(2**31), 2**31 - 1))
GROUP = st.lists(st.tuples(SYMBOL, MEAN, st.integers(0, 63)), max_size=40)


def int32(*values: int) -> Int32:
    return np.array(values, np.int32)


def counted(groups: list[Group]) -> BitCounter:
    counter = BitCounter()
    for group in groups:
        counter.put(*group)
    return counter


def assert_size_as_counted(groups: list[Group], data: bytes) -> None:
    """Closing the stream takes up to 33 bits, rounding in the coder next to nothing a symbol."""
    excess = 8 * len(data) - counted(groups).bits
    symbols = sum(group.symbols.size for group in groups)
    assert -1e-6 <= excess <= 33.1 + 3e-4 * symbols


@settings(STEADY)
@given(st.lists(GROUP, max_size=4))
@example([[]])
@example([[], [(0, 0, 0)], []])
def test_round_trip(rows: list[list[tuple[int, int, int]]]) -> None:
    groups = [
        Group(*(np.array([row[k] for row in group], np.int32) for k in range(3))) for group in rows
    ]
    assert_size_as_counted(groups, assert_round_trip(groups))


@settings(STEADY, max_examples=25)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 3000), min_size=1, max_size=4), st.booleans())
def test_round_trip_of_larger_groups(seed: int, sizes: list[int], wild: bool) -> None:
    rng = np.random.default_rng(seed)
    make = wild_group if wild else logistic_group
    groups = [make(rng, size) for size in sizes]
    assert_size_as_counted(groups, assert_round_trip(groups))


def test_every_level_and_phase_at_the_edge_of_its_table() -> None:
    rows = []
    for level in range(64):
        radius = int(tables().radius[tables().table_id[level, 0]])
        for offset in range(-8, 8):
            for distance in (0, 1, radius, radius + 1, radius + 2, radius + 300):
                for symbol in (7 + distance, 7 - distance):
                    rows.append((symbol, 7 * 16 + offset, level))
    columns = np.array(rows, np.int32).T
    group = Group(*columns)
    assert_size_as_counted([group], assert_round_trip([group]))


@pytest.mark.parametrize("index", [0, 20, 63])
def test_means_beyond_the_symbols_count_as_the_outermost(index: int) -> None:
    far, edge = 2**31 - 1, 16 * SYMBOL_LIMIT
    symbols = int32(SYMBOL_LIMIT, -SYMBOL_LIMIT, -SYMBOL_LIMIT, SYMBOL_LIMIT, 0)
    scale = np.full(5, index, np.int32)
    extreme = Group(symbols, int32(far, far, -far - 1, -far - 1, far), scale)
    clipped = Group(symbols, int32(edge, edge, -edge, -edge, edge), scale)
    assert assert_round_trip([extreme]) == encode([clipped])


def test_the_stream_is_pinned() -> None:
    """These bytes are the format: a change here breaks every file there is."""
    groups = [
        Group(
            int32(0, 1, -1, 2, 0, 0, 5, -40, 12, 0, 300, -7),
            int32(0, 9, -20, 37, 8, -8, 64, -600, 200, 3, 0, -100),
            int32(0, 5, 12, 18, 24, 30, 33, 40, 45, 50, 63, 36),
        ),
        Group(int32(), int32(), int32()),
        Group(
            int32(SYMBOL_LIMIT, -SYMBOL_LIMIT, 2, -2, 1000, 0, 0),
            int32(-(2**31), 2**31 - 1, 0, 0, -7, -7, 7),
            int32(0, 63, 0, 0, 31, 31, 31),
        ),
    ]
    assert assert_round_trip(groups).hex() == ("c0b8f63cff3a4cd4ffffffff843088f2506f7532d2bb30ae")


@pytest.mark.parametrize("make", [logistic_group, wild_group])
def test_a_decoder_written_from_the_description_reads_the_stream(
    make: Callable[[np.random.Generator, int], Group],
) -> None:
    rng = np.random.default_rng(7)
    groups = [make(rng, size) for size in (1, 0, 200, 37)]
    reader = RangeReader(encode(groups))
    for group in groups:
        decoded = read_group(reader, group.mean.tolist(), group.level.tolist())
        assert decoded == group.symbols.tolist()


def test_no_symbols_make_an_empty_stream() -> None:
    assert SymbolEncoder().finish() == b""
    empty = Group(int32(), int32(), int32())
    assert encode([empty, empty]) == b""
    assert decode(b"", [empty])[0].shape == (0,)
    decode(b"", [])


def test_rate_is_that_of_the_ideal_logistic() -> None:
    """Coding samples costs their entropy under the true, unrounded distribution."""
    rng = np.random.default_rng(5)
    count = 40000
    for level in (0, 8, 14, 20, 26, 32, 37, 44, 54, 63):
        group = logistic_group(rng, count, np.full(count, level, np.int32))
        scale = scale_levels()[level] * np.sqrt(3) / np.pi
        x = group.symbols - group.mean / 16
        # -log2(F(x + 1/2) - F(x - 1/2)) without cancellation in the tails
        ideal = -np.log2(np.sinh(0.5 / scale) / (np.cosh(x / scale) + np.cosh(0.5 / scale))).sum()
        bits = 8 * len(assert_round_trip([group]))
        assert bits <= 1.01 * ideal + 2e-4 * count + 32
        assert bits >= 0.99 * ideal


def test_an_escape_costs_its_symbol_and_its_gamma_code() -> None:
    table = int(tables().table_id[10, 0])
    radius = int(tables().radius[table])
    escape = 16 - np.log2(float(tables().row(table)[-1]))
    symbols = np.array([radius, radius + 1, -radius - 1, radius + 2, -radius - 101], np.int32)
    zeros = np.zeros(5, np.int32)
    bits = symbol_bits(symbols, zeros, zeros + 10)
    inside = 16 - np.log2(float(tables().row(table)[2 * radius]))
    # v + 1 = 1, 2, 3, 202: gamma codes of 5 + 0, 1, 1, 7 bits
    expected = [inside, escape + 5, escape + 6, escape + 6, escape + 12]
    np.testing.assert_allclose(bits, expected)


def test_counter_tells_the_bits_of_each_call() -> None:
    rng = np.random.default_rng(2)
    groups = [logistic_group(rng, 50), logistic_group(rng, 0), wild_group(rng, 70)]
    counter = counted(groups)
    sums = [symbol_bits(*group).sum() for group in groups]
    np.testing.assert_allclose(counter.per_call, sums)
    assert counter.bits == pytest.approx(sum(sums))
    assert BitCounter().bits == 0


def test_frequencies_give_the_bits() -> None:
    row = tables().row(int(tables().table_id[20, 3]))
    bits = symbol_bits(int32(0), int32(3), int32(20))
    assert 2.0 ** -bits[0] == pytest.approx(float(row[row.size // 2 - 1]) / TOTAL)


def test_memory_layout_and_integer_type_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    flat = wild_group(rng, 60)
    expected = encode([flat])
    shaped = [array.reshape(3, 4, 5) for array in flat]
    variants: list[list[IntArray]] = [
        [np.asfortranarray(array) for array in shaped],
        [np.repeat(array, 2, axis=2)[:, :, ::2] for array in shaped],
        [array[::-1].copy()[::-1] for array in flat],
        [array.astype(np.int64) for array in flat],
        [array.astype(">i4") for array in flat],
        [flat.symbols.astype(np.int16), flat.mean, flat.level.astype(np.uint8)],
    ]
    for symbols, mean, index in variants:
        encoder = SymbolEncoder()
        encoder.put(symbols, mean, index)
        assert encoder.finish() == expected
        decoder = SymbolDecoder(expected)
        decoded = decoder.get(mean, index)
        decoder.finish()
        assert decoded.shape == mean.shape
        np.testing.assert_array_equal(decoded, symbols)
        assert symbol_bits(symbols, mean, index).shape == symbols.shape


def test_arguments_are_left_alone() -> None:
    group = wild_group(np.random.default_rng(4), 30)
    before = [array.copy() for array in group]
    assert_round_trip([group])
    for array, copy in zip(group, before, strict=True):
        np.testing.assert_array_equal(array, copy)


BAD_GROUPS = [
    (int32(SYMBOL_LIMIT + 1), int32(0), int32(0), ValueError, "symbols must lie"),
    (int32(-SYMBOL_LIMIT - 1), int32(0), int32(0), ValueError, "symbols must lie"),
    (np.zeros(1), int32(0), int32(0), TypeError, "symbols must hold integers"),
    (int32(0, 0), int32(0), int32(0), ValueError, "2 symbols given for 1 means"),
]
BAD_MODELS = [
    (int32(0), int32(64), ValueError, "index must lie"),
    (int32(0), int32(-1), ValueError, "index must lie"),
    (np.array([2**31]), int32(0), ValueError, "mean must lie"),
    (np.zeros(1), int32(0), TypeError, "mean must hold integers"),
    (int32(0), np.zeros(1), TypeError, "index must hold integers"),
    (int32(0), int32(0, 0), ValueError, "differ in shape"),
]


@pytest.mark.parametrize(
    ("symbols", "mean", "index", "error", "text"),
    [*BAD_GROUPS, *((int32(0), *case) for case in BAD_MODELS)],
)
def test_bad_groups_are_refused_and_leave_the_stream_as_it_was(
    symbols: Int32, mean: Int32, index: Int32, error: type[Exception], text: str
) -> None:
    encoder, counter = SymbolEncoder(), BitCounter()
    encoder.put(int32(3), int32(0), int32(20))
    before = encoder.finish()
    for sink in (encoder, counter):
        with pytest.raises(error, match=text):
            sink.put(symbols, mean, index)
    assert encoder.finish() == before
    assert counter.bits == 0


@pytest.mark.parametrize(("mean", "index", "error", "text"), BAD_MODELS)
def test_decoder_refuses_bad_arguments(
    mean: Int32, index: Int32, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        SymbolDecoder(bytes(8)).get(mean, index)


def test_finish_may_be_asked_for_in_between() -> None:
    rng = np.random.default_rng(6)
    groups = [logistic_group(rng, 40), logistic_group(rng, 40)]
    encoder = SymbolEncoder()
    encoder.put(*groups[0])
    assert encoder.finish() == encode(groups[:1])
    encoder.put(*groups[1])
    assert encoder.finish() == encode(groups)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """constriction warns on stdout about some ways of making models; stdout carries our data."""
    assert_round_trip([wild_group(np.random.default_rng(8), 500)])
    assert capfd.readouterr() == ("", "")


def test_coding_needs_no_torch() -> None:
    probe = "import sys, lcodec.coding; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
