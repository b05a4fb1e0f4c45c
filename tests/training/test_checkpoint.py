"""Checkpoints: whole at any moment, and small files where they are asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lcodec.errors import InputError
from lcodec.training import checkpoint
from lcodec.training.checkpoint import load_kind, save_portable, save_run
from lcodec.training.recipe import kept_options
from lcodec.training.runinfo import load_info

TENSORS = {f"t{k}": torch.full((100, 10), float(k)) for k in range(7)}


def same(found: dict[str, torch.Tensor], factor: float = 1.0) -> bool:
    return found.keys() == TENSORS.keys() and all(
        torch.equal(found[name], factor * value) for name, value in TENSORS.items()
    )


def test_files_have_the_size_that_is_asked_for(tmp_path: Path) -> None:
    save_run(tmp_path, {"average": TENSORS}, {"steps": 3}, largest=10_000)
    files = sorted(tmp_path.glob("*.safetensors"))
    assert len(files) == 4 and all(file.stat().st_size <= 10_000 for file in files)
    assert same(load_kind(tmp_path, "average"))


def test_a_new_checkpoint_replaces_the_old_one(tmp_path: Path) -> None:
    other = {"weights": {"a": torch.ones(1)}}
    save_run(tmp_path, {"average": TENSORS, **other}, {"steps": 3}, largest=10_000)
    (tmp_path / "latents.safetensors").write_bytes(b"stays")
    save_run(tmp_path, {"average": {k: 2 * v for k, v in TENSORS.items()}, **other}, {"steps": 4})
    assert same(load_kind(tmp_path, "average"), 2.0) and load_info(tmp_path)["steps"] == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "average.4.safetensors",
        "latents.safetensors",
        "run.json",
        "weights.4.safetensors",
    ]


def test_a_run_cut_off_while_saving_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_run(tmp_path, {"average": TENSORS, "weights": TENSORS}, {"steps": 3})
    written = checkpoint.save_tensors

    def only_average(tensors: dict[str, torch.Tensor], path: Path) -> None:
        if path.name.startswith("weights"):
            raise KeyboardInterrupt
        written(tensors, path)

    monkeypatch.setattr(checkpoint, "save_tensors", only_average)
    doubled = {k: 2 * v for k, v in TENSORS.items()}
    with pytest.raises(KeyboardInterrupt):
        save_run(tmp_path, {"average": doubled, "weights": doubled}, {"steps": 4})
    assert load_info(tmp_path)["steps"] == 3
    assert same(load_kind(tmp_path, "average")) and same(load_kind(tmp_path, "weights"))


def test_portable_weights_are_halves_in_small_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "PORTABLE_BYTES", 5_000)
    save_portable(tmp_path, TENSORS, {"steps": 3})
    files = sorted(tmp_path.glob("*.safetensors"))
    assert len(files) == 4 and all(file.stat().st_size <= 5_000 for file in files)
    assert load_file(files[0])["t0"].dtype == torch.float16
    found = load_kind(tmp_path, "average")
    assert same(found) and found["t0"].dtype == torch.float32


def test_older_runs_are_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "average.safetensors")
    (tmp_path / "run.json").write_text(json.dumps({"steps": 3}))
    assert same(load_kind(tmp_path, "average"))
    with pytest.raises(InputError, match=r"weights\.safetensors is missing"):
        load_kind(tmp_path, "weights")


@pytest.mark.parametrize("text", ["", "{", "[1]", "nul", "\udcff", "[" * 100_000])
def test_damaged_runs_are_refused_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text, "utf-8", errors="surrogateescape")
    for read in (load_info, kept_options):
        with pytest.raises(InputError, match=r"run\.json: is damaged"):
            read(tmp_path)
    with pytest.raises(InputError, match=r"run\.json is missing"):
        kept_options(tmp_path / "nowhere")
