"""Run folders: weights, averaged weights and optimiser state as safetensors, the rest as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lcodec.atomic import atomic_write
from lcodec.errors import InputError


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write safetensors, in place of what is there.

    Raises:
        OutputError: the file cannot be written.
    """
    data = save({k: v.detach().contiguous().cpu() for k, v in tensors.items()})
    with atomic_write(path, overwrite=True) as stream:
        stream.write(data)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, on the CPU."""
    return load_file(path)


def save_run(
    folder: Path,
    model: nn.Module,
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    info: dict[str, Any],
) -> None:
    """Write everything needed to continue or to export into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(dict(model.state_dict()), folder / "weights.safetensors")
    save_tensors(average, folder / "average.safetensors")
    names: dict[Tensor, str] = {p: name for name, p in model.named_parameters()}
    state = {
        f"{names[parameter]}/{key}": value
        for parameter, entry in optimiser.state.items()
        for key, value in entry.items()
    }
    save_tensors(state, folder / "optimiser.safetensors")
    with atomic_write(folder / "run.json", overwrite=True) as stream:
        stream.write(json.dumps(info, indent=1).encode())


def load_info(folder: Path) -> dict[str, Any]:
    """The JSON part of a run folder."""
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(f"{folder} is not a run folder: run.json is missing")
    return dict(json.loads(path.read_text()))


def load_weights(model: nn.Module, path: Path) -> list[str]:
    """Load all tensors of equal name and shape; returns the names in the model that stay fresh."""
    return take_tensors(model, load_file(path))


def take_tensors(model: nn.Module, stored: dict[str, Tensor]) -> list[str]:
    """`load_weights` for tensors in memory."""
    own = model.state_dict()
    taken = {k: v for k, v in stored.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(taken, strict=False)
    return sorted(set(own) - set(taken))


def load_optimiser(model: nn.Module, optimiser: torch.optim.Optimizer, path: Path) -> None:
    """Restore the optimiser's moments for the parameters it updates."""
    if not path.is_file():
        return
    stored = load_file(path)
    managed = {p for group in optimiser.param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        if parameter not in managed:
            continue
        prefix = name + "/"
        entry = {k[len(prefix) :]: v for k, v in stored.items() if k.startswith(prefix)}
        if entry and all(v.shape == parameter.shape for v in entry.values()):
            optimiser.state[parameter] = {k: v.to(parameter.device) for k, v in entry.items()}
