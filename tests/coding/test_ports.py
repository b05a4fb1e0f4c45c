"""Ports, and the checksum over the symbols."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from lcodec.coding import (
    BitCounter,
    CutPort,
    DecodePort,
    EncodePort,
    SymbolDecoder,
    SymbolEncoder,
    SymbolPort,
    prefix_of,
    symbol_checksum,
)
from lcodec.coding.residual import IntArray
from lcodec.errors import FormatError

from .samples import Int32

SHAPES = [(3, 4), (3, 4), (0, 4), (5, 2)]


def coding_loop(port: SymbolPort) -> list[Int32]:
    """What a codec does: each group's parameters follow from the groups before it."""
    done: list[Int32] = []
    context = 0
    for group, shape in enumerate(SHAPES):
        mean = np.full(shape, 16 * context + group, np.int32)
        index = np.full(shape, 20 + abs(context) % 40, np.int32)
        symbols = port.exchange(group, mean, index)
        assert symbols.dtype == np.int32
        assert symbols.shape == shape
        context = int(symbols.sum()) % 50
        done.append(symbols)
    return done


def known_groups() -> list[Int32]:
    rng = np.random.default_rng(9)
    return [rng.integers(-30, 30, shape, dtype=np.int32) for shape in SHAPES]


def test_one_loop_encodes_decodes_and_counts() -> None:
    groups = known_groups()
    own, counter = BitCounter(), BitCounter()
    encoder = SymbolEncoder(own)
    coding_loop(EncodePort(encoder, groups))
    coding_loop(EncodePort(counter, groups))
    data = encoder.finish()
    assert own.per_call == counter.per_call
    assert 0 <= 8 * len(data) - counter.bits <= 33
    assert len(counter.per_call) == len(SHAPES)

    decoder = SymbolDecoder(data)
    decoded = coding_loop(DecodePort(decoder))
    decoder.finish()
    for symbols, group in zip(decoded, groups, strict=True):
        np.testing.assert_array_equal(symbols, group)


def test_encode_port_gives_what_a_decoder_would() -> None:
    """Type and shape are the decoder's even if the groups are kept flat and in another type."""
    groups = [group.ravel().astype(np.int16) for group in known_groups()]
    coding_loop(EncodePort(SymbolEncoder(), groups))


def test_encode_port_refuses_a_group_of_another_size() -> None:
    port = EncodePort(SymbolEncoder(), [np.zeros(5, np.int32)])
    four = np.zeros(4, np.int32)
    with pytest.raises(ValueError, match="5 symbols given for 4 means"):
        port.exchange(0, four, four)


def test_decode_port_passes_damage_on() -> None:
    with pytest.raises(FormatError):
        coding_loop(DecodePort(SymbolDecoder(b"")))


def test_checksum_is_crc32_of_little_endian_int16() -> None:
    arrays: list[IntArray] = [np.array([1, -2], np.int32), np.array([[32767], [-32767]], np.int64)]
    assert symbol_checksum(arrays) == zlib.crc32(bytes.fromhex("0100feffff7f0180"))
    assert symbol_checksum([]) == 0
    assert symbol_checksum([np.arange(10)]) == symbol_checksum([np.arange(4), np.arange(4, 10)])
    assert symbol_checksum(iter(arrays)) != symbol_checksum(arrays[::-1])


def test_checksum_takes_c_order_whatever_the_layout() -> None:
    array = np.arange(24).reshape(4, 6)
    expected = symbol_checksum([array.ravel()])
    assert symbol_checksum([np.asfortranarray(array)]) == expected
    assert symbol_checksum([np.repeat(array, 2, axis=1)[:, ::2]]) == expected


@pytest.mark.parametrize("size", [0, 1, 7, 4096, 2_621_440])
def test_a_checksum_tells_the_four_bytes_before_the_symbols(size: int) -> None:
    chance = np.random.default_rng(size)
    arrays = [chance.integers(-99, 99, side) for side in (size // 3, size - size // 3)]
    for prefix in (bytes(4), b"\x01\0\0\0", b"\xff\xff\0\0", b"\xff\xff\xff\xff", b"abcd"):
        assert prefix_of(symbol_checksum(arrays, prefix), arrays) == prefix
    other = prefix_of(symbol_checksum(arrays, bytes(4)) ^ 1, arrays)
    assert symbol_checksum(arrays, other) == symbol_checksum(arrays, bytes(4)) ^ 1


@pytest.mark.parametrize("value", [32768, -32768, 2**40])
def test_checksum_refuses_what_16_bits_cannot_tell_apart(value: int) -> None:
    with pytest.raises(ValueError, match="symbols must lie"):
        symbol_checksum([np.array([value])])
    with pytest.raises(TypeError, match="integers"):
        symbol_checksum([np.array([0.5])])


def test_of_a_stream_that_is_cut_off_whole_groups_are_left() -> None:
    """Wherever the cut is: first groups as they were, then the nearest to the mean."""
    groups = known_groups()
    encoder = SymbolEncoder()
    coding_loop(EncodePort(encoder, groups))
    data = encoder.finish()
    counts = set()
    for size in range(0, len(data) + 4, 4):
        port = CutPort(SymbolDecoder(data[:size]))
        decoded = coding_loop(port)
        assert port.asked == sum(group.size for group in groups)
        count = 0
        while count < len(groups) and np.array_equal(decoded[count], groups[count]):
            count += 1
        sizes = [sum(group.size for group in groups[:n]) for n in range(count + 1)]
        assert port.arrived in sizes, "what counts as arrived is what was put in"
        counts.add(port.arrived)
        if port.arrived == 0:
            assert (decoded[0] == 0).all()
    assert {0, 12, 24} <= counts


def test_the_likeliest_symbols_are_in_range() -> None:
    port = CutPort(SymbolDecoder(b""))
    mean = np.array([-(1 << 30), -25, -8, 7, 8, 1 << 30], np.int32)
    symbols = port.exchange(0, mean, np.zeros(6, np.int32))
    assert symbols.tolist() == [-32767, -2, 0, 0, 1, 32767]
