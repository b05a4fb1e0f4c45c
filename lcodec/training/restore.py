"""From a released model back to trainable weights: the inverse of `lcodec.training.integers`.

The integers are a rounded copy of the float twin, so training goes on from them nearly where it
stopped: exporting a restored model gives the released integers again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from lcodec.errors import InputError
from lcodec.loading import CONFIG_FILE, ENTROPY_FILE, TRANSFORMS_FILE, read_config
from lcodec.modelconfig import ModelConfig
from lcodec.nets.integer import profile as P
from lcodec.nets.integer import twin
from lcodec.nets.quality import QUALITY_MAX, QualityTable
from lcodec.nets.transforms import PATCH
from lcodec.nets.tune import find_tune
from lcodec.training import checkpoint
from lcodec.training.data import CropDataset, patch_components
from lcodec.training.integers import LEVELS, released_deviation
from lcodec.training.model import TrainingCodec
from lcodec.training.requality import on_levels_of
from lcodec.training.resize import fitted
from lcodec.training.widen import widened

Tensors = dict[str, Tensor]

SHARED = ("transforms.", "prior.", "network.synthesis.")
"""What every entropy model over the same latents takes from the same weights at the start."""


def is_released(folder: Path) -> bool:
    """Whether ``folder`` holds a released model (rather than a run)."""
    return (folder / CONFIG_FILE).is_file()


def read_sizes(folder: Path) -> ModelConfig:
    """Sizes of a run or of a released model."""
    if is_released(folder):
        return read_config(folder).sizes
    return ModelConfig.from_dict(checkpoint.load_info(folder)["config"])


def _anchors(levels: Tensor, count: int) -> Tensor:
    """Anchor rows whose interpolation comes nearest to the rows of all quality levels."""
    basis = QualityTable(count, count)
    with torch.no_grad():
        basis.values.copy_(torch.eye(count))
        weights = basis(torch.linspace(0, QUALITY_MAX, LEVELS)).double()
    return torch.linalg.lstsq(weights, levels.double()).solution.float()


def _linear(stored: Tensors, name: str, layer: twin.TwinLinear) -> None:
    scale = P.RESIDUAL_SCALE if layer.kind == "residual" else P.ACT_SCALE
    unit = stored[f"{name}.multiplier"].double() / scale
    weight = stored[f"{name}.weight"].double() * (unit * layer.input_scale)[:, None]
    layer.weight.copy_(weight)
    layer.bias.copy_(stored[f"{name}.bias"].double() * unit)


def _depthwise(stored: Tensors, name: str, layer: twin.TwinDepthwise) -> None:
    unit = stored[f"{name}.multiplier"].double() / P.ACT_SCALE
    layer.weight.copy_(stored[f"{name}.weight"] * (unit * P.ACT_SCALE)[:, None, None])
    layer.bias.copy_(stored[f"{name}.bias"] * unit)


def _head(stored: Tensors, name: str, layer: twin.TwinHead, deviation: Tensor) -> None:
    """``deviation`` (levels, n_out) in steps."""
    mean_step, index_step = stored[f"{name}.multiplier"].double().chunk(2, dim=1)
    mean_unit = (mean_step / (deviation * P.MEAN_SCALE)).mean(0)
    index_unit = index_step.mean(0) / P.HEAD_INDEX_GAIN
    unit = torch.cat((mean_unit, index_unit))
    mean_bias, index_bias = stored[f"{name}.bias"].double().chunk(2, dim=1)
    offset = (deviation.log() - P.LOG_SIGMA_MIN) / P.LOG_SIGMA_STEP
    index_bias = (index_bias * index_step - offset).mean(0) / P.HEAD_INDEX_GAIN
    weight = stored[f"{name}.weight"].double() * (unit * P.ACT_SCALE)[:, None]
    layer.linear.weight.copy_(weight)
    layer.linear.bias.copy_(torch.cat((mean_bias.mean(0) * mean_unit, index_bias)))


def _restore_entropy(model: TrainingCodec, stored: Tensors) -> None:
    deviation = released_deviation(model)
    for name, layer in model.network.named_modules():
        full = f"network.{name}"
        match layer:
            case twin.TwinEmbedding():
                _linear(stored, full, layer.linear)
            case twin.TwinHead():
                _head(stored, full, layer, deviation[:, layer.channels])
            case twin.TwinLinear() if not name.endswith(".linear"):
                _linear(stored, full, layer)
            case twin.TwinDepthwise():
                _depthwise(stored, full, layer)
            case twin.TwinTable():
                layer.weight.copy_(stored[f"{full}.weight"] / P.RESIDUAL_SCALE)
            case QualityTable():
                rows = stored[f"{full}.weight"] / P.RESIDUAL_SCALE
                layer.values.copy_(_anchors(rows, layer.values.shape[0]))
            case twin.TwinAttention():
                layer.bias.copy_(stored[f"{full}.bias"] * (math.log(2.0) / P.OCTAVE))
    prior = model.prior
    anchors = prior.mean.values.shape[0]
    prior.mean.values.copy_(_anchors(stored["prior_mean"] / P.MEAN_SCALE, anchors))
    sigma = stored["prior_index"] * P.LOG_SIGMA_STEP + P.LOG_SIGMA_MIN
    prior.log_sigma.values.copy_(_anchors(sigma, anchors))


def restore_model(folder: Path) -> TrainingCodec:
    """A trainable model with the weights of the released model in ``folder``.

    Raises:
        InputError: files are missing or do not belong together.
    """
    config, transforms_name, _ = read_config(folder)
    model = TrainingCodec(config)
    try:
        transforms = checkpoint.load_tensors(folder.parent / transforms_name / TRANSFORMS_FILE)
        stored = checkpoint.load_tensors(folder / ENTROPY_FILE)
        model.transforms.load_state_dict({k: v.float() for k, v in transforms.items()})
        with torch.no_grad():
            _restore_entropy(model, stored)
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(f"{folder}: not a complete released model: {error}") from error
    return model


def load_start(
    model: TrainingCodec,
    folder: Path,
    pictures: Callable[[], CropDataset],
    fresh: bool = False,
    entropy: Path | None = None,
) -> list[str]:
    """Take what fits from a run's averaged weights or from a released model.

    From an entropy model of another kind only the hyper-synthesis is taken, and so from any if
    ``fresh``. The rest can come from the model in ``entropy``, which may have other transforms and
    fewer latent channels. Weights of another tune are moved to the levels of the model's. Slices of a GroupedMixer are split if the model has more of them. If it
    has more latent channels, components of ``pictures`` are added. Returns the names of the
    tensors that stay fresh.
    """
    stored, config = _read(folder, model)
    more = model.config.transforms.latent - config.transforms.latent
    if more > 0:
        shown = stored["transforms.synthesis.linear.weight"].flatten(1)
        found = patch_components(pictures(), more, PATCH, without=shown)
        stored = widened(stored, config, model.config, *found)
    source, own = (stored, config) if entropy is None else _read(entropy, model)
    rest: Tensors = {}
    if not fresh and own.entropy.kind == model.config.entropy.kind:
        rest = fitted(source, own.entropy, model.config.entropy)
    stored = {k: v for k, v in stored.items() if k.startswith(SHARED)}
    stored |= {k: v for k, v in rest.items() if not k.startswith(SHARED)}
    return checkpoint.take_tensors(model, stored)


def _read(folder: Path, model: TrainingCodec) -> tuple[Tensors, ModelConfig]:
    """Weights, on the levels of the model's tune, and sizes of a run or of a released model."""
    if is_released(folder):
        source = restore_model(folder)
        stored, config = dict(source.state_dict()), source.config
    else:
        config = read_sizes(folder)
        source = TrainingCodec(config)
        stored = checkpoint.load_tensors(folder / "average.safetensors")
    old, new = find_tune(config.tune), find_tune(model.config.tune)
    return (stored if old == new else on_levels_of(source, stored, old, new)), config
