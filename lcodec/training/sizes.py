"""Choose the network sizes of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lcodec.entropy.groupedmixer import GroupedMixerConfig
from lcodec.entropy.network import EntropyConfig
from lcodec.entropy.registry import preset
from lcodec.errors import UsageError, WeightsError
from lcodec.format import PATCH
from lcodec.nets.tune import REACH
from lcodec.training.start import read_sizes
from lcodec.tunes import parse_tune
from lcodec.weights.config import ModelConfig

MOST_CHANNELS = 3 * PATCH**2
"""Latent channels start as different components of patches, which have no more."""


def choose_sizes(
    resumed: Path | None,
    start: Path | None,
    *,
    entropy: Path | None = None,
    model: str | None = None,
    depth: int | None = None,
    channels: int | None = None,
    slices: list[int] | None = None,
    tune: str | None = None,
    frozen: bool = False,
    **blocks: int | None,
) -> ModelConfig:
    """Sizes of the run resumed or started from, else the default, changed as asked for.

    The entropy model over these transforms is that of the run or released model in ``entropy``,
    or the preset called ``model``, with ``depth`` layers; ``channels`` are latent channels,
    ``slices`` those of each slice of a GroupedMixer; ``tune`` is what to train for, ``blocks``
    are numbers of blocks of the transforms (`lcodec.training.options.BLOCKS`). Unless the
    transforms are ``frozen``, a run that is not resumed gets the reach of new runs and the
    deblocking filter.

    Raises:
        UsageError: a resumed run has other sizes or another tune, frozen transforms other blocks,
            there are more channels or blocks than asked for, a size is out of range, the model has
            no ``depth``, or ``entropy`` is of another kind than ``model``.
    """
    earlier = start if resumed is None else resumed
    config = ModelConfig() if earlier is None else read_sizes(earlier)
    config = replace(config, scale=())  # training uses the networks' own qualities
    own = config.transforms.latent
    if depth is not None and depth < 1:
        raise UsageError(f"--depth {depth}: must be 1 or more")
    if channels is not None and not 1 <= channels <= MOST_CHANNELS:
        raise UsageError(f"--channels {channels}: must be between 1 and {MOST_CHANNELS}")
    if earlier is not None and channels is not None and channels < own:
        raise UsageError(f"--channels {channels}: {earlier} has {own}, which can only grow")
    keep = resumed is not None
    if entropy is not None:
        found = read_sizes(entropy).entropy
        if model is not None and preset(model).kind != found.kind:
            raise UsageError(f"--entropy {entropy}: {found.kind} has nothing for --model {model}")
        config = _changed(config, found, own, keep, f"--entropy {entropy}")
    if model is not None:
        config = _changed(config, preset(model), own, keep, f"--model {model}")
    if depth is not None:
        if not hasattr(config.entropy, "depth"):
            raise UsageError(f"--depth {depth}: {config.entropy.kind} has no depth")
        deeper = replace(config.entropy, depth=depth)  # type: ignore[call-arg]
        config = _changed(config, deeper, own, keep, f"--depth {depth}")
    if channels is not None:
        config = _changed(config, config.entropy, channels, keep, f"--channels {channels}")
    if slices is not None:
        config = _sliced(config, slices, keep)
    config = _deepened(config, blocks, earlier, keep, frozen)
    if tune is not None and tune != config.tune:
        if keep:
            raise UsageError(f"--tune {tune}: the run is of tune {config.tune} and keeps it")
        config = replace(config, tune=parse_tune(tune))
    if not keep and not frozen:
        config = replace(
            config,
            reach=REACH[parse_tune(config.tune)],
            transforms=replace(config.transforms, deblocking=True),
        )
    return config


def _deepened(
    config: ModelConfig,
    blocks: dict[str, int | None],
    earlier: Path | None,
    keep: bool,
    frozen: bool,
) -> ModelConfig:
    for name, count in blocks.items():
        own = getattr(config.transforms, name)
        if count is None or count == own:
            continue
        if keep:
            raise UsageError(f"--set {name}={count}: the run has {own} blocks and keeps them")
        if frozen:
            raise UsageError(f"--set {name}={count}: the stage leaves the transforms as they are")
        if count < (min(own, 1) if earlier is None else own):
            raise UsageError(f"--set {name}={count}: there are {own} blocks, which can only grow")
        transforms = replace(config.transforms, **{name: count})  # type: ignore[arg-type]
        config = _readable(replace(config, transforms=transforms), f"--set {name}={count}")
    return config


def _sliced(config: ModelConfig, slices: list[int], keep: bool) -> ModelConfig:
    option = f"--set slices={slices}"
    if not isinstance(config.entropy, GroupedMixerConfig):
        raise UsageError(f"{option}: {config.entropy.kind} has no slices to choose")
    uneven = tuple(slices) if len(set(slices)) > 1 else ()
    try:
        cut = replace(config.entropy, slices=len(slices), slice_channels=uneven)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
    return _changed(config, cut, cut.latent, keep, option)


def _changed(
    config: ModelConfig, entropy: EntropyConfig, channels: int, keep: bool, option: str
) -> ModelConfig:
    try:
        entropy = entropy.with_latent(channels)
        changed = replace(
            config, transforms=replace(config.transforms, latent=channels), entropy=entropy
        )
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
    if keep and changed != config:
        raise UsageError(f"{option}: the run has other sizes and keeps them")
    return _readable(changed, option)


def _readable(config: ModelConfig, option: str) -> ModelConfig:
    """The same sizes, checked as they will be when the run is read again."""
    try:
        ModelConfig.from_dict(config.to_dict())
    except WeightsError as error:
        reason = str(error).rpartition("not understood: ")[2]
        raise UsageError(f"{option}: {reason}") from error
    return config
