"""Run folders: tensors as safetensors, the rest as JSON.

``run.json`` names the files that belong to it. They are written first and the old ones deleted
last, so that a run which is cut off at any moment has a whole checkpoint. Folders of older runs,
whose ``run.json`` names none, hold ``weights.safetensors`` and ``average.safetensors``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lcodec.atomic import atomic_write
from lcodec.errors import InputError

INFO_FILE = "run.json"
PORTABLE_BYTES = 15_000_000
"""The largest file of a `save_portable`."""

Tensors = dict[str, Tensor]


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write safetensors, in place of what is there.

    Raises:
        OutputError: the file cannot be written.
    """
    data = save({k: v.detach().contiguous().cpu() for k, v in tensors.items()})
    with atomic_write(path, overwrite=True) as stream:
        stream.write(data)


def load_tensors(path: Path) -> Tensors:
    """All tensors of a safetensors file, on the CPU."""
    return load_file(path)


def save_run(
    folder: Path,
    kinds: Mapping[str, Mapping[str, Tensor]],
    info: dict[str, Any],
    largest: int | None = None,
) -> None:
    """Replace the checkpoint in ``folder``.

    Args:
        kinds: tensors by kind: ``average`` for what is exported or started from, and whatever
            else going on takes.
        info: the JSON part; "steps" and "config" at least.
        largest: bytes of the largest file of tensors; the kinds are split into several if need be.

    Raises:
        OutputError: it cannot be written; the old one is still whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
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
    """The tensors in their order, in as many dictionaries as ``largest`` bytes each take."""
    parts: list[Tensors] = [{}]
    size = 0
    for name, tensor in tensors.items():
        own = tensor.numel() * tensor.element_size() + len(name) + 100  # of the file's header
        if largest is not None and parts[-1] and size + own > largest:
            parts.append({})
            size = 0
        parts[-1][name] = tensor
        size += own
    return parts


def save_portable(folder: Path, average: Mapping[str, Tensor], info: dict[str, Any]) -> None:
    """A run folder of averaged weights alone, in half precision and files of `PORTABLE_BYTES`.

    It can be measured, exported and started from, but not gone on with.
    """
    half = {
        name: value.half() if value.is_floating_point() else value
        for name, value in average.items()
    }
    save_run(folder, {"average": half}, info, PORTABLE_BYTES)


def load_info(folder: Path) -> dict[str, Any]:
    """The JSON part of a run folder."""
    path = folder / INFO_FILE
    if not path.is_file():
        raise InputError(f"{folder} is not a run folder: {INFO_FILE} is missing")
    return dict(json.loads(path.read_text()))


def load_kind(folder: Path, kind: str) -> Tensors:
    """The tensors of a kind of a run, half precision as float32.

    Raises:
        InputError: the folder is not a run, or lacks them.
    """
    names = load_info(folder).get("files", {}).get(kind, [f"{kind}.safetensors"])
    found: Tensors = {}
    for name in names:
        path = folder / name
        if not path.is_file():
            raise InputError(f"{folder} is not a complete run folder: {name} is missing")
        found |= load_file(path)
    return {k: v.float() if v.dtype == torch.float16 else v for k, v in found.items()}


def take_tensors(model: nn.Module, stored: Tensors) -> list[str]:
    """Load all tensors of equal name and shape; returns names in the model that stay fresh."""
    own = model.state_dict()
    taken = {k: v for k, v in stored.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(taken, strict=False)
    return sorted(set(own) - set(taken))
