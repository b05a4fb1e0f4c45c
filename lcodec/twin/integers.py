"""From trained float twins to the released integers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lcodec.errors import WeightsError
from lcodec.integer import profile as P
from lcodec.integer.trainable import twin_layers
from lcodec.twin.codec import TwinCodec


def released_deviation(model: TwinCodec) -> Tensor:
    """Deviation of the latents in steps at every quality level: (levels, latent)."""
    gains = model.transforms.gains
    return gains.log_gain.levels().exp() * gains.deviation.detach().double()


def export_entropy(model: TwinCodec) -> dict[str, Tensor]:
    """All integers of the parse path, named as in `lcodec.entropy.model`.

    Raises:
        WeightsError: the sums of a layer cannot be proved to be exact.
    """
    deviation = released_deviation(model)
    out: dict[str, Tensor] = {}
    for name, layer in twin_layers(model.network, "network."):
        try:
            out |= {f"{name}.{k}": v for k, v in layer.to_integers(deviation).items()}
        except WeightsError as error:
            raise WeightsError(f"{name}: {error}") from error
    mean = torch.round(model.prior.mean.levels() * P.MEAN_SCALE)
    index = (model.prior.log_sigma.levels() - P.LOG_SIGMA_MIN) / P.LOG_SIGMA_STEP
    out["prior_mean"] = mean.to(torch.int32)
    out["prior_index"] = torch.round(index).clamp(0, P.SCALE_LEVELS - 1).to(torch.uint8)
    out["latent_multiplier"] = (P.LATENT_SCALE / deviation).to(torch.float32)
    return {k: v.contiguous().cpu() for k, v in out.items()}


def export_transforms(transforms: nn.Module) -> dict[str, Tensor]:
    """Float weights of the transforms: matrices as float16, small tensors as float32."""
    return {
        name: (value.half() if value.dim() == 4 else value.float()).contiguous().cpu()
        for name, value in transforms.state_dict().items()
    }
