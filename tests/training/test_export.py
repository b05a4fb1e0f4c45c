"""Export over models that are there: what other models need stays, or nothing changes."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch
from PIL import Image

from lcodec import weights
from lcodec.cli.main import run
from lcodec.cli.trainrun import export_command
from lcodec.process import atomic
from lcodec.training import calibrate, export
from lcodec.training.checkpoint import save_run
from lcodec.training.options import TrainOptions
from lcodec.tunes import default_model
from lcodec.twin.codec import TwinCodec
from lcodec.twin.restore import restore_model
from lcodec.weights.load import load_model
from lcodec.weights.lock import read_lock
from tests.tinymodel import (
    VISUAL_TRANSFORMS,
    picture,
    tiny_codec,
    write_tiny_model,
    write_visual_model,
)

Capture = pytest.CaptureFixture[str]
VISUAL = default_model()
RISING = tuple(round(100 * (level / 100) ** 1.1, 3) for level in range(101))


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models with transforms of their own, one for each tune."""
    write_visual_model(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    folder = write_tiny_model(tmp_path)
    monkeypatch.setenv("LCODEC_MODELS", str(folder))
    return folder


def write_run(folder: Path, model: TwinCodec) -> str:
    """A run that ended with the weights of the model, without a scale as all runs."""
    model.rescale(())
    save_run(
        folder, {"average": model.state_dict()}, {"steps": 2, "config": model.config.to_dict()}
    )
    return str(folder)


def trained_over(models: Path, name: str) -> TwinCodec:
    """A model after some steps of the stage ``entropy`` from a released one."""
    model = restore_model(models / name)
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.mul_(0.9)
    return model


def contents(models: Path) -> dict[str, bytes]:
    """All files beside and below a folder of models, hidden ones too."""
    found = (path for path in models.parent.rglob("*") if path.is_file())
    return {
        str(p): p.read_bytes() for p in found if "run" not in p.relative_to(models.parent).parts
    }


def export_it(tmp_path: Path, model: TwinCodec, *words: str) -> int:
    return run(["weights", "export", write_run(tmp_path / "run", model), *words])


@pytest.mark.parametrize(
    ("name", "over"), [(VISUAL, VISUAL_TRANSFORMS), ("groupedmixer", "transforms")]
)
def test_an_entropy_model_gets_the_scale_of_its_transforms(
    name: str, over: str, models: Path, tmp_path: Path
) -> None:
    before = (models / over / "config.json").read_bytes()
    assert export_it(tmp_path, trained_over(models, name), "mine", "--transforms", over) == 0
    assert (models / over / "config.json").read_bytes() == before
    mine, there = load_model("mine", "cpu"), load_model(name, "cpu")
    assert mine.config == there.config and mine.transforms_id == there.transforms_id
    assert mine.model_id != there.model_id


def calibrated(model: TwinCodec, pictures: object) -> TwinCodec:
    model.rescale(RISING)
    return model


@pytest.mark.parametrize("change", ["scale", "reach", "tune", "tensors"])
def test_what_transforms_state_is_not_changed_under_other_models(
    change: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(export, "calibrated", calibrated)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(pictures / "a.png")
    model, words = trained_over(models, VISUAL), ["mine", "--transforms", VISUAL_TRANSFORMS]
    if change == "reach":
        model.config = replace(model.config, reach=(-0.5, 1.25))
    elif change == "tune":
        model.config = replace(model.config, tune="psnr")
    elif change == "tensors":
        with torch.no_grad():
            model.transforms.synthesis.linear.weight.mul_(1.1)
    if change != "tune":
        words += ["--calibrate", str(pictures)]
    before = contents(models)
    assert export_it(tmp_path, model, *words) == 8
    assert f"another scale, used by {VISUAL}; " in capsys.readouterr().err
    assert {p: data for p, data in contents(models).items() if p in before} == before
    assert not (models / "mine").exists()
    assert export_it(tmp_path, model, *words, "-f") == 0
    load_model("mine", "cpu")


@pytest.mark.parametrize(
    "words", [["mine", "--transforms", "mine-transforms"], [VISUAL, "-f"], [VISUAL, "--keep", "-f"]]
)
def test_a_model_for_the_eye_is_not_released_without_a_scale(
    words: list[str], models: Path, tmp_path: Path, capsys: Capture
) -> None:
    before = contents(models)
    assert export_it(tmp_path, trained_over(models, VISUAL), *words) == 2
    assert "needs a scale: add `--calibrate PICTURES`" in capsys.readouterr().err
    assert contents(models) == before


@pytest.mark.parametrize(
    ("name", "over", "reason"),
    [
        ("mine", "groupedmixer", "--transforms groupedmixer: {}/groupedmixer is a model"),
        ("transforms", "other", "transforms: {}/transforms holds transforms, not a model"),
        ("same", "same", "same: a model and its transforms need different names"),
    ],
)
def test_models_and_transforms_do_not_replace_each_other(
    name: str, over: str, reason: str, models: Path, tmp_path: Path, capsys: Capture
) -> None:
    before = contents(models)
    for more in ([], ["-f"]):
        assert export_it(tmp_path, tiny_codec(), name, "--transforms", over, *more) == 2
        assert capsys.readouterr().err == f"lcodec: {reason.format(models)}\n"
    assert contents(models) == before


def damage_config(models: Path) -> Path:
    path = models / VISUAL / "config.json"
    path.write_text("{")
    return path


def damage_tensors(models: Path) -> Path:
    path = models / "transforms" / "transforms.safetensors"
    path.write_bytes(b"?")
    return path


@pytest.mark.parametrize(("damage", "status"), [(damage_config, 6), (damage_tensors, 8)])
def test_damage_in_the_folder_is_told(
    damage: Callable[[Path], Path], status: int, models: Path, tmp_path: Path, capsys: Capture
) -> None:
    model = trained_over(models, "groupedmixer")
    path = damage(models)
    assert export_it(tmp_path, model, "mine") == status
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path if status == 6 else path.parent) in line
    assert not (models / "mine").exists()


def test_a_damaged_model_can_be_replaced(models: Path, tmp_path: Path) -> None:
    model = trained_over(models, VISUAL)
    damage_config(models)
    assert export_it(tmp_path, model, VISUAL, "--transforms", VISUAL_TRANSFORMS) == 0
    assert all(check.state is weights.FileState.OK for check in weights.verify())
    assert json.loads((models / VISUAL / "config.json").read_text())["transforms"]
    load_model(VISUAL, "cpu")


@pytest.mark.parametrize("packed", [False, True])
def test_a_scale_is_measured_on_a_folder_or_a_pack(
    packed: bool, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def noted(model: TwinCodec, found: list[calibrate.Pixels]) -> TwinCodec:
        assert [pixels.shape for pixels in found] == [(64, 80, 3)]
        return calibrated(model, found)

    monkeypatch.setattr(export, "calibrated", noted)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(picture(64, 80)).save(pictures / "a.png")
    if packed:
        pictures = Path(shutil.make_archive(str(tmp_path / "pack"), "zip", pictures))
    model = trained_over(models, VISUAL)
    words = ["mine", "--transforms", "own", "--calibrate"]
    assert export_it(tmp_path, model, *words, str(tmp_path / "none.zip")) == 3
    assert "none.zip: no such folder or pack" in capsys.readouterr().err
    assert export_it(tmp_path, model, *words, str(pictures)) == 0
    assert load_model("mine", "cpu").config.scale == RISING


@pytest.mark.parametrize("fails", ["entropy.safetensors", "config.json", "weights.lock"])
def test_a_full_disk_leaves_everything_as_it_was(
    fails: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(export, "calibrated", calibrated)
    real = atomic.atomic_write

    @contextmanager
    def full(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
        with real(path, overwrite=overwrite) as stream:
            if path.name == fails:
                raise OSError(errno.ENOSPC, "No space left on device")
            yield stream

    Image.fromarray(picture(64, 80)).save(tmp_path / "a.png")
    run_folder = write_run(tmp_path / "run", trained_over(models, VISUAL))
    words = ["weights", "export", run_folder]
    again = [*words, VISUAL, "--transforms", VISUAL_TRANSFORMS, "--calibrate", str(tmp_path)]
    before, kept = contents(models), weights.stated_id(weights.find_model(VISUAL))
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "atomic_write", full)
        for arguments in (
            [*again, "--keep"],
            again,
            [*words, "new", "--transforms", VISUAL_TRANSFORMS],
        ):
            assert run(arguments) == 8
            assert f"{fails}: cannot be written: No space" in capsys.readouterr().err
            assert contents(models) == before and not (models / "new").exists()
    assert run([*again, "--keep"]) == 0
    load_model(f"{VISUAL}@{kept}", "cpu")
    assert load_model(VISUAL, "cpu").config.scale == RISING
    assert all(check.state is weights.FileState.OK for check in weights.verify())


def test_a_damaged_lock_is_told_before_anything_is_written(models: Path, tmp_path: Path) -> None:
    model = trained_over(models, "groupedmixer")
    (models.parent / "weights.lock").write_text("?")
    before = contents(models)
    assert export_it(tmp_path, model, "mine") == 6
    assert contents(models) == before and not (models / "mine").exists()


def test_folders_side_by_side_have_locks_of_their_own(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = (models.parent / "weights.lock").read_bytes()
    folders = [tmp_path / "scratch", tmp_path / "more", models]
    for folder in folders[:2]:
        for name in ("groupedmixer", "mine"):
            assert export_it(tmp_path, tiny_codec(7), name, "--models", str(folder)) == 0
    assert (models.parent / "weights.lock").read_bytes() == lock
    monkeypatch.chdir(models)
    assert export_it(tmp_path, trained_over(models, "groupedmixer"), "mine", "--models", ".") == 0
    assert not (models / "weights.lock").exists()
    for folder in folders:
        monkeypatch.setenv("LCODEC_MODELS", str(folder))
        assert all(check.state is weights.FileState.OK for check in weights.verify())
        assert weights.find_model("mine").folder == folder / "mine"
        load_model("mine", "cpu")


def test_a_lock_beside_a_folder_of_another_name_is_still_found(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained_over(models, "groupedmixer")
    folder = models.rename(tmp_path / "other")
    lock = (tmp_path / "weights.lock").read_bytes()
    monkeypatch.setenv("LCODEC_MODELS", str(folder))
    load_model(VISUAL, "cpu")
    assert export_it(tmp_path, tiny_codec(7), "new", "--models", str(tmp_path / "more")) == 0
    assert export_it(tmp_path, model, "mine") == 0
    assert (tmp_path / "weights.lock").read_bytes() == lock
    assert {file.model for file in read_lock(tmp_path / "more" / "weights.lock")} == {
        "new",
        "transforms",
    }
    for name in ("mine", VISUAL, "groupedmixer"):
        load_model(name, "cpu")


HINTS = {
    "entropy": ("run", VISUAL, "run --transforms transforms-visual"),
    "elsewhere": ("run", VISUAL, "run --models {elsewhere} --transforms transforms-visual"),
    "psnr": ("run", "groupedmixer", "run"),
    "again": ("groupedmixer", "groupedmixer", "groupedmixer --keep"),
    "joint": ("run", VISUAL, "run --transforms run-transforms --calibrate {data}"),
    "another run": ("run", None, "run --transforms run-transforms --calibrate {data}"),
    "unscaled": ("run", VISUAL, "run --transforms run-transforms --calibrate {data}"),
    "other tune": ("run", VISUAL, "run --transforms run-transforms"),
    "transforms": ("transforms", "groupedmixer", "transforms-model"),
    "a name": ("_my run", "groupedmixer", "my-run"),
}


@pytest.mark.parametrize("case", HINTS)
def test_the_command_that_training_names_works(
    case: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "calibrated", calibrated)
    name, started, words = HINTS[case]
    model = trained_over(models, started or VISUAL)
    if case == "other tune":
        model.config = replace(model.config, tune="psnr")
    if case == "elsewhere":
        monkeypatch.setenv("LCODEC_MODELS", str(tmp_path / "none"))
    if case == "unscaled":
        shared = models / VISUAL_TRANSFORMS / "config.json"
        stated = json.loads(shared.read_text())
        shared.write_text(json.dumps({key: stated[key] for key in stated if key != "scale"}))
    data = tmp_path / "data"
    data.mkdir()
    Image.fromarray(picture(64, 80)).save(data / "a.png")
    folder = write_run(tmp_path / "runs" / name, model)
    start = models / started if started else Path(folder)
    stage = "joint" if case == "joint" else "entropy"
    options = TrainOptions(data=data, run=Path(folder), stage=stage, start=start)
    command = export_command(options, model.config)
    expected = words.format(data=data, elsewhere=models).split()
    assert command == ["lcodec", "weights", "export", folder, *expected]
    assert run(command[1:]) == 0
    if case != "unscaled":  # which nothing can load
        monkeypatch.setenv("LCODEC_MODELS", str(models))
        for released in (VISUAL, "groupedmixer", expected[0]):
            load_model(released, "cpu")
