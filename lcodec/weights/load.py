"""Load released files into networks ready to run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from lcodec import weights
from lcodec.entropy.model import IntegerEntropyModel
from lcodec.entropy.network import EntropyConfig
from lcodec.errors import UnsupportedError, UsageError, WeightsError, reason_of
from lcodec.integer import profile as P
from lcodec.integer.carriers import Carrier, make_carrier, own_settings
from lcodec.integer.check import check_finite
from lcodec.modules.typed import unfilled
from lcodec.nets.transforms import TransformConfig, Transforms
from lcodec.process.forks import in_forked_child
from lcodec.weights.config import ModelConfig
from lcodec.weights.firstlayout import as_today, has_first_layout, with_names_of_today
from lcodec.weights.info import EARLIER, earlier_entropy
from lcodec.weights.lock import check_model_name
from lcodec.weights.stored import CONFIG_LIMIT, parse_object, read_small

TRANSFORMS_FILE = "transforms.safetensors"
ENTROPY_FILE = weights.ENTROPY_NAME
CONFIG_FILE = weights.CONFIG_NAME
MODEL_ID_BYTES = 4

# A forked process with several threads would wait forever for those of its parent.
in_forked_child(lambda: torch.set_num_threads(1))


@dataclass(frozen=True)
class LoadedModel:
    """Networks of one released model on one device.

    ``model_id`` identifies all weights, ``transforms_id`` the transforms
    and their quality scale.
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
    Sizes of a released model must be as its files state them: an earlier version may have had
    fewer, and its ids cover only those.
    """
    match config:
        case ModelConfig():
            own = config.to_dict()
        case TransformConfig():
            own = config.to_dict()
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
    """The device called ``name``; ``auto`` is CUDA if it is available, else the CPU.

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


def _tensors(data: bytes, name: str) -> dict[str, Tensor]:
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise WeightsError(f"cannot read weights {name}: {reason_of(error)}") from error


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
    for name, tensor in floats.items():
        check_finite(name, tensor)
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
    """The configuration of a released model.

    ``transforms`` is the name of its transforms, which lie beside it; ``model_id`` is hexadecimal;
    ``stated`` has the sizes verbatim, for `canonical_id`; ``earlier`` what differs in the earlier
    releases that it keeps, by their ids: ``scale`` and ``entropy``, sizes of the entropy model.
    """

    sizes: ModelConfig
    transforms: str
    model_id: str | None
    stated: dict[str, Any]
    earlier: dict[str, dict[str, Any]]


def read_config(folder: Path, earlier: str | None = None) -> StoredConfig:
    """The configuration of the model in ``folder``, or of an ``earlier`` release that it keeps.

    Raises:
        UnsupportedError: the model needs another arithmetic profile.
        WeightsError: the configuration cannot be understood.
    """

    def read(name: str) -> bytes:
        return read_small(folder.parent / name / CONFIG_FILE, CONFIG_LIMIT)

    return _stored_config(folder.name, read, earlier)


def _stored_config(
    name: str, read: Callable[[str], bytes], earlier: str | None = None
) -> StoredConfig:
    """`read_config` of the model in the folder ``name``; ``read`` reads that of a folder.

    Of an ``earlier`` release that it keeps, if one is given by its id.
    """
    try:
        data = parse_object(read(name))
        profile, transforms = data["profile"], data["transforms"]
        if not isinstance(profile, int) or profile != P.PROFILE:
            raise UnsupportedError(
                f"model {name} needs arithmetic profile {str(profile)[:20]}, "
                f"this version has {P.PROFILE}"
            )
        first = has_first_layout(data)
        if first:
            shared, today, kept = {"transforms": transforms}, as_today(data, name), {}
        else:
            shared, today = parse_object(read(check_model_name(transforms))), data
            kept = _earlier(data)
            if earlier:
                data = today = {**data, "entropy": kept[earlier]["entropy"]}
                shared["scale"] = kept[earlier]["scale"]
        sizes = ModelConfig.from_dict({**today, **shared})
        keys = (
            ("transforms", "mixer")
            if first
            else ("transforms", "tune", "scale", "reach", "kind", "entropy")
        )
        everything = {**data, **shared}
        stated = {key: everything[key] for key in keys if key in everything}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        reason = reason_of(error, 200)
        raise WeightsError(f"model {name}: {CONFIG_FILE} not understood: {reason}") from error
    model_id = earlier or data.get("model_id")
    return StoredConfig(sizes, today["transforms"], model_id, stated, kept)


