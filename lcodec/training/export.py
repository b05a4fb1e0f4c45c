"""Write a released model from a run folder: integers, transforms, configuration, lock entry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcodec.errors import InputError, OutputError, UsageError, WeightsError
from lcodec.integer import profile as P
from lcodec.process.atomic import write_together
from lcodec.process.failures import readable
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
from lcodec.weights.lock import LockedFile, check_model_name, relocked, written_lock
from lcodec.weights.stored import CONFIG_LIMIT, parse_object, read_small

Changes = dict[Path, bytes | None]
"""New contents of files; None for those that go."""
SHARED_KEYS = ("transforms", "tune", "scale", "reach")
"""What the configuration of transforms states; the rest is in that of each model over them."""
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
    Returns the model id. On any failure, what was there stays as it was.

    Raises:
        InputError: the model to keep cannot be read.
        UsageError: there is nothing to keep, or it has other transforms or another kind of
            entropy model.
        WeightsError: an accumulator bound cannot be proved.
        OutputError: a file cannot be written.
    """
    changes, identity = _changes(model, models, name, transforms, keep)
    write_together(changes)
    return identity


def _changes(
    model: TwinCodec, models: Path, name: str, transforms: str, keep: bool
) -> tuple[Changes, bytes]:
    """What `write_model` writes, and the model id."""
    entropy: dict[str, Tensor] = export_entropy(with_headroom(model))
    shared = export_transforms(model.transforms)
    identity = canonical_id(model.config, shared, entropy)
    sizes = model.config.to_dict()
    set_folder, folder = models / transforms, models / name
    shared_keys = [key for key in SHARED_KEYS if key in sizes]
    same = _same_tensors(shared, set_folder / TRANSFORMS_FILE)
    earlier, changes = _keep(folder, model.config, same, identity.hex()) if keep else ({}, {})
    for path in folder.glob(earlier_entropy("*")):
        if path.name not in map(earlier_entropy, earlier):
            changes[path] = None
    changes[set_folder / CONFIG_FILE] = _as_json({key: sizes.pop(key) for key in shared_keys})
    if not same:
        changes[set_folder / TRANSFORMS_FILE] = checkpoint.as_file(shared)
    own = {"profile": P.PROFILE, "model_id": identity.hex(), "transforms": transforms, **sizes}
    changes[folder / CONFIG_FILE] = _as_json({**own, EARLIER: earlier} if earlier else own)
    changes[folder / ENTROPY_FILE] = checkpoint.as_file(entropy)
    return changes, identity


