"""Damaged runs, latents and models: one line that names them, whatever is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from lcodec.errors import InputError
from lcodec.training.checkpoint import load_tensors
from lcodec.training.export import load_run
from lcodec.training.latents import LatentCrops
from lcodec.training.options import TrainOptions
from lcodec.training.start import read_sizes
from lcodec.training.trainer import Trainer
from lcodec.twin.restore import restore_model
from tests.tinymodel import CONFIG, picture


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def behead(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)


def exchange(path: Path) -> None:
    save_file({"other": torch.ones(3)}, path)


DAMAGES = [truncate, behead, empty, garble]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and a run of a step on them."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "data").mkdir()
    Image.fromarray(picture(100, 100)).save(folder / "data" / "a.png")
    options = TrainOptions(folder / "data", folder / "run", max_steps=1, crops=((0.0, 1, 64),))
    Trainer(options, CONFIG).run()
    return folder


@pytest.fixture
def options(made: Path, tmp_path: Path) -> TrainOptions:
    """Options that resume a copy of the run."""
    shutil.copytree(made / "run", tmp_path / "run")
    crops = ((0.0, 1, 64),)
    return TrainOptions(made / "data", tmp_path / "run", max_steps=2, crops=crops, resume=True)


def refuses(action: Callable[[], Any], words: str) -> None:
    """Check that an action raises an InputError of one line with these words."""
    with pytest.raises(InputError) as raised:
        action()
    assert words in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("damage", [*DAMAGES, exchange])
@pytest.mark.parametrize("kind", ["weights", "average", "optimiser", "random"])
def test_checkpoints(kind: str, damage: Callable[[Path], None], options: TrainOptions) -> None:
    file = options.run / f"{kind}.1.safetensors"
    damage(file)
    named = str(options.run if damage is exchange else file)
    refuses(lambda: Trainer(options, CONFIG), named)
    if kind == "average" and damage is not exchange:
        refuses(lambda: load_run(options.run), named)
        other = TrainOptions(options.data, options.run / "other", start=options.run)
        refuses(lambda: Trainer(other, CONFIG), named)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", "many"),
        ("elapsed", None),
        ("random", {}),
        ("random", None),
        ("files", []),
        ("files", {"weights": None}),
        ("files", {"weights": [1]}),
    ],
)
def test_figures_of_runs(name: str, value: Any, options: TrainOptions) -> None:
    path = options.run / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    refuses(lambda: Trainer(options, CONFIG), "is damaged")


@pytest.mark.parametrize("config", [None, "text", {}, {"kind": "groupedmixer", "entropy": 1}])
@pytest.mark.parametrize("read", [load_run, read_sizes])
def test_sizes_of_runs(read: Callable[[Path], Any], config: Any, options: TrainOptions) -> None:
    path = options.run / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "config": config}))
    refuses(lambda: read(options.run), f"{path}: ")


@pytest.mark.parametrize("damage", DAMAGES)
def test_files_of_latents(damage: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "latents.safetensors"
    y, z = torch.zeros(4, 3, 8, 8, dtype=torch.int16), torch.zeros(4, 2, 2, 2, dtype=torch.int16)
    crops = LatentCrops(y, z, torch.zeros(4), torch.zeros(32, dtype=torch.uint8))
    crops.save(path)
    assert torch.equal(LatentCrops.load(path).y, y)
    damage(path)
    refuses(lambda: LatentCrops.load(path), f"{path}: ")


@pytest.mark.parametrize(
    "changes",
    [
        {"y": torch.zeros(4, 3, 8)},
        {"y": torch.zeros(3, 3, 8, 8)},
        {"y": torch.zeros(4, 3, 4, 4)},
        {"z": torch.zeros(4)},
        {"quality": torch.zeros(())},
        {"quality": torch.zeros(5)},
        {"origin": torch.zeros(3)},
        {"other": torch.zeros(3)},
    ],
)
def test_latents_that_do_not_fit(changes: dict[str, torch.Tensor], tmp_path: Path) -> None:
    good = {"y": torch.zeros(4, 3, 8, 8), "z": torch.zeros(4, 2, 2, 2)}
    good |= {"quality": torch.zeros(4), "origin": torch.zeros(32)}
    save_file({**good, **changes}, tmp_path / "latents")
    refuses(lambda: LatentCrops.load(tmp_path / "latents"), "not a file of latents")


@pytest.mark.parametrize("damage", [*DAMAGES, exchange])
@pytest.mark.parametrize("file", ["groupedmixer/entropy", "transforms/transforms"])
def test_released_models(
    file: str, damage: Callable[[Path], None], tiny_model: Path, tmp_path: Path
) -> None:
    models = shutil.copytree(tiny_model, tmp_path / "models")
    assert load_file(models / f"{file}.safetensors")
    damage(models / f"{file}.safetensors")
    refuses(lambda: restore_model(models / "groupedmixer"), "not a complete released model")


@pytest.mark.parametrize("damage", DAMAGES)
def test_files_of_tensors(damage: Callable[[Path], None], tmp_path: Path) -> None:
    save_file({"a": torch.ones(100)}, tmp_path / "a.safetensors")
    damage(tmp_path / "a.safetensors")
    refuses(lambda: load_tensors(tmp_path / "a.safetensors"), "a.safetensors: not a complete file")
    refuses(lambda: load_tensors(tmp_path / "b.safetensors"), "b.safetensors: not a complete file")
