"""From released files to networks ready to run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lcodec import weights
from lcodec.entropy.model import IntegerEntropyModel
from lcodec.errors import UnsupportedError, UsageError, WeightsError
from lcodec.integer import profile as P
from lcodec.integer.carriers import make_carrier
from lcodec.nets.transforms import TransformConfig, Transforms
from lcodec.nets.typed import unfilled
from lcodec.weights.config import ModelConfig
from lcodec.weights.firstlayout import as_today, has_first_layout, with_names_of_today

TRANSFORMS_FILE = "transforms.safetensors"
ENTROPY_FILE = weights.ENTROPY_NAME
CONFIG_FILE = weights.CONFIG_NAME
MODEL_ID_BYTES = 4


@dataclass(frozen=True)
class LoadedModel:
    """Networks of one released model on one device.

    ``model_id`` stands for all weights, ``transforms_id`` for those of the transforms.
    """

    name: str
    config: ModelConfig
    transforms: Transforms
    entropy: IntegerEntropyModel
    model_id: bytes
    transforms_id: bytes
    device: torch.device


def canonical_id(
    config: ModelConfig | TransformConfig | dict[str, Any], *files: dict[str, Tensor]
) -> bytes:
    """First bytes of the SHA-256 over the sizes and all tensors.

    Sizes and profile as JSON without spaces, keys sorted; then of each tensor name, type, shape,
    little-endian values. Independent of the file format and of the order of the tensors in it.
    Sizes of a released model must be as its files state them: an earlier version may have known
    fewer, and its ids are over those.
    """
    match config:
        case ModelConfig():
            own = config.to_dict()
        case TransformConfig():
            own = asdict(config)
        case _:
            own = config
    sizes = {"profile": P.PROFILE, **own}
    digest = hashlib.sha256(json.dumps(sizes, sort_keys=True, separators=(",", ":")).encode())
    for tensors in files:
        for name in sorted(tensors):
            tensor = tensors[name].contiguous()
            digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
            values = tensor.numpy()
            digest.update(values.astype(values.dtype.newbyteorder("<")).tobytes())
    return digest.digest()[:MODEL_ID_BYTES]


def choose_device(name: str) -> torch.device:
    """``auto`` takes CUDA where it is there.

    Raises:
        UsageError: unknown name, or CUDA asked for where there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device is available; use --device cpu")
    if name not in ("cpu", "cuda"):
        raise UsageError(f"unknown device: {name} (auto, cpu, cuda)")
    return torch.device(name)


def default_carrier(device: torch.device) -> str:
    """The fastest carrier on the device: int8 where the CPU has instructions for its sums."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    fast = ("avx512_vnni", "avx_vnni", "amx_int8")
    if device.type == "cpu" and any(capabilities.get(name) for name in fast):
        return "int8"
    return "float32"


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"cannot read weights {path}: {error}") from error


def _build(
    config: ModelConfig,
    transform_tensors: dict[str, Tensor],
    entropy_tensors: dict[str, Tensor],
    entropy: IntegerEntropyModel,
    device: torch.device,
) -> Transforms:
    """Load the tensors into ``entropy`` and into transforms, which are returned."""
    with unfilled():
        transforms = Transforms(config.transforms)
    floats = {k: v.float() for k, v in transform_tensors.items()}
    try:
        transforms.load_state_dict(floats, strict=True, assign=True)
        entropy.load(entropy_tensors, device)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise WeightsError(f"weights do not fit their configuration: {first}") from error
    transforms.to(device).eval()
    transforms.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return transforms


class StoredConfig(NamedTuple):
    """What a released model says of itself.

    ``transforms`` is the name of its transforms, which lie beside it; ``model_id`` is hexadecimal;
    ``stated`` has the sizes word for word, for `canonical_id`.
    """

    sizes: ModelConfig
    transforms: str
    model_id: str | None
    stated: dict[str, Any]


def read_config(folder: Path) -> StoredConfig:
    """The configuration of the model in ``folder``.

    Raises:
        UnsupportedError: the model needs another arithmetic profile.
        WeightsError: the configuration cannot be understood.
    """
    try:
        data = json.loads((folder / CONFIG_FILE).read_text())
        profile, transforms = data["profile"], data["transforms"]
        if profile != P.PROFILE:
            raise UnsupportedError(
                f"model {folder.name} needs arithmetic profile {profile}, "
                f"this version has {P.PROFILE}"
            )
        first = has_first_layout(data)
        if first:
            shared, today = {"transforms": transforms}, as_today(data, folder.name)
        else:
            shared, today = json.loads((folder.parent / transforms / CONFIG_FILE).read_text()), data
        sizes = ModelConfig.from_dict({**today, **shared})
        keys = (
            ("transforms", "mixer")
            if first
            else ("transforms", "tune", "scale", "reach", "kind", "entropy")
        )
        everything = {**data, **shared}
        stated = {key: everything[key] for key in keys if key in everything}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"model {folder.name}: {CONFIG_FILE} not understood: {error}") from error
    return StoredConfig(sizes, today["transforms"], data.get("model_id"), stated)


def _needed(files: dict[str, Path], name: str, *needed: str) -> dict[str, Path]:
    for file in needed:
        if file not in files:
            raise WeightsError(f"model {name}: {file} is not listed in weights.lock")
    return files


@torch.inference_mode(mode=False)  # whoever loads: others may want gradients
def load_model(
    name: str, device: str = "auto", carrier: str = "auto", cached: bool = True
) -> LoadedModel:
    """Load a released model, checking the hash of every file.

    Raises:
        WeightsError: files missing, damaged, or not fitting together.
        UnsupportedError: the model needs another arithmetic profile.
    """
    info = weights.require_model(name)
    files = _needed(weights.load_model_files(name), name, CONFIG_FILE, ENTROPY_FILE)
    where = choose_device(device)
    config, transforms_name, model_id, stated = read_config(info.folder)
    beside = weights.load_files_beside(info, transforms_name)
    transform_files = _needed(beside, transforms_name, CONFIG_FILE, TRANSFORMS_FILE)
    transform_tensors = _read(transform_files[TRANSFORMS_FILE])
    stored_tensors = _read(files[ENTROPY_FILE])
    identity = canonical_id(stated, transform_tensors, stored_tensors)
    if model_id != identity.hex():
        raise WeightsError(f"model {name}: {CONFIG_FILE} does not belong to these weights")
    chosen = make_carrier(default_carrier(where) if carrier == "auto" else carrier)
    entropy = IntegerEntropyModel(config.entropy, chosen, cached)
    entropy_tensors = with_names_of_today(stored_tensors)
    transforms = _build(config, transform_tensors, entropy_tensors, entropy, where)
    shared = canonical_id(stated["transforms"], transform_tensors)
    return LoadedModel(name, config, transforms, entropy, identity, shared, where)
