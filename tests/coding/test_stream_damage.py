"""Damaged streams: FormatError or some symbols, and nothing else."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcodec.coding import SYMBOL_LIMIT, SymbolDecoder, backend
from lcodec.errors import FormatError

from .samples import STEADY, Group, Int32, decode, encode, logistic_group, wild_group


def sample(seed: int, escapes: bool = False) -> list[Group]:
    rng = np.random.default_rng(seed)
    make = wild_group if escapes else logistic_group
    return [make(rng, size) for size in (60, 0, 150, 90)]


def try_decode(data: bytes, groups: list[Group]) -> list[Int32] | None:
    """The symbols, or None after FormatError; any other exception fails the test."""
    try:
        decoded = decode(data, groups)
    except FormatError:
        return None
    for symbols, group in zip(decoded, groups, strict=True):
        assert symbols.shape == group.mean.shape
        assert symbols.size == 0 or np.abs(symbols).max() <= SYMBOL_LIMIT
    return decoded


def flipped(data: bytes, bit: int) -> bytes:
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


@pytest.mark.parametrize("escapes", [False, True])
def test_no_flipped_bit_decodes_to_the_same_symbols(escapes: bool) -> None:
    groups = sample(1, escapes)
    data = encode(groups)
    caught = 0
    for bit in range(0, 8 * len(data), 3 if escapes else 1):
        decoded = try_decode(flipped(data, bit), groups)
        caught += decoded is None
        if decoded is not None:
            pairs = zip(decoded, groups, strict=True)
            assert any((symbols != group.symbols).any() for symbols, group in pairs)
    assert caught > 0


@pytest.mark.parametrize("escapes", [False, True])
def test_a_stream_cut_short_is_noticed(escapes: bool) -> None:
    groups = sample(2, escapes)
    data = encode(groups)
    for length in range(len(data)):
        with pytest.raises(FormatError):
            decode(data[:length], groups)


def test_a_stream_cut_short_stops_the_decoder_early() -> None:
    groups = sample(3)
    decoder = SymbolDecoder(encode(groups)[:4])
    with pytest.raises(FormatError, match="ends too early"):
        decoder.get(groups[0].mean, groups[0].level)


def test_missing_escape_bits_are_noticed() -> None:
    far = Group(*(np.array([value], np.int32) for value in (-30000, 0, 0)))
    data = encode([far])
    assert len(data) == 8
    with pytest.raises(FormatError):
        SymbolDecoder(data[:4]).get(far.mean, far.level)


@pytest.mark.parametrize("extra", [b"\0\0\0\0", b"\xff\xff\xff\xff", bytes(range(40))])
def test_words_left_over_are_noticed(extra: bytes) -> None:
    groups = sample(4)
    with pytest.raises(FormatError):
        decode(encode(groups) + extra, groups)
    with pytest.raises(FormatError):
        decode(extra, [])


def test_groups_left_over_are_noticed() -> None:
    groups = sample(5)
    with pytest.raises(FormatError, match="left over"):
        decode(encode(groups), groups[:-1])


@pytest.mark.parametrize("length", [1, 2, 3, 5, 4095])
def test_half_words_are_refused(length: int) -> None:
    with pytest.raises(FormatError, match="whole words"):
        SymbolDecoder(bytes(length))


@settings(STEADY)
@given(st.binary(max_size=400), st.integers(0, 2**32), st.booleans())
def test_random_bytes(data: bytes, seed: int, escapes: bool) -> None:
    try_decode(data[: len(data) // 4 * 4], sample(seed, escapes))


@settings(STEADY)
@given(st.integers(0, 2**32), st.data())
def test_random_damage(seed: int, data: st.DataObject) -> None:
    groups = sample(seed % 1000, escapes=bool(seed & 1))
    words = np.frombuffer(encode(groups), "<u4").copy()
    for _ in range(data.draw(st.integers(1, 4))):
        words[data.draw(st.integers(0, words.size - 1))] = data.draw(st.integers(0, 2**32 - 1))
    try_decode(words.tobytes(), groups)


@pytest.mark.parametrize("fill", [0x00, 0x55, 0xFF])
def test_damage_allocates_no_more_than_the_symbols_need(fill: int) -> None:
    """Constant bytes lead to streams of escapes as well as to streams that never end."""
    count = 20000
    mean = np.zeros(count, np.int32)
    for index in (0, 30, 63):
        tracemalloc.start()
        group = Group(mean, mean, mean + index)
        try_decode(bytes([fill]) * 4000, [group])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 400 * count


def escape_stream(length: int, low: int) -> bytes:
    """One symbol of table 0, escaped with the given bit length and low bits."""
    encoder = backend.WordEncoder()
    encoder.value(3, backend.categorical(np.array([1, 65533, 1, 1], np.uint16)))
    encoder.value(length, backend.uniform(32))
    if length > 1:
        encoder.value(low, backend.uniform(1 << min(length - 1, 24)))
    return encoder.to_bytes()


@pytest.mark.parametrize("length", [0, 19, 31])
def test_impossible_escape_lengths_are_refused(length: int) -> None:
    zero = np.zeros(1, np.int32)
    with pytest.raises(FormatError, match="escape code"):
        SymbolDecoder(escape_stream(length, 0)).get(zero, zero)


def test_symbols_out_of_range_are_refused() -> None:
    zero = np.zeros(1, np.int32)
    # v = 2 (|r| - 2): the largest symbol, then one more
    largest = 2 * (SYMBOL_LIMIT - 2) + 1
    fits = SymbolDecoder(escape_stream(16, largest - (1 << 15)))
    assert fits.get(zero, zero).tolist() == [SYMBOL_LIMIT]
    fits.finish()
    with pytest.raises(FormatError, match="out of range"):
        SymbolDecoder(escape_stream(16, largest + 2 - (1 << 15))).get(zero, zero)
    with pytest.raises(FormatError, match="out of range"):
        SymbolDecoder(escape_stream(18, (1 << 17) - 1)).get(zero, zero)


def test_a_panic_in_native_code_is_a_format_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FormatError), backend.damage_is_format_error():
        backend.uniform(0)
    capfd.readouterr()  # the panic's own words on stderr


def test_an_interrupt_is_not_mistaken_for_damage() -> None:
    with pytest.raises(KeyboardInterrupt), backend.damage_is_format_error():
        raise KeyboardInterrupt
