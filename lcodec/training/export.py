"""Write a released model from a run folder: integers, transforms, configuration, lock entry."""

from __future__ import annotations

import json
from pathlib import Path

from torch import Tensor

from lcodec.errors import InputError
from lcodec.loading import CONFIG_FILE, ENTROPY_FILE, TRANSFORMS_FILE, canonical_id
from lcodec.modelconfig import ModelConfig
from lcodec.nets.integer import profile as P
from lcodec.training import checkpoint
from lcodec.training.integers import export_entropy, export_transforms
from lcodec.training.model import TrainingCodec
from lcodec.weightslock import LockedFile, check_model_name, lock_model


def load_run(run: Path, average: bool = True) -> TrainingCodec:
    """The model of a run folder, with its averaged weights, in evaluation mode.

    Raises:
        InputError: the folder is not a run, or lacks weights.
    """
    info = checkpoint.load_info(run)
    model = TrainingCodec(ModelConfig.from_dict(info["config"]))
    path = run / ("average.safetensors" if average else "weights.safetensors")
    if not path.is_file():
        raise InputError(f"{run} is not a complete run folder: {path.name} is missing")
    fresh = checkpoint.load_weights(model, path)
    if fresh:
        raise InputError(f"{path} does not hold {fresh[0]}")
    return model.eval()


def write_model(model: TrainingCodec, folder: Path) -> bytes:
    """Write the files of a released model into ``folder``; returns the model id.

    Raises:
        WeightsError: an accumulator bound cannot be proved.
    """
    entropy: dict[str, Tensor] = export_entropy(model)
    transforms = export_transforms(model.transforms)
    identity = canonical_id(model.config, transforms, entropy)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.save_tensors(entropy, folder / ENTROPY_FILE)
    checkpoint.save_tensors(transforms, folder / TRANSFORMS_FILE)
    config = {"profile": P.PROFILE, "model_id": identity.hex(), **model.config.to_dict()}
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n")
    return identity


def export_run(run: Path, models: Path, name: str) -> tuple[LockedFile, ...]:
    """Release the averaged weights of ``run`` as ``models/name`` and enter them into the lock.

    Raises:
        InputError, WeightsError, UsageError: see `load_run`, `write_model`, `lock_model`.
    """
    check_model_name(name)
    write_model(load_run(run), models / name)
    return lock_model(models, name)
