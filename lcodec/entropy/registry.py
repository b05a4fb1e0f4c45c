"""All entropy models: networks by kind, and the released sizes by name."""

from __future__ import annotations

from typing import Any

from lcodec.entropy.checkerboard import Checkerboard, CheckerboardConfig
from lcodec.entropy.econtextformer import EContextformer, EContextformerConfig
from lcodec.entropy.groupedmixer import GroupedMixer, GroupedMixerConfig
from lcodec.entropy.hyperprior import Hyperprior, HyperpriorConfig
from lcodec.entropy.memplusplus import MemPlusPlus, MemPlusPlusConfig
from lcodec.entropy.network import EntropyConfig, EntropyNetwork
from lcodec.entropy.serial import Serial, SerialConfig
from lcodec.errors import UsageError, WeightsError
from lcodec.integer.kit import Kit

_KINDS: dict[str, tuple[type[EntropyConfig], type[EntropyNetwork[Any]]]] = {
    config.kind: (config, network)
    for config, network in (
        (GroupedMixerConfig, GroupedMixer),
        (CheckerboardConfig, Checkerboard),
        (SerialConfig, Serial),
        (HyperpriorConfig, Hyperprior),
        (EContextformerConfig, EContextformer),
        (MemPlusPlusConfig, MemPlusPlus),
    )
}

# Fast and Large are Base with half and twice as many groups. Large can begin with what Base has
# learnt; a wider one could not, and two processor cores do not train it in days.
PRESETS: dict[str, EntropyConfig] = {
    "groupedmixer": GroupedMixerConfig(),
    "groupedmixer-fast": GroupedMixerConfig(slices=2),
    "groupedmixer-large": GroupedMixerConfig(slices=8),
    "checkerboard": CheckerboardConfig(),
    "serial": SerialConfig(),
    "hyperprior": HyperpriorConfig(),
    "econtextformer": EContextformerConfig(),
    "memplusplus": MemPlusPlusConfig(),
}

# GroupedMixer with one thing changed, to measure what it is worth. Not released.
ABLATIONS: dict[str, EntropyConfig] = {
    "groupedmixer-1x2x2": GroupedMixerConfig(slices=1),
    "groupedmixer-4x1x2": GroupedMixerConfig(rows=1),
    "groupedmixer-4x4x4": GroupedMixerConfig(rows=4, columns=4),
    "groupedmixer-inner": GroupedMixerConfig(mixers="inner"),
    "groupedmixer-cross": GroupedMixerConfig(mixers="cross"),
    "groupedmixer-channels-first": GroupedMixerConfig(channels_first=True),
}


def kinds() -> tuple[str, ...]:
    """All kinds of entropy models."""
    return tuple(_KINDS)


def preset(name: str) -> EntropyConfig:
    """Sizes of the entropy model called ``name``, released or an ablation.

    Raises:
        UsageError: there is none.
    """
    known = PRESETS | ABLATIONS
    if name not in known:
        raise UsageError(f"no entropy model `{name}`; there are: {', '.join(known)}")
    return known[name]


def make_network(config: EntropyConfig, kit: Kit) -> EntropyNetwork[Any]:
    """The network of a configuration over a kit."""
    return _KINDS[config.kind][1](config, kit)


def make_config(kind: str, sizes: dict[str, Any]) -> EntropyConfig:
    """A configuration from its stored form.

    Raises:
        WeightsError: the kind is unknown to this version, or the sizes are not its own.
    """
    if kind not in _KINDS:
        raise WeightsError(f"unknown kind of entropy model: {kind}")
    try:
        return _KINDS[kind][0](**sizes)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"configuration of {kind} not understood: {error}") from error
