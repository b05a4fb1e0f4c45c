"""Run folders: tensors as safetensors, the rest as JSON.

``run.json`` names the files of the checkpoint. New files are written before it and old ones
deleted after it, so that a run interrupted at any moment has a complete checkpoint. Older runs,
whose ``run.json`` names no files, hold ``weights.safetensors`` and ``average.safetensors``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lcodec.errors import InputError, OutputError, UsageError, WeightsError, reason_of
from lcodec.process.atomic import atomic_write
from lcodec.process.outputs import make_folder
from lcodec.training.runinfo import INFO_FILE, has_averages_alone, load_info
from lcodec.weights.config import ModelConfig

PORTABLE_BYTES = 15_000_000
"""Size limit of the files that `save_portable` writes."""

Tensors = dict[str, Tensor]


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write a safetensors file, replacing what is there.

    Raises:
        OutputError: the file cannot be written.
    """
    data = as_file(tensors)
    with atomic_write(path, overwrite=True) as stream:
        stream.write(data)


def as_file(tensors: Mapping[str, Tensor]) -> bytes:
    """The contents of a safetensors file."""
    data: bytes = save({k: v.detach().contiguous().cpu() for k, v in tensors.items()})
    return data


def load_tensors(path: Path) -> Tensors:
    """All tensors of a safetensors file, on the CPU.

    Raises:
        InputError: it cannot be read, or is damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a complete file of tensors: {reason_of(error)}") from error


def save_run(
    folder: Path,
    kinds: Mapping[str, Mapping[str, Tensor]],
    info: dict[str, Any],
    largest: int | None = None,
) -> None:
    """Replace the checkpoint in ``folder``.

    Args:
        kinds: tensors by kind: ``average`` is exported and started from, the others are needed to
            resume.
        info: the JSON part, with at least "steps" and "config".
        largest: size limit of a file of tensors in bytes; larger kinds are split.

    Raises:
        OutputError: it cannot be written; the old one is still complete.
    """
    make_folder(folder)
    files: dict[str, list[str]] = {}
    for kind, tensors in kinds.items():
        parts = _parts(tensors, largest)
        stem = f"{kind}.{info['steps']}"
        ends = [""] if len(parts) == 1 else [f".{number}" for number in range(1, len(parts) + 1)]
        files[kind] = [f"{stem}{end}.safetensors" for end in ends]
        for name, part in zip(files[kind], parts, strict=True):
            save_tensors(part, folder / name)
    with atomic_write(folder / INFO_FILE, overwrite=True) as stream:
        stream.write(json.dumps({**info, "files": files}, indent=1).encode())
    current = {name for names in files.values() for name in names}
    for kind in kinds:
        for path in folder.glob(f"{kind}.*safetensors"):
            if path.name not in current:
                path.unlink()


def _parts(tensors: Mapping[str, Tensor], largest: int | None) -> list[Tensors]:
    """Split tensors, in order, into dictionaries that each fit a file of ``largest`` bytes."""
    parts: list[Tensors] = [{}]
    size = 0
    for name, tensor in tensors.items():
        own = tensor.numel() * tensor.element_size() + len(name) + 100  # in the file's header
        if largest is not None and parts[-1] and size + own > largest:
            parts.append({})
            size = 0
        parts[-1][name] = tensor
        size += own
    return parts


def save_portable(folder: Path, average: Mapping[str, Tensor], info: dict[str, Any]) -> None:
    """Write a run folder of averaged weights alone, in float16 and files of `PORTABLE_BYTES`.

    It can be measured, exported and started from, but not resumed.

    Raises:
        OutputError: it cannot be written.
    """
    half = {
        name: value.half() if value.is_floating_point() else value
        for name, value in average.items()
    }
    save_run(folder, {"average": half}, info, PORTABLE_BYTES)


def check_portable(folder: Path, run: Path, identity: str | None) -> None:
    """Check that `save_portable` replaces nothing but what it wrote for the same run.

    ``identity`` is the "id" in the JSON part of the run in ``run``; None for older ones.

    Raises:
        UsageError: it is the folder of the run itself.
        OutputError: it holds another run.
    """
    if folder.resolve() == run.resolve():
        raise UsageError(f"--portable {folder}: is the folder of the run itself")
    if not (folder / INFO_FILE).exists():
        return
    info = load_info(folder)
    portable = has_averages_alone(info) and "random" in info
    if not portable or info.get("id") != identity:
        raise OutputError(f"--portable {folder}: holds another run already")


def load_kind(folder: Path, kind: str) -> Tensors:
    """The tensors of one kind in a run folder; float16 becomes float32.

    Raises:
        InputError: the folder is not a run, or a file is missing or damaged.
    """
    files = load_info(folder).get("files", {})
    names = files.get(kind, [f"{kind}.safetensors"]) if isinstance(files, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{folder / INFO_FILE}: is damaged: names no files")
    found: Tensors = {}
    for name in names:
        path = folder / name
        if not path.is_file():
            raise InputError(f"{folder} is not a complete run folder: {name} is missing")
        found |= load_tensors(path)
    return {k: v.float() if v.dtype == torch.float16 else v for k, v in found.items()}


def load_sizes(folder: Path) -> ModelConfig:
    """The sizes of a run.

    Raises:
        InputError: the folder is not a run, or its JSON part is damaged.
    """
    config = load_info(folder).get("config")
    try:
        if not isinstance(config, dict):
            raise WeightsError("the sizes of the model are missing")
        return ModelConfig.from_dict(config)
    except WeightsError as error:
        raise InputError(f"{folder / INFO_FILE}: {error}") from error


def take_tensors(model: nn.Module, stored: Tensors) -> list[str]:
    """Load the tensors that match in name and shape; returns the names of those left as is."""
    own = model.state_dict()
    taken = {k: v for k, v in stored.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(taken, strict=False)
    return sorted(set(own) - set(taken))
