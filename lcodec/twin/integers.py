"""From trained float twins to the released integers, with proof that no sum can overflow."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lcodec.errors import WeightsError
from lcodec.integer import profile as P
from lcodec.integer import twin
from lcodec.nets.quality import QUALITY_MAX, QualityTable
from lcodec.twin.codec import TwinCodec
from lcodec.weights.config import ModelConfig

LEVELS = QUALITY_MAX + 1


def prove_bound(name: str, weight: Tensor, bias: Tensor, input_limit: int) -> None:
    """Check that every output channel's sum stays exact in float32 for any input.

    Raises:
        WeightsError: some ``sum |w| * input_limit + |b|`` reaches 2^24, or a weight leaves its
            range.
    """
    if int(weight.abs().max()) > P.WEIGHT_LIMIT:
        raise WeightsError(f"{name}: a weight exceeds {P.WEIGHT_LIMIT}")
    sums = weight.to(torch.int64).abs().flatten(1).sum(1) * input_limit
    largest = bias.to(torch.int64).abs()
    largest = largest if largest.dim() == 1 else largest.amax(0)
    worst = int((sums + largest).max())
    if worst >= P.FLOAT32_EXACT:
        raise WeightsError(f"{name}: a sum can reach {worst}, the exact limit is 2^24")


def _integers(weight: Tensor, input_limit: int = P.ACT_LIMIT) -> tuple[Tensor, Tensor]:
    steps = twin.weight_steps(weight, input_limit)
    shaped = steps.reshape(-1, *([1] * (weight.dim() - 1)))
    return torch.round(weight.detach() / shaped).to(torch.int8), steps.double()


def _bias(bias: Tensor, unit: Tensor) -> Tensor:
    return torch.round(bias.detach().double() / unit).to(torch.int64)


def _finish(
    name: str, weight: Tensor, bias: Tensor, multiplier: Tensor, limit: int
) -> dict[str, Tensor]:
    prove_bound(name, weight, bias, limit)
    return {
        f"{name}.weight": weight,
        f"{name}.bias": bias.to(torch.int32),
        f"{name}.multiplier": multiplier.to(torch.float32),
    }


def _linear(name: str, layer: twin.TwinLinear) -> dict[str, Tensor]:
    weight, steps = _integers(layer.weight, layer.input_limit)
    unit = steps / layer.input_scale
    scale = P.RESIDUAL_SCALE if layer.kind == "residual" else P.ACT_SCALE
    return _finish(name, weight, _bias(layer.bias, unit), unit * scale, layer.input_limit)


def _depthwise(name: str, layer: twin.TwinDepthwise) -> dict[str, Tensor]:
    weight, steps = _integers(layer.weight)
    unit = steps / P.ACT_SCALE
    return _finish(name, weight, _bias(layer.bias, unit), unit * P.ACT_SCALE, P.ACT_LIMIT)


def _attention(name: str, bias: Tensor, head_width: int) -> dict[str, Tensor]:
    steps = P.OCTAVE / math.log(2.0)
    multiplier = steps / (P.ACT_SCALE**2 * math.sqrt(head_width))
    limited = torch.round(bias.detach().double() * steps).clamp(-P.SCORE_LIMIT, P.SCORE_LIMIT)
    return {
        f"{name}.bias": limited.to(torch.int32),
        f"{name}.multiplier": torch.tensor([multiplier], dtype=torch.float32),
    }


def _table(name: str, rows: Tensor) -> dict[str, Tensor]:
    scaled = torch.round(rows.detach().double() * P.RESIDUAL_SCALE)
    return {f"{name}.weight": scaled.clamp(-P.RESIDUAL_LIMIT, P.RESIDUAL_LIMIT).to(torch.int16)}


def _head(name: str, layer: twin.TwinHead, deviation: Tensor) -> dict[str, Tensor]:
    """``deviation`` (levels, n_out) in steps."""
    weight, steps = _integers(layer.linear.weight)
    unit = steps / P.ACT_SCALE
    n_out = deviation.shape[1]
    mean_unit, index_unit = unit.chunk(2)
    mean_bias, index_bias = layer.linear.bias.detach().double().chunk(2)
    offset = (deviation.log() - P.LOG_SIGMA_MIN) / P.LOG_SIGMA_STEP
    index_step = index_unit * P.HEAD_INDEX_GAIN
    rows = deviation.shape[0]
    bias = torch.cat(
        (
            torch.round(mean_bias / mean_unit).expand(rows, n_out),
            torch.round((index_bias * P.HEAD_INDEX_GAIN + offset) / index_step),
        ),
        dim=1,
    ).to(torch.int64)
    multiplier = torch.cat(
        (mean_unit * deviation * P.MEAN_SCALE, index_step.expand(rows, n_out)), dim=1
    )
    return _finish(name, weight, bias, multiplier, P.ACT_LIMIT)


def trained_qualities(config: ModelConfig) -> Tensor:
    """The quality the networks are given at each level of a file: (levels,)."""
    return torch.tensor([config.trained_quality(level) for level in range(LEVELS)])


def _rows(table: QualityTable, config: ModelConfig) -> Tensor:
    """The rows of a table at every level of a file."""
    values: Tensor = table(trained_qualities(config).to(table.values.device))
    return values.detach().double()


def released_deviation(model: TwinCodec) -> Tensor:
    """Deviation of the latents in steps at every quality level: (levels, latent)."""
    gains = model.transforms.gains
    return _rows(gains.log_gain, model.config).exp() * gains.deviation.detach().double()


def export_entropy(model: TwinCodec) -> dict[str, Tensor]:
    """All integers of the parse path, named as in `lcodec.entropy.model`.

    Raises:
        WeightsError: a layer's accumulator bound cannot be proved.
    """
    deviation = released_deviation(model)
    out: dict[str, Tensor] = {}
    for name, layer in model.network.named_modules():
        full = f"network.{name}"
        match layer:
            case twin.TwinEmbedding():
                out |= _linear(full, layer.linear)
            case twin.TwinHead():
                out |= _head(full, layer, deviation[:, layer.channels])
            case twin.TwinLinear() if not name.endswith(".linear"):
                out |= _linear(full, layer)
            case twin.TwinDepthwise():
                out |= _depthwise(full, layer)
            case twin.TwinTable():
                out |= _table(full, layer.weight)
            case QualityTable():
                out |= _table(full, _rows(layer, model.config))
            case twin.TwinAttention():
                out |= _attention(full, layer.bias, layer.head_width)
    prior = model.prior
    mean = torch.round(_rows(prior.mean, model.config) * P.MEAN_SCALE)
    index = torch.round((_rows(prior.log_sigma, model.config) - P.LOG_SIGMA_MIN) / P.LOG_SIGMA_STEP)
    out["prior_mean"] = mean.to(torch.int32)
    out["prior_index"] = index.clamp(0, P.SCALE_LEVELS - 1).to(torch.uint8)
    out["latent_multiplier"] = (P.LATENT_SCALE / deviation).to(torch.float32)
    return {k: v.contiguous().cpu() for k, v in out.items()}


def export_transforms(transforms: nn.Module) -> dict[str, Tensor]:
    """Float weights of the transforms: matrices as float16, small tensors as float32."""
    return {
        name: (value.half() if value.dim() == 4 else value.float()).contiguous().cpu()
        for name, value in transforms.state_dict().items()
    }
