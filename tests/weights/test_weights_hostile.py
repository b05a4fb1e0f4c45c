"""Models, locks and configurations that are damaged, or made to do harm."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from torch import Tensor

from lcodec import weights
from lcodec.cli.main import run
from lcodec.errors import UnsupportedError, WeightsError
from lcodec.library.codec import Codec
from lcodec.weights import state, stored
from lcodec.weights.load import (
    CONFIG_FILE,
    ENTROPY_FILE,
    TRANSFORMS_FILE,
    canonical_id,
    load_model,
    read_config,
)
from lcodec.weights.lock import LOCK_NAME, lock_model
from tests.cli.command import lcodec
from tests.conftest import RELEASED_MODELS, ROOT
from tests.tinymodel import picture, write_tiny_model

Tensors = dict[str, Tensor]
Change = Callable[[Tensors], None]


@pytest.fixture
def models(all_tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tiny models of all kinds, to be changed."""
    shutil.copytree(all_tiny_models, tmp_path / "models")
    shutil.copy(all_tiny_models.parent / LOCK_NAME, tmp_path / LOCK_NAME)
    monkeypatch.setenv("LCODEC_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def change_weights(models: Path, name: str, file: str, change: Change) -> None:
    """Change the tensors of a model, and make id and lock those of the changed ones."""
    folder = models / name
    shared = models / read_config(folder).transforms
    path = (folder if file == ENTROPY_FILE else shared) / file
    tensors = load_file(path)
    change(tensors)
    path.unlink()
    save_file(tensors, path)
    stated = read_config(folder).stated
    identity = canonical_id(
        stated, load_file(shared / TRANSFORMS_FILE), load_file(folder / ENTROPY_FILE)
    )
    config = json.loads((folder / CONFIG_FILE).read_text())
    change_config(models, name, json.dumps({**config, "model_id": identity.hex()}))
    lock_model(models, shared.name)


def change_config(models: Path, name: str, text: str) -> None:
    (models / name / CONFIG_FILE).write_text(text)
    lock_model(models, name)


def put(name: str, value: float) -> Change:
    """Set the last number of the first tensor whose name ends in ``name``."""

    def change(tensors: Tensors) -> None:
        found = next(tensor for key, tensor in sorted(tensors.items()) if key.endswith(name))
        found.view(-1)[-1] = value

    return change


def other_type(tensors: Tensors) -> None:
    tensors["network.features.weight"] = tensors["network.features.weight"].float()


def full_row(tensors: Tensors) -> None:
    """A bias just within its type, over weights that add up beyond 2^24 with it."""
    tensors["network.features.bias"][0] = (1 << 24) - 1


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        (ENTROPY_FILE, put("features.multiplier", float("nan")), "features.multiplier: not all"),
        (ENTROPY_FILE, put("features.multiplier", float("inf")), "features.multiplier: not all"),
        (ENTROPY_FILE, put("scores.multiplier", float("-inf")), "scores.multiplier: not all"),
        (ENTROPY_FILE, put("heads.0.multiplier", float("nan")), "heads.0.multiplier: not all"),
        (ENTROPY_FILE, put("latent_multiplier", float("nan")), "latent_multiplier: not all"),
        (ENTROPY_FILE, put("features.weight", 64), "features.weight: 64 is not in -63..63"),
        (ENTROPY_FILE, put("heads.0.weight", -128), "heads.0.weight: -128 is not in"),
        (ENTROPY_FILE, put("spatial.weight", 100), "spatial.weight: 100 is not in"),
        (ENTROPY_FILE, put("quality_table.weight", -32768), "-32768 is not in -32767..32767"),
        (ENTROPY_FILE, put("prior_index", 64), "prior_index: 64 is not in 0..63"),
        (ENTROPY_FILE, put("scores.bias", (1 << 20) + 1), "scores.bias: 1048577 is not in"),
        (ENTROPY_FILE, put("features.bias", -(1 << 31)), "features: a sum can reach"),
        (ENTROPY_FILE, full_row, "features: a sum can reach"),
        (ENTROPY_FILE, other_type, "features.weight: of type torch.float32, not torch.int8"),
        (TRANSFORMS_FILE, put("synthesis.enter.bias", float("nan")), "synthesis.enter.bias: not"),
        (TRANSFORMS_FILE, put("gains.deviation", float("inf")), "gains.deviation: not all"),
    ],
)
def test_weights_beyond_the_bounds_of_the_format_do_not_load(
    file: str, change: Change, words: str, models: Path
) -> None:
    change_weights(models, "groupedmixer", file, change)
    with pytest.raises(WeightsError, match=words):
        load_model("groupedmixer", "cpu")


