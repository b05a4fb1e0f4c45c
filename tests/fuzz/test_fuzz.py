"""A little fuzzing in every run of the tests, always the same; `make fuzz` goes on from there."""

from __future__ import annotations

import functools
import gc
import inspect
from pathlib import Path
from random import Random

import pytest
import torch

from lcodec.coding.rangecoder import ESCAPE_LENGTH_MAX
from lcodec.coding.tables import tables
from tests.fuzz.mutate import join, mutated, split
from tests.fuzz.readers import Readers, seeds, tiny_codec
from tests.tinymodel import picture

ROUNDS = 40


@pytest.fixture
def readers(tiny_model: Path) -> Readers:
    return Readers(tiny_codec())


def test_sound_files_survive_being_taken_apart(readers: Readers) -> None:
    for name, data in seeds(readers.codec).items():
        assert join(*split(data)) == data, name
        readers(data)
    assert readers.given == readers.accepted


def test_damage_beneath_the_crcs_is_refused_clearly(readers: Readers) -> None:
    random = Random(20)
    for name, data in seeds(readers.codec).items():
        for number in range(ROUNDS):
            damaged = mutated(data, random)
            try:
                readers(damaged)
            except Exception as error:
                raise AssertionError(f"{name}, {number}: {damaged[:200].hex()}") from error
    # Both happen: what changes nothing that counts is decoded, most is not.
    assert 0.02 * readers.given < readers.accepted < 0.8 * readers.given


def test_files_leave_nothing_behind(readers: Readers) -> None:
    """A service reads files for months: neither sizes and levels nor errors may add up."""
    random, pixels = Random(21), picture(100, 120, 6)
    sound = [
        readers.codec.encode(pixels[: 9 * number + 1, : 120 - 7 * number], 8 * number)
        for number in range(12)
    ]
    damaged = [mutated(data, random) for data in sound for _ in range(3)]
    held = []
    for _ in range(3):
        for data in sound + damaged:
            readers(data)
        gc.collect()
        objects = gc.get_objects()
        held.append((sum(issubclass(type(one), torch.Tensor) for one in objects), len(objects)))
    assert held[2][0] <= held[1][0], held
    assert held[2][1] <= held[1][1] + 50, held


def test_caches_are_bounded(readers: Readers) -> None:
    for data in seeds(readers.codec).values():
        readers(data)
    caches = {
        f"{one.__module__}.{one.__wrapped__.__qualname__}": one
        for one in gc.get_objects()
        if type(one) is functools._lru_cache_wrapper and one.__module__.startswith("lcodec.")
    }
    # What has no bound has no argument, or one of which there are few.
    few = {
        "lcodec.coding.tables.model": len(tables().radius),
        "lcodec.coding.rangecoder._bits_model": ESCAPE_LENGTH_MAX,
        "lcodec.weights.catalogue._read": 3,  # that of the installation, and of tests
        "lcodec.view.page.asset": 10,  # files of the installation
    }
    assert "lcodec.coding.tables.model" in caches
    for name, one in caches.items():
        if one.cache_parameters()["maxsize"] is None and name not in few:
            assert not inspect.signature(one).parameters, name
    for name in few.keys() & caches.keys():
        assert caches[name].cache_info().currsize <= few[name], name
