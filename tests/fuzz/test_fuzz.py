"""A little fuzzing in every run of the tests, always the same; `make fuzz` goes on from there."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.fuzz.mutate import join, mutated, split
from tests.fuzz.readers import Readers, seeds, tiny_codec

ROUNDS = 40
FOUND = sorted((Path(__file__).parent / "found").glob("*.lic"))


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


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_fuzzing_found_stays_mended(path: Path, readers: Readers) -> None:
    readers(path.read_bytes())