def test_weights_within_the_bounds_do(models: Path) -> None:
    for name in (path.parent.name for path in models.glob(f"*/{ENTROPY_FILE}")):
        change_weights(models, name, ENTROPY_FILE, put("prior_index", 63))
        load_model(name, "cpu")


@pytest.mark.parametrize("name", RELEASED_MODELS)
def test_released_models_keep_the_bounds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(ROOT / "models"))
    load_model(name, "cpu")


def test_what_is_hashed_is_what_is_used(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def counting(path: Path) -> Any:
        opened.append(path.parent.name + "/" + path.name)
        return stored.open_regular(path)

    monkeypatch.setattr(state, "open_regular", counting)
    load_model("groupedmixer", "cpu")
    assert sorted(opened) == sorted(
        f"{folder}/{file}"
        for folder, file in (
            ("groupedmixer", CONFIG_FILE),
            ("groupedmixer", ENTROPY_FILE),
            ("transforms", CONFIG_FILE),
            ("transforms", TRANSFORMS_FILE),
        )
    )


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="maps cannot be read here")
def test_nothing_stays_mapped(models: Path) -> None:
    codec = Codec("groupedmixer", device="cpu")
    before = codec.encode(picture(40, 50), 60)
    for path in models.rglob("*.safetensors"):
        assert str(path) not in Path("/proc/self/maps").read_text()
        with path.open("r+b") as stream:  # in place, as nobody should
            stream.write(bytes(path.stat().st_size))
        os.truncate(path, 10)
    assert codec.encode(picture(40, 50), 60) == before
    np.testing.assert_array_equal(codec.decode(before).pixels, codec.decode(before).pixels)


def config_text(models: Path, **changes: Any) -> str:
    return json.dumps(
        {**json.loads((models / "groupedmixer" / CONFIG_FILE).read_text()), **changes}
    )


BROKEN: dict[str, Callable[[Path], str]] = {
    "deep": lambda models: "[" * 50_000,
    "deep inside": lambda models: '{"model_id": ' + '{"a":' * 9_000 + "1" + "}" * 9_001,
    "digits": lambda models: '{"model_id": ' + "9" * 10_000 + "}",
    "long": lambda models: '{"model_id": "' + "x" * (1 << 17) + '"}',
    "list": lambda models: "[1, 2]",
    "NaN": lambda models: config_text(models, profile=float("nan")),
    "no text": lambda models: "\0\0",
    "profile": lambda models: config_text(models, profile=[1]),
    "transforms": lambda models: config_text(models, transforms=["transforms"]),
    "path": lambda models: config_text(models, transforms="../../etc"),
    "number": lambda models: config_text(models, transforms=7),
    "kind": lambda models: config_text(models, kind=["groupedmixer"]),
    "sizes": lambda models: config_text(models, entropy=[1]),
    "zero": lambda models: config_size(models, slices=0),
    "slices": lambda models: config_size(models, slice_channels=[[1], 2]),
    "slices without end": lambda models: config_size(models, slice_channels=[1] * 30_000),
    "text": lambda models: config_size(models, width="192"),
    "float": lambda models: config_size(models, width=8.0),
    "true": lambda models: config_size(models, width=True),
    "negative": lambda models: config_size(models, depth=-1),
    "large": lambda models: config_size(models, width=10**9),
    "larger": lambda models: config_size(models, width=10**400),
    "wide": lambda models: config_size(models, width=12288, expansion=256),
    "layers": lambda models: config_size(models, depth=64),
    "unknown": lambda models: config_size(models, other=1),
    "id": lambda models: config_text(models, model_id=["a"]),
    "other id": lambda models: config_text(models, model_id="00000000"),
}


def config_size(models: Path, **sizes: Any) -> str:
    own = json.loads((models / "groupedmixer" / CONFIG_FILE).read_text())["entropy"]
    return config_text(models, entropy={**own, **sizes})


