"""Every damaged file is refused, with one line and a documented exit code."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import lcodec
from lcodec.library.shared import forget_codecs
from lcodec.weights import ENVIRONMENT
from tests.conftest import RELEASED_MODELS, ROOT
from tests.damage.damage import (
    FORMAT,
    MISMATCH,
    Case,
    Verdict,
    accidents,
    beneath_crc,
    flips,
    header_flips,
    truncations,
    try_all,
)
from tests.damage.samples import sound_files
from tests.entropy.tiny import TINY

FILES = ("tiles", "gray", "noise", "pixel", "layer")


@pytest.fixture(scope="module")
def files(tiny_models_folder: Path) -> dict[str, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT, str(tiny_models_folder))
        return sound_files()


def decode(data: bytes) -> lcodec.Decoded:
    return lcodec.decode(data, device="cpu")


def verdict_on(name: str, *cases: list[Case]) -> Verdict:
    verdict = Verdict()
    for some in cases:
        try_all(name, some, decode, verdict)
    assert not verdict.problems
    return verdict


@pytest.mark.usefixtures("tiny_model")
def test_undamaged_files_decode(files: dict[str, bytes]) -> None:
    assert tuple(files) == FILES
    assert len(lcodec.inspect(files["tiles"])["tiles"]) == 4
    for data in files.values():
        assert decode(data).pixels.size


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("name", FILES)
def test_bits_and_truncations(files: dict[str, bytes], name: str) -> None:
    data, random = files[name], Random(name)
    verdict = verdict_on(name, list(flips(data, 75, random)), list(truncations(data, 15, random)))
    assert verdict.codes.total() == 75 + 15


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("name", FILES)
def test_every_bit_of_the_header(files: dict[str, bytes], name: str) -> None:
    verdict = verdict_on(name, list(header_flips(files[name])))
    assert verdict.codes.total() > 200


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("name", FILES)
def test_accidents(files: dict[str, bytes], name: str) -> None:
    verdict_on(name, list(accidents(files[name], Random(name))))


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("name", FILES)
def test_streams_beneath_sound_framing(files: dict[str, bytes], name: str) -> None:
    verdict = verdict_on(name, list(beneath_crc(files[name], 8, Random(name))))
    assert set(verdict.codes) <= {FORMAT, MISMATCH}


@pytest.mark.parametrize("model", TINY)
def test_every_model(all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(all_tiny_models))
    forget_codecs()
    data, random = sound_files(model)["tiles"], Random(model)
    decode(data)
    verdict_on(model, list(flips(data, 15, random)), list(truncations(data, 5, random)))
    verdict = verdict_on(model, list(beneath_crc(data, 4, random)))
    assert set(verdict.codes) <= {FORMAT, MISMATCH}
    forget_codecs()


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("name", FILES)
def test_many_bits_and_truncations(files: dict[str, bytes], name: str) -> None:
    data, random = files[name], Random(f"many {name}")
    verdict_on(name, list(flips(data, 750, random)), list(truncations(data, 75, random)))
    verdict_on(name, list(beneath_crc(data, 100, random)))


@pytest.mark.slow
@pytest.mark.parametrize("model", RELEASED_MODELS)
def test_released_model(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(ROOT / "models"))
    forget_codecs()
    for name, data in sound_files(model).items():
        random = Random(f"released {name}")
        decode(data)
        verdict_on(name, list(flips(data, 750, random)), list(truncations(data, 75, random)))
        verdict_on(name, list(header_flips(data)), list(accidents(data, random)))
        verdict_on(name, list(beneath_crc(data, 10, random)))
    forget_codecs()
