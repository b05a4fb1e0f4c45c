"""A model released again, with another scale or entropy model, keeps what it was for its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lcodec import weights
from lcodec.cli.main import run
from lcodec.errors import UsageError, WeightsError
from lcodec.library.codec import Codec
from lcodec.training.export import write_model
from lcodec.training.start import load_start
from lcodec.tunes import default_model
from lcodec.twin.codec import TwinCodec
from lcodec.twin.restore import restore_model
from lcodec.weights.lock import lock_model
from tests.tinymodel import VISUAL_TRANSFORMS, picture, tiny_codec, write_visual_model

NAME = default_model()


def release_again(
    models: Path, power: float, keep: bool = True, source: TwinCodec | None = None
) -> None:
    """Release the model, or its ``source``, with another scale."""
    model = source or restore_model(models / NAME)
    model.rescale(tuple(round(100 * (level / 100) ** power, 3) for level in range(101)))
    write_model(model, models, NAME, VISUAL_TRANSFORMS, keep=keep)
    for name in (NAME, VISUAL_TRANSFORMS):
        lock_model(models, name)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_visual_model(tmp_path)
    monkeypatch.setenv("LCODEC_MODELS", str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return folder


def own_id() -> str:
    return weights.stated_id(weights.find_model(NAME)) or ""


def are_sound() -> bool:
    return all(check.state is weights.FileState.OK for check in weights.verify())


def test_files_of_every_release_stay_readable(models: Path) -> None:
    pixels, made = picture(80, 96), []
    for power in (None, 0.8, 1.1):
        if power is not None:
            release_again(models, power)
        codec = Codec(device="cpu")
        data = codec.encode(pixels, 40)
        made.append((own_id(), data, codec.decode(data).pixels))
    assert len({model_id for model_id, _, _ in made}) == 3
    for model_id, data, shown in made:
        info = weights.find_model_by_id(bytes.fromhex(model_id))
        assert np.array_equal(Codec(info.name, device="cpu").decode(data).pixels, shown)
    kept = [f"{NAME}@{model_id}" for model_id, _, _ in made[:2]]
    assert {model.name for model in weights.list_models()} >= {NAME, *kept}
    assert not set(kept) & set(weights.coding_models())
    checked = {check.path.name for check in weights.verify() if check.model in kept}
    assert checked == {"config.json", *(f"entropy-{name[-8:]}.safetensors" for name in kept)}
    assert are_sound()


def recut(model: TwinCodec, folder: Path, *slices: int) -> TwinCodec:
    """The model with its latents cut into other slices."""
    entropy: Any = model.config.entropy
    cut = () if len(set(slices)) == 1 else slices
    config = replace(entropy, slices=len(slices), slice_channels=cut)
    found = TwinCodec(replace(model.config, entropy=config))
    assert load_start(found, folder, pytest.fail) == []
    return found.eval()


def test_the_entropy_model_may_have_other_sizes(models: Path) -> None:
    pixels, made = picture(80, 96), []
    release_again(models, 0.7)
    path = models / NAME / "config.json"
    config = json.loads(path.read_text())
    # As 0.7.0 stated it: scales only.
    config["earlier"] = {name: kept["scale"] for name, kept in config["earlier"].items()}
    path.write_text(json.dumps(config))
    lock_model(models, NAME)
    first = (*config["earlier"],)
    for power, slices in ((0.8, ()), (0.8, (4, 8, 20)), (1.1, (2, 30)), (0.9, (8, 8, 8, 8))):
        model = restore_model(models / NAME)
        source = recut(model, models / NAME, *slices) if slices else model
        release_again(models, power, source=source)
        codec = Codec(device="cpu")
        made.append((own_id(), codec.encode(pixels, 40)))
    shown = []
    for model_id, data in made:
        info = weights.find_model_by_id(bytes.fromhex(model_id))
        shown.append(Codec(info.name, device="cpu").decode(data).pixels)
    assert np.array_equal(shown[0], shown[1])  # the same scale
    Codec(f"{NAME}@{first[0]}", device="cpu")
    assert are_sound()


def test_decode_takes_the_kept_model(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, shown = tmp_path / "old.lic", tmp_path / "old.png"
    source.write_bytes(Codec(device="cpu").encode(picture(40, 48), 60))
    before = own_id()
    release_again(models, 0.8)
    assert run(["decode", str(source), str(shown)]) == 0 and shown.is_file()
    assert run(["weights", "list", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (row,) = [row for row in listed if row["id"] == before]
    assert row["model"] == f"{NAME}@{before}" and row["missing"] == []
    assert row["files"] == ["config.json", f"entropy-{before}.safetensors"]
    release_again(models, 0.9, keep=False)
    assert not list((models / NAME).glob("entropy-*"))
    assert run(["decode", str(source), str(tmp_path / "again.png")]) == 6
    assert before in capsys.readouterr().err


def test_the_same_release_again_keeps_nothing_twice(models: Path) -> None:
    source, first = restore_model(models / NAME), own_id()
    for power, kept in ((0.8, {first}), (0.8, {first}), (0.9, {first, None}), (0.8, {first, None})):
        before = own_id()
        release_again(models, power, source=source)
        config = json.loads((models / NAME / "config.json").read_text())
        assert config["earlier"].keys() == {before if name is None else name for name in kept}
        assert {path.stem for path in (models / NAME).glob("entropy-*")} == {
            f"entropy-{name}" for name in config["earlier"]
        }
        assert are_sound()


def test_only_what_has_the_same_transforms_is_kept(models: Path, tmp_path: Path) -> None:
    other = tiny_codec(seed=7, deblocking=True)
    other.config = restore_model(models / NAME).config
    with pytest.raises(UsageError, match=r"--keep: the model in .* differs"):
        write_model(other, models, NAME, VISUAL_TRANSFORMS, keep=True)
    with pytest.raises(UsageError, match="--keep: there is no model"):
        write_model(other, tmp_path / "empty", NAME, VISUAL_TRANSFORMS, keep=True)
    assert are_sound()


def damaged(change: Callable[[dict[str, object]], None]) -> Callable[[Path], None]:
    def apply(models: Path) -> None:
        path = models / NAME / "config.json"
        config = json.loads(path.read_text())
        change(config["earlier"])
        path.write_text(json.dumps(config))
        lock_model(models, NAME)

    return apply


def other_entropy(models: Path) -> None:
    """The entropy model of the one release in the file of the other."""
    (kept,) = (models / NAME).glob("entropy-*")
    kept.write_bytes((models / NAME / "entropy.safetensors").read_bytes())
    lock_model(models, NAME)


@pytest.mark.parametrize(
    "damage",
    [
        damaged(lambda earlier: earlier.update(dict.fromkeys(earlier, (0.0, 100.0)))),
        damaged(lambda earlier: earlier.update(dict.fromkeys(earlier, 3))),
        damaged(lambda earlier: earlier.update(dict.fromkeys(earlier))),
        other_entropy,
    ],
)
def test_damage_to_a_kept_model_is_its_own(models: Path, damage: Callable[[Path], None]) -> None:
    before = own_id()
    release_again(models, 0.8)
    damage(models)
    with pytest.raises(WeightsError):
        Codec(f"{NAME}@{before}", device="cpu")
    Codec(device="cpu")


@pytest.mark.parametrize("stated", ["[]", '{"x": [], "00000000": []}', "7", '"00000000"'])
def test_a_strange_list_of_earlier_models_hides_nothing(models: Path, stated: str) -> None:
    path = models / NAME / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "earlier": json.loads(stated)}))
    lock_model(models, NAME)
    assert NAME in {model.name for model in weights.list_models()}
    Codec(device="cpu")


def test_effort_searches_with_the_entropy_model_that_is_loaded(models: Path) -> None:
    pixels, before = picture(64, 80), own_id()
    wanted = Codec(device="cpu").encode(pixels, 40, effort=2)
    source = recut(restore_model(models / NAME), models / NAME, 4, 8, 20)
    with torch.no_grad():
        for parameter in source.network.parameters():
            parameter.mul_(0.5)
    release_again(models, 1.25, source=source)
    release_again(models, 0.8, source=source)
    kept = Codec(f"{NAME}@{before}", device="cpu")
    assert kept.encode(pixels, 40, effort=2) == wanted
    assert own_id() != before