def _keep(
    folder: Path, config: ModelConfig, same: bool, model_id: str
) -> tuple[dict[str, Any], Changes]:
    """What differs in all models that are kept in ``folder``, by id, and the entropy model to keep.

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
    if there.model_id not in kept:
        return kept, {}
    with readable(str(folder / ENTROPY_FILE)):
        data = (folder / ENTROPY_FILE).read_bytes()
    return kept, {folder / earlier_entropy(there.model_id): data}


def _as_json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, indent=1).encode() + b"\n"


def _same_tensors(tensors: dict[str, Tensor], path: Path) -> bool:
    try:
        stored = checkpoint.load_tensors(path)
    except InputError:  # not there, or damaged, which nothing is the same as
        return False
    return stored.keys() == tensors.keys() and all(
        stored[k].dtype == v.dtype and torch.equal(stored[k], v) for k, v in tensors.items()
    )


def _stated(folder: Path) -> dict[str, Any]:
    """What the configuration in ``folder`` states; raises WeightsError if it cannot be read."""
    path = folder / CONFIG_FILE
    try:
        return parse_object(read_small(path, CONFIG_LIMIT))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: not understood: {error}") from error


def _shared(config: ModelConfig) -> dict[str, Any]:
    """What the transforms of a model state, as it is read again."""
    told = json.loads(json.dumps(config.to_dict()))
    return {key: told[key] for key in SHARED_KEYS if key in told}


def models_over(models: Path, transforms: str, but: str | None = None) -> list[str]:
    """Names of the models in folder ``models`` that use the transforms of that name.

    The model ``but`` is left out; it need not be sound.

    Raises:
        WeightsError: the configuration of a model cannot be read.
    """
    folders = sorted(path.parent for path in models.glob(f"*/{CONFIG_FILE}"))
    return [
        folder.name
        for folder in folders
        if folder.name not in (but, transforms) and _stated(folder).get("transforms") == transforms
    ]


def _check_names(models: Path, name: str, transforms: str) -> None:
    """Raise UsageError unless ``name`` can be a model, and ``transforms`` its transforms.

    A model may replace a model, and transforms transforms; each in place of the other would
    break what needs them.
    """
    check_model_name(name)
    check_model_name(transforms)
    if name == transforms:
        raise UsageError(f"{name}: a model and its transforms need different names")
    if (models / transforms / ENTROPY_FILE).exists():
        raise UsageError(f"--transforms {transforms}: {models / transforms} is a model")
    if (models / name / ENTROPY_FILE).exists():
        return
    if (models / name / TRANSFORMS_FILE).exists():
        raise UsageError(f"{name}: {models / name} holds transforms, not a model")


def _set_scale(model: TwinCodec, folder: Path, calibrate: Path | None) -> bool:
    """Give a model its scale; whether that and its transforms are the ones in ``folder``.

    An entropy model that was trained over transforms with a scale gets this scale: its levels are
    those of the models beside it.

    Raises:
        UsageError: its tune needs a scale, and there is none.
    """
    same = _same_tensors(export_transforms(model.transforms), folder / TRANSFORMS_FILE)
    stated = _stated(folder) if same else {}
    same = same and _without_scale(stated) == _without_scale(_shared(model.config))
    if calibrate is not None:
        calibrated(model, load_pictures(calibrate))
    elif same and "scale" in stated and not model.config.scale:
        there = {**model.config.to_dict(), "scale": stated["scale"]}
        model.rescale(ModelConfig.from_dict(there).scale)
    elif not same and model.config.tune == TuneName.PSNR and model.config.reach is not None:
        model.rescale(lagrangian_scale(model.config.reach))
    if model.config.tune != TuneName.PSNR and not model.config.scale:
        raise UsageError(
            f"a model of the tune {model.config.tune} needs a scale: add `--calibrate PICTURES`, or"
            " name with `--transforms` those it was trained over"
        )
    return same and _shared(model.config) == stated


def _without_scale(shared: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shared.items() if key != "scale"}


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

    If ``calibrate`` names a folder or pack of pictures, the quality scale is measured on them; see
    `lcodec.training.calibrate`. Otherwise it is that of the transforms there, if they are those of
    the run. The tune psnr needs neither. With ``keep``, the model of that name, which must have the
    same transforms, is kept for its files.

    Raises:
        InputError, WeightsError, UsageError: see `load_run`, `write_model`, `relocked`.
        UsageError: ``name`` is that of transforms, or ``transforms`` that of a model; or the tune
            needs a scale, and there is none.
        OutputError: a file cannot be written; or other models use the transforms, those of this run
            or their scale differ, and ``replace`` is false.
        WeightsError: the configuration of a model in the folder cannot be read.
    """
    _check_names(models, name, transforms)
    model = load_run(run)
    same = _set_scale(model, models / transforms, calibrate)
    others = models_over(models, transforms, but=name)
    if others and not same and not replace:
        raise OutputError(
            f"{models / transforms}: holds other transforms or another scale, used by"
            f" {', '.join(others)}; name the new ones differently with"
            f" `--transforms {name}-transforms`, write to another folder with `--models DIR`, or"
            " replace them with `-f`"
        )
    changes, _ = _changes(model, models, name, transforms, keep)
    files, lock = relocked(models, (name, transforms), changes)
    write_together({written_lock(models): lock, **changes})
    return files
