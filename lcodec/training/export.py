"""Write a released model from a run folder: integers, transforms, configuration, lock entry."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcodec.errors import InputError, OutputError, UsageError
from lcodec.integer import profile as P
from lcodec.process.atomic import atomic_write
from lcodec.process.outputs import make_folder
from lcodec.training import checkpoint
from lcodec.training.calibrate import calibrated, lagrangian_scale
from lcodec.training.pictures import load_pictures
from lcodec.tunes import TuneName
from lcodec.twin.codec import TwinCodec
from lcodec.twin.headroom import with_headroom
from lcodec.twin.integers import export_entropy, export_transforms
from lcodec.weights.config import ModelConfig
from lcodec.weights.info import EARLIER, earlier_entropy
from lcodec.weights.load import (
    CONFIG_FILE,
    ENTROPY_FILE,
    TRANSFORMS_FILE,
    canonical_id,
    read_config,
)
from lcodec.weights.lock import LockedFile, check_model_name, lock_model

TRANSFORMS_NAME = "transforms"
"""Name of the transforms that the released models share."""


def load_run(run: Path, average: bool = True) -> TwinCodec:
    """The model of a run folder, with its averaged weights, in evaluation mode.

    Raises:
        InputError: the folder is not a run, lacks weights, or is damaged.
    """
    model = TwinCodec(checkpoint.load_sizes(run))
    kind = "average" if average else "weights"
    fresh = checkpoint.take_tensors(model, checkpoint.load_kind(run, kind))
    if fresh:
        raise InputError(f"{run}: {fresh[0]} is missing from the {kind}")
    return model.eval()


def write_model(
    model: TwinCodec, models: Path, name: str, transforms: str, keep: bool = False
) -> bytes:
    """Write ``models/name`` and, if they have changed, its transforms ``models/transforms``.

    Residual streams that the integers would clamp are scaled down, see `lcodec.twin.headroom`. With
    ``keep``, the model that was there is kept for its files (`lcodec.weights.info.with_earlier`).
    Returns the model id.

    Raises:
        UsageError: there is nothing to keep, or it has other transforms or another kind of
            entropy model.
        WeightsError: an accumulator bound cannot be proved.
        OutputError: a file cannot be written.
    """
    entropy: dict[str, Tensor] = export_entropy(with_headroom(model))
    shared = export_transforms(model.transforms)
    identity = canonical_id(model.config, shared, entropy)
    sizes = model.config.to_dict()
    set_folder, folder = models / transforms, models / name
    shared_keys = [key for key in ("transforms", "tune", "scale", "reach") if key in sizes]
    same = _same_tensors(shared, set_folder / TRANSFORMS_FILE)
    earlier = _keep(folder, model.config, same, identity.hex()) if keep else {}
    _write_json(set_folder, {key: sizes.pop(key) for key in shared_keys})
    if not same:
        checkpoint.save_tensors(shared, set_folder / TRANSFORMS_FILE)
    make_folder(folder)
    for path in folder.glob(earlier_entropy("*")):
        if path.name not in map(earlier_entropy, earlier):
            path.unlink()
    checkpoint.save_tensors(entropy, folder / ENTROPY_FILE)
    own = {"profile": P.PROFILE, "model_id": identity.hex(), "transforms": transforms, **sizes}
    _write_json(folder, {**own, EARLIER: earlier} if earlier else own)
    return identity


def _keep(folder: Path, config: ModelConfig, same: bool, model_id: str) -> dict[str, Any]:
    """Set aside the entropy model in ``folder``; what differs in all that are kept, by id.

    The new model, ``model_id``, is of this ``config``; ``same`` is whether its transforms are those
    that are there.
    """
    if not (folder / CONFIG_FILE).is_file():
        raise UsageError(f"--keep: there is no model in {folder}")
    there = read_config(folder)
    alike = replace(there.sizes, scale=config.scale, entropy=config.entropy) == config
    if not (same and alike and there.sizes.entropy.kind == config.entropy.kind):
        raise UsageError(f"--keep: the model in {folder} differs in more than entropy and scale")
    own = {"scale": list(there.sizes.scale), "entropy": there.stated["entropy"]}
    kept = {str(there.model_id): own, **there.earlier}
    kept.pop(model_id, None)
    if there.model_id in kept:
        os.replace(folder / ENTROPY_FILE, folder / earlier_entropy(there.model_id))
    return kept


def _write_json(folder: Path, data: dict[str, Any]) -> None:
    make_folder(folder)
    with atomic_write(folder / CONFIG_FILE, overwrite=True) as stream:
        stream.write(json.dumps(data, indent=1).encode() + b"\n")


def _same_tensors(tensors: dict[str, Tensor], path: Path) -> bool:
    if not path.is_file():
        return False
    stored = checkpoint.load_tensors(path)
    return stored.keys() == tensors.keys() and all(
        stored[k].dtype == v.dtype and torch.equal(stored[k], v) for k, v in tensors.items()
    )


def models_over(models: Path, transforms: str) -> list[str]:
    """Names of the models in folder ``models`` that use the transforms of that name."""
    found = []
    for path in sorted(models.glob(f"*/{CONFIG_FILE}")):
        if json.loads(path.read_text()).get("transforms") == transforms:
            found.append(path.parent.name)
    return found


def export_run(
    run: Path,
    models: Path,
    name: str,
    transforms: str = TRANSFORMS_NAME,
    replace: bool = False,
    calibrate: Path | None = None,
    keep: bool = False,
) -> tuple[LockedFile, ...]:
    """Release the averaged weights of ``run`` as ``models/name`` and add them to the lock.

    If ``calibrate`` names a folder or pack of pictures, the quality scale is measured on them; the
    scale of the tune psnr needs none. See `lcodec.training.calibrate`. With ``keep``, the model of
    that name, which must have the same transforms, is kept for its files.

    Raises:
        InputError, WeightsError, UsageError: see `load_run`, `write_model`, `lock_model`.
        UsageError: ``name`` and ``transforms`` are the same.
        OutputError: a file cannot be written; or other models use the transforms, those of this run
            differ, and ``replace`` is false.
    """
    check_model_name(name)
    check_model_name(transforms)
    if name == transforms:
        raise UsageError(f"{name}: a model and its transforms need different names")
    model = load_run(run)
    if calibrate is not None:
        model = calibrated(model, load_pictures(calibrate))
    elif model.config.tune == TuneName.PSNR and model.config.reach is not None:
        model.rescale(lagrangian_scale(model.config.reach))
    others = [other for other in models_over(models, transforms) if other != name]
    same = calibrate is None and _same_tensors(
        export_transforms(model.transforms), models / transforms / TRANSFORMS_FILE
    )
    if others and not same and not replace:
        raise OutputError(
            f"{models / transforms}: holds other transforms, used by {', '.join(others)}; name the"
            f" new ones differently with `--transforms {name}-transforms`, write to another folder"
            " with `--models DIR`, or replace them with `-f`"
        )
    write_model(model, models, name, transforms, keep)
    return *lock_model(models, name), *lock_model(models, transforms)