@pytest.mark.parametrize("name", BROKEN)
def test_broken_configuration_of_one_model_is_told_of_and_harms_no_other(
    name: str, models: Path
) -> None:
    other = load_model("checkerboard", "cpu").model_id
    change_config(models, "groupedmixer", BROKEN[name](models))
    with pytest.raises((WeightsError, UnsupportedError)) as caught:
        load_model("groupedmixer", "cpu")
    assert len(str(caught.value)) < 1000
    assert weights.find_model_by_id(other).name == "checkerboard"
    assert "checkerboard" in weights.coding_models()
    assert len(weights.comparable_models()) > 1
    assert weights.stated_tune(weights.find_model("groupedmixer")) == "psnr"
    assert {check.state for check in weights.verify()} == {weights.FileState.OK}


@pytest.mark.parametrize("tune", [["psnr"], {}, 5, None])
def test_broken_configuration_of_transforms(tune: object, models: Path) -> None:
    path = models / "transforms" / CONFIG_FILE
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "tune": tune}))
    lock_model(models, "transforms")
    assert weights.stated_tune(weights.find_model("groupedmixer")) == "psnr"
    with pytest.raises(WeightsError):
        load_model("groupedmixer", "cpu")


BAD_LOCKS = {
    "deep": "a = " + "[" * 20_000,
    "digits": "[[file]]\nsize = " + "9" * 10_000,
    "long": "# " + "x" * (1 << 21),
    "size": '[[file]]\nmodel="a"\npath="models/a/x"\nsize=99999999999999999\n'
    f'sha256="{"0" * 64}"\n',
    "many": "[[file]]\nmodel='a'\n" * 60_000,
    "no text": "\0\0\0",
}


@pytest.mark.parametrize("name", BAD_LOCKS)
def test_bad_locks_give_one_line(name: str, models: Path) -> None:
    (models.parent / LOCK_NAME).write_text(BAD_LOCKS[name])
    with pytest.raises(WeightsError, match=LOCK_NAME) as caught:
        load_model("groupedmixer", "cpu")
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


def test_lock_that_is_no_file(models: Path) -> None:
    lock = models.parent / LOCK_NAME
    lock.unlink()
    os.mkfifo(lock)
    with pytest.raises(WeightsError, match="not a regular file"):
        load_model("groupedmixer", "cpu")


def test_files_that_are_none(models: Path) -> None:
    model = weights.find_model("groupedmixer")
    path = models / "groupedmixer" / CONFIG_FILE
    path.unlink()
    os.mkfifo(path)
    assert weights.stated_id(model) is None
    assert state.file_state(path, model.files[0]) is weights.FileState.UNREADABLE
    with pytest.raises(WeightsError, match="unreadable"):
        weights.read_model_files(model)


def test_damaged_lock_of_another_place_does_not_keep_a_file_from_its_model(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = Codec("groupedmixer", device="cpu")
    data = codec.encode(picture(20, 20), 50)
    other = tmp_path / "other"
    write_tiny_model(other, seed=9)
    (other / LOCK_NAME).write_text("[[file")
    monkeypatch.setenv("LCODEC_MODELS", str(other / "models"))
    monkeypatch.setattr(
        "lcodec.weights.places._added_places", lambda: [weights.Place(models, "test")]
    )
    # By its name it could be another one, which the lock would have listed first.
    with pytest.raises(WeightsError, match="not valid TOML"):
        load_model("groupedmixer", "cpu")
    found = weights.find_model_by_id(codec.loaded.model_id)
    assert found.folder == models / "groupedmixer"
    import lcodec as library

    assert library.decode(data, device="cpu").header.width == 20
    with pytest.raises(WeightsError, match="not valid TOML"):
        weights.find_model_by_id(b"\0\0\0\0")


@pytest.mark.parametrize("name", ["deep", "digits", "size"])
def test_the_command_says_so_with_status_6(name: str, models: Path) -> None:
    (models.parent / LOCK_NAME).write_text(BAD_LOCKS[name])
    result = lcodec("weights", "list")
    assert result.status == 6
    assert LOCK_NAME in result.error_line


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_wheel(kind: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever byte it is, and whatever of that zipfile and its decoders raise."""
    wheel = tmp_path / "a.whl"
    with zipfile.ZipFile(wheel, "w", kind) as archive:
        archive.writestr("lcodec/models/b\u00e9/config.json", b'{"model_id": "00c0ffee"}' * 9)
    whole = wheel.read_bytes()
    for place in range(0, len(whole), 3):
        wheel.write_bytes(whole[:place] + b"\xff" * 4 + whole[place + 4 :])
        assert run(["weights", "add", str(wheel), "--quiet"]) == 6
        line = capsys.readouterr().err
        assert line.startswith(f"lcodec: {wheel}: ") and len(line.splitlines()) == 1, line
