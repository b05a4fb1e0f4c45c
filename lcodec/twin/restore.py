"""From a released model back to trainable weights: the inverse of `lcodec.twin.integers`.

The integers are a rounded copy of the float twin, so training goes on from them nearly where it
stopped: exporting a restored model gives the released integers again.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from lcodec.errors import InputError
from lcodec.integer import profile as P
from lcodec.integer import twin
from lcodec.nets.quality import QUALITY_MAX, QualityTable
from lcodec.twin.codec import TwinCodec
from lcodec.twin.integers import LEVELS, released_deviation
from lcodec.weights.firstlayout import with_names_of_today
from lcodec.weights.load import ENTROPY_FILE, TRANSFORMS_FILE, read_config

Tensors = dict[str, Tensor]


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


def _restore_entropy(model: TwinCodec, stored: Tensors) -> None:
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


def restore_model(folder: Path) -> TwinCodec:
    """A trainable model with the weights of the released model in ``folder``.

    Raises:
        InputError: files are missing or do not belong together.
    """
    config, transforms_name, *_ = read_config(folder)
    model = TwinCodec(config)
    try:
        transforms = load_file(folder.parent / transforms_name / TRANSFORMS_FILE)
        stored = with_names_of_today(load_file(folder / ENTROPY_FILE))
        model.transforms.load_state_dict({k: v.float() for k, v in transforms.items()})
        with torch.no_grad():
            _restore_entropy(model, stored)
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(f"{folder}: not a complete released model: {error}") from error
    return model
