"""Start a run from the weights of another run or of a released model, as far as they fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from lcodec.nets.transforms import PATCH
from lcodec.training import checkpoint
from lcodec.training.addblocks import add_blocks
from lcodec.training.addchannels import add_channels
from lcodec.training.data import Crops, patch_components
from lcodec.training.requality import on_levels_of
from lcodec.training.splitslices import split_slices
from lcodec.twin.codec import TwinCodec
from lcodec.twin.restore import restore_model
from lcodec.weights.config import ModelConfig
from lcodec.weights.load import CONFIG_FILE, read_config

Tensors = dict[str, Tensor]

SHARED = ("transforms.", "prior.", "network.synthesis.")
"""Tensors that all entropy models over the same latents have in common."""


def is_released(folder: Path) -> bool:
    """Whether ``folder`` holds a released model (rather than a run)."""
    return (folder / CONFIG_FILE).is_file()


def read_sizes(folder: Path) -> ModelConfig:
    """Sizes of a run or of a released model.

    Raises:
        InputError, WeightsError, UnsupportedError: they cannot be read.
    """
    if is_released(folder):
        return read_config(folder).sizes
    return checkpoint.load_sizes(folder)


def load_start(
    model: TwinCodec,
    folder: Path,
    pictures: Callable[[], Crops],
    fresh: bool = False,
    entropy: Path | None = None,
) -> list[str]:
    """Load what fits from a run's averaged weights or from a released model.

    With ``fresh``, or if the entropy model is of another kind, only its hyper-synthesis is taken.
    The rest can come from the model in ``entropy``, which may have other transforms and fewer
    latent channels. Weights of another tune are moved to the levels of the model's tune. Slices
    of a GroupedMixer are split if the model has more of them. If it has more latent channels,
    components of ``pictures`` are added; blocks that its transforms have more of change nothing at
    first. Returns the names of the tensors that stay fresh.

    Raises:
        InputError: a folder is neither a complete run nor a released model, or is damaged.
    """
    stored, config = _read(folder, model)
    more = model.config.transforms.latent - config.transforms.latent
    if more > 0:
        shown = stored["transforms.synthesis.linear.weight"].flatten(1)
        found = patch_components(pictures(), more, PATCH, without=shown)
        stored = add_channels(stored, config, model.config, *found)
    stored = add_blocks(stored, config.transforms, model.config.transforms)
    source, own = (stored, config) if entropy is None else _read(entropy, model)
    rest: Tensors = {}
    if not fresh and own.entropy.kind == model.config.entropy.kind:
        rest = split_slices(source, own.entropy, model.config.entropy)
    stored = {k: v for k, v in stored.items() if k.startswith(SHARED)}
    stored |= {k: v for k, v in rest.items() if not k.startswith(SHARED)}
    return checkpoint.take_tensors(model, stored)


def _read(folder: Path, model: TwinCodec) -> tuple[Tensors, ModelConfig]:
    """Weights, moved to the levels of the model's tune, and sizes of a run or released model."""
    if is_released(folder):
        source = restore_model(folder)
        stored, config = dict(source.state_dict()), source.config
    else:
        config = read_sizes(folder)
        source = TwinCodec(config)
        stored = checkpoint.load_kind(folder, "average")
    old, new = config.factors, model.config.factors
    return (stored if old == new else on_levels_of(source, stored, old, new)), config