def _earlier(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """`StoredConfig.earlier`. At first only scales could differ, and were all that was stated."""
    stated = data.get(EARLIER)
    kept: dict[str, dict[str, Any]] = {}
    for model_id, entry in stated.items() if isinstance(stated, dict) else ():
        own = entry if isinstance(entry, dict) else {"scale": entry}
        kept[model_id] = {"entropy": data["entropy"], **own}
    return kept


def _network(
    name: str, config: EntropyConfig, carrier: Carrier, cached: bool
) -> IntegerEntropyModel:
    try:
        return IntegerEntropyModel(config, carrier, cached)
    except (ValueError, ArithmeticError, MemoryError, RuntimeError) as error:
        reason = reason_of(error, 200)
        raise WeightsError(f"model {name}: no network has these sizes: {reason}") from error


def _needed(files: dict[str, bytes], name: str, *needed: str) -> dict[str, bytes]:
    for file in needed:
        if file not in files:
            raise WeightsError(f"model {name}: {file} is not listed in weights.lock")
    return files


@own_settings()
@torch.inference_mode(mode=False)  # whatever the caller's mode: others may want gradients
def load_model(
    name: str, device: str = "auto", carrier: str = "auto", cached: bool = True
) -> LoadedModel:
    """Load a released model, checking the hash and the contents of every file.

    Every file is read once; none stays open or mapped.

    Raises:
        WeightsError: files missing, damaged, not fitting together, or beyond the bounds that make
            the arithmetic exact.
        UnsupportedError: the model needs another arithmetic profile.
    """
    info = weights.require_model(name)
    entropy_name = earlier_entropy(info.earlier) if info.earlier else ENTROPY_FILE
    files = _needed(weights.read_model_files(info), name, CONFIG_FILE, entropy_name)
    where = choose_device(device)
    own, beside = info.folder.name, {info.folder.name: files}

    def read(folder: str) -> bytes:
        if folder not in beside:
            found = weights.read_files_beside(info, folder)
            beside[folder] = _needed(found, folder, CONFIG_FILE, TRANSFORMS_FILE)
        return beside[folder][CONFIG_FILE]

    config, transforms_name, model_id, stated, _ = _stored_config(own, read, info.earlier)
    read(transforms_name)
    transform_files = _needed(beside[transforms_name], transforms_name, TRANSFORMS_FILE)
    # The bytes are freed as soon as there are tensors, so that both are not held for long.
    stored_tensors = _tensors(files.pop(entropy_name), name)
    transform_tensors = _tensors(transform_files.pop(TRANSFORMS_FILE), transforms_name)
    identity = canonical_id(stated, transform_tensors, stored_tensors)
    if model_id != identity.hex():
        raise WeightsError(f"model {name}: {CONFIG_FILE} does not belong to these weights")
    chosen = make_carrier(default_carrier(where) if carrier == "auto" else carrier)
    entropy = _network(name, config.entropy, chosen, cached)
    entropy_tensors = with_names_of_today(stored_tensors)
    transforms = _build(config, transform_tensors, entropy_tensors, entropy, where)
    # A level stands for a quality, so latents with another scale are other latents.
    meaning = {key: stated.get(key) for key in ("transforms", "scale")}
    shared = canonical_id(meaning, transform_tensors)
    return LoadedModel(name, config, transforms, entropy, identity, shared, where)
