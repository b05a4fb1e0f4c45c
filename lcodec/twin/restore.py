"""From a released model back to trainable weights: the inverse of `lcodec.twin.integers`.

The integers are a rounded copy of the float twin, so training can continue from them almost where
it stopped: exporting a restored model gives the released integers again, but for some entries of
tables over the levels, which are fitted by a few anchors and can differ by 1.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lcodec.errors import InputError, reason_of
from lcodec.integer import profile as P
from lcodec.integer.trainable import twin_layers
from lcodec.twin.codec import TwinCodec
from lcodec.twin.integers import released_deviation
from lcodec.weights.firstlayout import with_names_of_today
from lcodec.weights.info import earlier_entropy
from lcodec.weights.load import ENTROPY_FILE, TRANSFORMS_FILE, read_config


def restore_entropy(model: TwinCodec, stored: dict[str, Tensor]) -> None:
    """Set the weights of all entropy layers from released integers.

    Raises:
        KeyError: a tensor is missing.
    """
    deviation = released_deviation(model)
    with torch.no_grad():
        for name, layer in twin_layers(model.network, "network."):
            prefix = f"{name}."
            own = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
            layer.from_integers(own, deviation)
    sigma = stored["prior_index"].float() * P.LOG_SIGMA_STEP + P.LOG_SIGMA_MIN
    model.prior.mean.fit_levels(stored["prior_mean"].float() / P.MEAN_SCALE)
    model.prior.log_sigma.fit_levels(sigma)
    model.kit.rounding.bounded = True


def restore_model(folder: Path, earlier: str | None = None) -> TwinCodec:
    """A trainable model with the weights of the released model in ``folder``.

    Of an ``earlier`` release that it keeps, if one is given by its id in hexadecimal. Its residual
    streams are clamped as the integers clamp them, while it rounds.

    Raises:
        InputError: files are missing, damaged, or do not belong together.
        WeightsError, UnsupportedError: see `lcodec.weights.load.read_config`.
    """
    config, transforms_name, *_ = read_config(folder, earlier)
    entropy = earlier_entropy(earlier) if earlier else ENTROPY_FILE
    model = TwinCodec(config).float()  # whatever default type the program has set in torch
    try:
        transforms = load_file(folder.parent / transforms_name / TRANSFORMS_FILE)
        stored = with_names_of_today(load_file(folder / entropy))
        model.transforms.load_state_dict({k: v.float() for k, v in transforms.items()})
        restore_entropy(model, stored)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = reason_of(error, 200)
        raise InputError(f"{folder}: not a complete released model: {reason}") from error
    return model
